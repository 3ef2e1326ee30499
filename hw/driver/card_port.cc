#include "hw/driver/card_port.h"

#include <algorithm>
#include <utility>

namespace farrier::driver {

CardPort::CardPort(model::Card& card, const CardPortOptions& options)
    : OwnerPort(options.owner),
      card_(card),
      options_(options),
      rx_free_(options.rx_buffers),
      tx_free_(options.tx_buffers) {
  card_.GrantCredits(options_.function, options_.queue, options_.rx_buffers);
}

CardPort::~CardPort() = default;

void CardPort::Deliver(std::span<const uint8_t> bytes) {
  if (rx_free_ == 0) {
    CountNoBuffer();
    return;
  }
  --rx_free_;
  rx_.push_back(std::make_unique<Bytes>(bytes.begin(), bytes.end()));
}

void CardPort::Flush() {
  while (!tx_.empty() && card_.FromHost(options_.function, options_.queue, *tx_.front())) {
    tx_.pop_front();
    ++tx_free_;
  }
}

size_t CardPort::RxBurst(std::span<runtime::Packet> out) {
  size_t n = 0;
  uint32_t swallowed = 0;
  while (n < out.size() && !rx_.empty()) {
    auto bytes = std::move(rx_.front());
    rx_.pop_front();
    runtime::RxMetadata metadata;
    if (!Accept(*bytes, metadata)) {
      ++swallowed;
      continue;
    }
    const auto frame = static_cast<uint32_t>(bytes->size()) - regs::kPrefixBytes;
    uint8_t* data = bytes->data() + regs::kPrefixBytes;
    out[n] = runtime::Packet(data, frame, frame, bytes.release());
    out[n++].rx = metadata;
  }
  if (swallowed > 0) {
    rx_free_ += swallowed;
    card_.GrantCredits(options_.function, options_.queue, swallowed);
  }
  return n;
}

void CardPort::Release(std::span<runtime::Packet> packets) {
  uint32_t released = 0;
  for (auto& packet : packets) {
    if (packet.empty()) continue;
    GiveBack(packet);
    ++released;
  }
  if (released == 0) return;
  rx_free_ += released;
  card_.GrantCredits(options_.function, options_.queue, released);
}

size_t CardPort::Reserve(std::span<runtime::Packet> out) {
  if (!attached()) return 0;
  Flush();
  const size_t n = std::min<size_t>(out.size(), tx_free_);
  for (size_t i = 0; i < n; ++i) {
    auto bytes = std::make_unique<Bytes>(regs::kPrefixBytes + options_.max_frame);
    uint8_t* data = bytes->data() + regs::kPrefixBytes;
    out[i] = runtime::Packet(data, 0, options_.max_frame, bytes.release());
  }
  tx_free_ -= n;
  return n;
}

void CardPort::Commit(std::span<runtime::Packet> packets) {
  for (auto& packet : packets) {
    if (packet.empty()) continue;
    const uint32_t length = std::min(packet.length(), packet.capacity());
    if (length == 0) {
      GiveBack(packet);
      ++tx_free_;
      continue;
    }
    auto* reserved = static_cast<Bytes*>(packet.buffer());
    auto bytes =
        std::make_unique<Bytes>(reserved->begin(), reserved->begin() + regs::kPrefixBytes + length);
    Stamp(packet.tx, std::span(*bytes).first<regs::kPrefixBytes>());
    GiveBack(packet);
    tx_.push_back(std::move(bytes));
  }
  Flush();
}

void CardPort::GiveBack(runtime::Packet& packet) {
  delete static_cast<Bytes*>(packet.buffer());
  packet = runtime::Packet();
}

}  // namespace farrier::driver
