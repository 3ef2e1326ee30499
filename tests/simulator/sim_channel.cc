#include "tests/simulator/sim_channel.h"

#include <algorithm>

namespace farrier::sim {

std::pair<std::unique_ptr<SimChannel>, std::unique_ptr<SimChannel>> SimChannel::MakePair(
    EventQueue& queue, const Random& random) {
  auto one_way = std::make_shared<Pipe>();
  auto other_way = std::make_shared<Pipe>();
  std::unique_ptr<SimChannel> a(
      new SimChannel(queue, random.Fork("channel a"), one_way, other_way));
  std::unique_ptr<SimChannel> b(
      new SimChannel(queue, random.Fork("channel b"), other_way, one_way));
  one_way->reader = a.get();
  other_way->reader = b.get();
  return {std::move(a), std::move(b)};
}

SimChannel::~SimChannel() {
  in_->reader = nullptr;
  out_->writer_gone = true;
  out_->last_arrival = Arrival();
}

Nanoseconds SimChannel::Arrival() {
  const Nanoseconds when =
      std::max(out_->last_arrival, queue_.Now() + random_.Uniform(kLeastDelay, kMostDelay));
  queue_.At(when, [pipe = out_] {
    if (pipe->reader != nullptr && pipe->reader->wake_) pipe->reader->wake_();
  });
  return when;
}

absl::Status SimChannel::Post(upgrade::Parcel parcel) {
  if (out_->reader == nullptr) return absl::UnavailableError("the other process is gone");
  out_->last_arrival = Arrival();
  out_->parcels.emplace_back(out_->last_arrival, std::move(parcel));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<upgrade::Parcel>> SimChannel::Receive() {
  if (!in_->parcels.empty()) {
    auto& [arrival, parcel] = in_->parcels.front();
    if (arrival > queue_.Now()) return std::nullopt;
    std::optional<upgrade::Parcel> received(std::move(parcel));
    in_->parcels.pop_front();
    return received;
  }
  if (in_->writer_gone && in_->last_arrival <= queue_.Now()) {
    return absl::UnavailableError("the other process is gone");
  }
  return std::nullopt;
}

}  // namespace farrier::sim
