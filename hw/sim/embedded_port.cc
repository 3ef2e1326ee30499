#include "hw/sim/embedded_port.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace farrier::sim {

EmbeddedPort::EmbeddedPort(const EmbeddedPortOptions& options, std::function<void()> wake_card)
    : OwnerPort(options.owner, options.queues),
      options_(options),
      wake_card_(std::move(wake_card)),
      buffers_(std::make_unique_for_overwrite<Buffer[]>(
          size_t{options.queues} * options.rx_buffers + options.tx_buffers)),
      event_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      delivered_(size_t{options.queues} * options.rx_buffers),
      released_(size_t{options.queues} * options.rx_buffers),
      committed_(options.tx_buffers),
      sent_(options.tx_buffers),
      rx_free_(options.queues) {
  Buffer* buffer = buffers_.get();
  for (uint32_t queue = 0; queue < options.queues; ++queue) {
    rx_free_[queue].reserve(options.rx_buffers);
    for (uint32_t i = 0; i < options.rx_buffers; ++i, ++buffer) {
      buffer->queue = queue;
      released_.Push(buffer);
    }
  }
  tx_free_.reserve(options.tx_buffers);
  for (uint32_t i = 0; i < options.tx_buffers; ++i) tx_free_.push_back(buffer++);
}

EmbeddedPort::~EmbeddedPort() { close(event_fd_); }

void EmbeddedPort::Deliver(int queue, std::span<const uint8_t> bytes) {
  std::vector<Buffer*>& free = rx_free_[static_cast<size_t>(queue - options_.queue)];
  if (free.empty()) {
    CountNoBuffer();
    return;
  }
  Buffer* const buffer = free.back();
  free.pop_back();
  buffer->length = static_cast<uint32_t>(std::min(bytes.size(), buffer->bytes.size()));
  std::memcpy(buffer->bytes.data(), bytes.data(), buffer->length);
  delivered_.Push(buffer);  // there is room for all there are
  to_signal_ = true;
}

bool EmbeddedPort::Grant(model::Card& card) {
  std::array<uint32_t, regs::kMaxQueues> granted{};
  bool any = false;
  for (Buffer* buffer = nullptr; released_.Pop(buffer); any = true) {
    rx_free_[buffer->queue].push_back(buffer);
    ++granted[buffer->queue];
  }
  for (uint32_t queue = 0; any && queue < queues(); ++queue) {
    if (granted[queue] > 0) {
      card.GrantCredits(0, options_.queue + static_cast<int>(queue), granted[queue]);
    }
  }
  return any;
}

bool EmbeddedPort::Offer(model::Card& card) {
  bool taken = false;
  while (offered_ != nullptr || committed_.Pop(offered_)) {
    if (!card.FromHost(0, options_.queue, {offered_->bytes.data(), offered_->length})) break;
    sent_.Push(std::exchange(offered_, nullptr));
    taken = true;
  }
  return taken;
}

void EmbeddedPort::Signal() {
  if (!std::exchange(to_signal_, false)) return;
  // Against ArmRxEvent, which sets it before it looks at the ring: whichever comes second sees
  // what the other did.
  if (!armed_.exchange(false, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof(one));
}

size_t EmbeddedPort::RxBurst(std::span<runtime::Packet> out) {
  size_t n = 0;
  Buffer* buffer = nullptr;
  bool swallowed = false;
  while (n < out.size() && delivered_.Pop(buffer)) {
    runtime::RxMetadata metadata;
    const bool fits = buffer->length <= regs::kPrefixBytes + options_.max_frame;
    if (!fits) CountBadPrefix();
    if (!fits || !Accept(buffer->queue, {buffer->bytes.data(), buffer->length}, metadata)) {
      released_.Push(buffer);
      swallowed = true;
      continue;
    }
    const uint32_t frame = buffer->length - static_cast<uint32_t>(regs::kPrefixBytes);
    out[n] = runtime::Packet(buffer->bytes.data() + regs::kPrefixBytes, frame, frame, buffer,
                             regs::kPrefixBytes);
    out[n++].rx = metadata;
  }
  if (swallowed) wake_card_();
  return n;
}

void EmbeddedPort::Release(std::span<runtime::Packet> packets) {
  bool any = false;
  for (auto& packet : packets) {
    if (packet.empty()) continue;
    released_.Push(static_cast<Buffer*>(packet.buffer()));
    packet = runtime::Packet();
    any = true;
  }
  if (any) wake_card_();
}

size_t EmbeddedPort::Reserve(std::span<runtime::Packet> out) {
  for (Buffer* buffer = nullptr; sent_.Pop(buffer);) tx_free_.push_back(buffer);
  const size_t allowed = MayLend(out.size(), options_.max_frame);
  const size_t n = std::min(allowed, tx_free_.size());
  for (size_t i = 0; i < n; ++i) {
    Buffer* const buffer = tx_free_.back();
    tx_free_.pop_back();
    out[i] =
        runtime::Packet(buffer->bytes.data() + regs::kPrefixBytes, 0, options_.max_frame, buffer);
  }
  Lent(n);
  short_of_buffers_ = n < allowed;
  return n;
}

void EmbeddedPort::Commit(std::span<runtime::Packet> packets) {
  bool any = false;
  for (auto& packet : packets) {
    if (packet.empty()) continue;
    auto* const buffer = static_cast<Buffer*>(packet.buffer());
    const uint32_t frame = std::min(packet.length(), packet.capacity());
    if (frame == 0) {
      Unused(1);
      tx_free_.push_back(buffer);
    } else {
      buffer->length = static_cast<uint32_t>(regs::kPrefixBytes) + frame;
      Stamp(packet.tx, frame, std::span(buffer->bytes).first<regs::kPrefixBytes>());
      committed_.Push(buffer);
      any = true;
    }
    packet = runtime::Packet();
  }
  if (any) wake_card_();
}

bool EmbeddedPort::ArmRxEvent() {
  uint64_t count;
  [[maybe_unused]] const ssize_t drained = read(event_fd_, &count, sizeof(count));
  // There is no event for a buffer becoming free.
  if (std::exchange(short_of_buffers_, false)) return false;
  armed_.exchange(true, std::memory_order_acq_rel);
  if (delivered_.empty()) return true;
  armed_.exchange(false, std::memory_order_acq_rel);
  return false;
}

}  // namespace farrier::sim
