#include "hw/driver/card_port.h"

#include <algorithm>
#include <array>
#include <utility>

namespace farrier::driver {

CardPort::CardPort(model::Card& card, const CardPortOptions& options)
    : OwnerPort(options.owner, options.queues),
      card_(card),
      options_(options),
      rx_(options.queues),
      tx_free_(options.tx_buffers) {
  for (uint32_t queue = 0; queue < queues(); ++queue) Grant(queue, options.rx_buffers);
}

CardPort::~CardPort() = default;

void CardPort::Grant(uint32_t queue, uint32_t count) {
  rx_[queue].free += count;
  card_.GrantCredits(options_.function, options_.queue + static_cast<int>(queue), count);
}

void CardPort::Deliver(int queue, std::span<const uint8_t> bytes) {
  const auto index = static_cast<uint32_t>(queue - options_.queue);
  if (index >= queues() || rx_[index].free == 0) {
    CountNoBuffer();
    return;
  }
  --rx_[index].free;
  rx_[index].packets.push_back(
      std::make_unique<Buffer>(std::vector<uint8_t>(bytes.begin(), bytes.end()), index));
}

void CardPort::Flush() {
  while (!tx_.empty() && card_.FromHost(options_.function, options_.queue, tx_.front()->bytes)) {
    tx_.pop_front();
    ++tx_free_;
  }
}

size_t CardPort::RxBurst(std::span<runtime::Packet> out) {
  size_t n = 0;
  uint32_t empty = 0;  // queues found empty one after another
  while (n < out.size() && empty < queues()) {
    RxQueue& queue = rx_[next_queue_];
    const uint32_t index = std::exchange(next_queue_, (next_queue_ + 1) % queues());
    if (queue.packets.empty()) {
      ++empty;
      continue;
    }
    empty = 0;
    auto buffer = std::move(queue.packets.front());
    queue.packets.pop_front();
    runtime::RxMetadata metadata;
    if (!Accept(index, buffer->bytes, metadata)) {
      Grant(index, 1);
      continue;
    }
    const auto frame = static_cast<uint32_t>(buffer->bytes.size()) - regs::kPrefixBytes;
    uint8_t* data = buffer->bytes.data() + regs::kPrefixBytes;
    out[n] = runtime::Packet(data, frame, frame, buffer.release(), regs::kPrefixBytes);
    out[n++].rx = metadata;
  }
  return n;
}

bool CardPort::ArmRxEvent() {
  return std::all_of(rx_.begin(), rx_.end(), [](const RxQueue& q) { return q.packets.empty(); });
}

void CardPort::Release(std::span<runtime::Packet> packets) {
  std::array<uint32_t, regs::kMaxQueues> released{};
  for (auto& packet : packets) {
    if (packet.empty()) continue;
    const std::unique_ptr<Buffer> buffer(static_cast<Buffer*>(packet.buffer()));
    ++released[buffer->queue];
    packet = runtime::Packet();
  }
  for (uint32_t queue = 0; queue < queues(); ++queue) {
    if (released[queue] > 0) Grant(queue, released[queue]);
  }
}

size_t CardPort::Reserve(std::span<runtime::Packet> out) {
  Flush();
  const size_t n = MayLend(std::min<size_t>(out.size(), tx_free_), options_.max_frame);
  for (size_t i = 0; i < n; ++i) {
    auto buffer = std::make_unique<Buffer>();
    buffer->bytes.resize(regs::kPrefixBytes + options_.max_frame);
    uint8_t* data = buffer->bytes.data() + regs::kPrefixBytes;
    out[i] = runtime::Packet(data, 0, options_.max_frame, buffer.release());
  }
  Lent(n);
  tx_free_ -= n;
  return n;
}

void CardPort::Commit(std::span<runtime::Packet> packets) {
  for (auto& packet : packets) {
    if (packet.empty()) continue;
    const std::unique_ptr<Buffer> lent(static_cast<Buffer*>(packet.buffer()));
    const uint32_t length = std::min(packet.length(), packet.capacity());
    if (length == 0) {
      Unused(1);
      ++tx_free_;
    } else {
      auto sent = std::make_unique<Buffer>();
      sent->bytes.assign(lent->bytes.begin(), lent->bytes.begin() + regs::kPrefixBytes + length);
      Stamp(packet.tx, length, std::span(sent->bytes).first<regs::kPrefixBytes>());
      tx_.push_back(std::move(sent));
    }
    packet = runtime::Packet();
  }
  Flush();
}

}  // namespace farrier::driver
