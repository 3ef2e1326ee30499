#include "tests/simulator/link.h"

#include <algorithm>
#include <utility>

namespace farrier::sim {

void Link::Receive(Frame frame) {
  ++counters_.frames;
  counters_.bytes += frame.size();
  const double ns_per_byte = 8e9 / static_cast<double>(options_.bits_per_second);
  const Nanoseconds start = std::max(free_at_, queue_.Now());
  const auto waiting = static_cast<double>(start - queue_.Now()) / ns_per_byte;
  if (waiting + static_cast<double>(frame.size()) > static_cast<double>(options_.queue_bytes)) {
    ++counters_.overflow;
    return;
  }
  free_at_ = start + static_cast<Nanoseconds>(static_cast<double>(frame.size()) * ns_per_byte);
  Nanoseconds arrival = free_at_ + options_.delay;

  const Faults& faults = options_.faults;
  if (random_.Chance(faults.loss)) {
    ++counters_.lost;
    return;
  }
  if (random_.Chance(faults.duplicate)) {
    ++counters_.duplicated;
    Deliver(arrival + random_.Uniform(0, faults.late), frame);
  }
  if (random_.Chance(faults.reorder)) {
    ++counters_.reordered;
    arrival += random_.Uniform(1, faults.late);
  }
  if (random_.Chance(faults.corrupt)) {
    ++counters_.corrupted;
    Corrupt(frame);
  }
  Deliver(arrival, std::move(frame));
}

void Link::Deliver(Nanoseconds when, Frame frame) {
  life_.At(when, [this, frame = std::move(frame)]() mutable {
    ++counters_.delivered;
    to_->Receive(std::move(frame));
  });
}

void Link::Corrupt(Frame& frame) {
  if (frame.empty()) return;
  const int64_t last_bit = static_cast<int64_t>(frame.size()) * 8 - 1;
  for (int64_t flips = random_.Uniform(1, 3); flips > 0; --flips) {
    const int64_t bit = random_.Uniform(0, last_bit);
    frame[static_cast<size_t>(bit / 8)] ^= static_cast<uint8_t>(1 << (bit % 8));
  }
}

}  // namespace farrier::sim
