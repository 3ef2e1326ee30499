#include "hw/sim/embedded_card.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <future>
#include <mutex>
#include <utility>

#include "hw/sim/card_loop.h"

namespace farrier::sim {
namespace {

model::CardOptions ModelOptions(const std::array<uint8_t, 6>& mac) {
  model::CardOptions options;
  options.functions = 1;
  options.mac = mac;
  return options;
}

}  // namespace

// What other threads want of the card, done by the card's.
class EmbeddedCard::Requests {
 public:
  using Access = std::function<uint32_t(model::Card&)>;

  explicit Requests(std::function<void()> wake) : wake_(std::move(wake)) {}

  absl::StatusOr<uint32_t> Call(Access access) {
    std::future<uint32_t> answer;
    {
      std::lock_guard lock(mutex_);
      if (closed_) return absl::UnavailableError("the embedded card has ended");
      waiting_.emplace_back(std::move(access));
      answer = waiting_.back().get_future();
      any_.store(true, std::memory_order_release);
      wake_();
    }
    return answer.get();
  }

  // The card's thread. False: there were none.
  bool Serve(model::Card& card) {
    if (!any()) return false;
    std::vector<std::packaged_task<uint32_t(model::Card&)>> now;
    {
      std::lock_guard lock(mutex_);
      now.swap(waiting_);
      any_.store(false, std::memory_order_relaxed);
    }
    for (auto& request : now) request(card);
    return true;
  }

  bool any() const { return any_.load(std::memory_order_acquire); }

  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }

 private:
  const std::function<void()> wake_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::packaged_task<uint32_t(model::Card&)>> waiting_;
  std::atomic<bool> any_{false};
};

class EmbeddedCard::Window final : public driver::CsrWindow {
 public:
  explicit Window(std::shared_ptr<Requests> requests) : requests_(std::move(requests)) {}

  absl::StatusOr<uint32_t> Read(uint32_t offset) override {
    return requests_->Call([offset](model::Card& card) { return card.ReadCsr(offset); });
  }
  absl::Status Write(uint32_t offset, uint32_t value) override {
    return requests_
        ->Call([offset, value](model::Card& card) {
          card.WriteCsr(offset, value);
          return value;
        })
        .status();
  }

 private:
  const std::shared_ptr<Requests> requests_;
};

absl::StatusOr<std::unique_ptr<EmbeddedCard>> EmbeddedCard::Open(
    const std::string& wire, const std::array<uint8_t, 6>& mac) {
  auto opened = Wire::Open({.port = wire, .faults = {}});
  if (!opened.ok()) return opened.status();
  std::unique_ptr<EmbeddedCard> card(new EmbeddedCard(mac));
  card->wire_ = *std::move(opened);
  card->thread_ = std::thread([raw = card.get()] {
    RunCard(
        raw->stop_, [raw](int64_t now_ns) { return raw->Work(now_ns); },
        [raw](int64_t longest_ns) { raw->Sleep(longest_ns); });
  });
  pthread_setname_np(card->thread_.native_handle(), "card");
  return card;
}

EmbeddedCard::EmbeddedCard(const std::array<uint8_t, 6>& mac)
    : requests_(std::make_shared<Requests>([this] { Wake(); })),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      card_(ModelOptions(mac), *this) {}

EmbeddedCard::~EmbeddedCard() {
  requests_->Close();
  stop_.store(true);
  Wake();
  thread_.join();
  requests_->Serve(card_);  // whoever came just before the end
  close(wake_fd_);
}

EmbeddedPort& EmbeddedCard::AddPort(const EmbeddedPortOptions& options) {
  auto made = std::make_unique<EmbeddedPort>(options, [this] { Wake(); });
  EmbeddedPort& port = *made;
  // Open until the destructor, so it is always done.
  requests_
      ->Call([&](model::Card&) {
        for (uint32_t i = 0; i < options.queues; ++i) {
          port_of_queue_[static_cast<uint32_t>(options.queue) + i] = &port;
        }
        ports_.push_back(std::move(made));
        return 0u;
      })
      .IgnoreError();
  return port;
}

std::unique_ptr<driver::CsrWindow> EmbeddedCard::OpenCsr() const {
  return std::make_unique<Window>(requests_);
}

void EmbeddedCard::ToHost(int /*function*/, int queue, std::span<const uint8_t> bytes) {
  // Credits, without which nothing comes, are granted by ports only.
  port_of_queue_[static_cast<size_t>(queue)]->Deliver(queue, bytes);
}

void EmbeddedCard::ToWire(std::span<const uint8_t> frame) { wire_->Send(frame); }

void EmbeddedCard::Wake() {
  // Against Sleep, which sets it before it looks for work: whichever comes second sees what the
  // other did.
  if (!sleeping_.exchange(false, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

bool EmbeddedCard::Work(int64_t now_ns) {
  bool moved = requests_->Serve(card_);
  for (auto& port : ports_) {
    moved |= port->Grant(card_);
    // No more from the host than the wire can take.
    if (!wire_->congested()) moved |= port->Offer(card_);
  }
  moved |= wire_->Receive(card_, now_ns) > 0;
  moved |= StepCard(card_);
  for (auto& port : ports_) port->Signal();
  wire_->Flush(now_ns);
  return moved;
}

void EmbeddedCard::Sleep(int64_t longest_ns) {
  sleeping_.exchange(true, std::memory_order_acq_rel);
  const bool takes = !wire_->congested();
  const bool work =
      stop_.load() || requests_->any() || std::ranges::any_of(ports_, [takes](const auto& port) {
        return port->ToGrant() || (takes && port->ToOffer());
      });
  const int64_t until = std::min(card_.NextEvent(), wire_->NextEvent());
  if (!work && WaitFor(wake_fd_, until, longest_ns)) {
    uint64_t count;
    [[maybe_unused]] const ssize_t drained = read(wake_fd_, &count, sizeof(count));
  }
  sleeping_.exchange(false, std::memory_order_acq_rel);
}

}  // namespace farrier::sim
