#include "hw/driver/owner_port.h"

#include "hw/driver/prefix.h"

namespace farrier::driver {

void OwnerPort::SetGeneration(uint16_t generation) {
  generation_ = generation;
  attached_ = true;
  last_tx_sequence_.store(0, std::memory_order_release);
}

bool OwnerPort::MarkSeen(uint16_t generation) const {
  const uint64_t mark = last_mark_.load(std::memory_order_acquire);
  return mark >> 16 != 0 && (mark & 0xFFFF) == generation;
}

PortCounters OwnerPort::counters() const {
  return {
      .rx_packets = rx_packets_.load(std::memory_order_relaxed),
      .rx_bad_prefix = rx_bad_prefix_.load(std::memory_order_relaxed),
      .rx_wrong_owner = rx_wrong_owner_.load(std::memory_order_relaxed),
      .rx_no_buffer = rx_no_buffer_.load(std::memory_order_relaxed),
      .marks = last_mark_.load(std::memory_order_relaxed) >> 16,
      .tx_packets = tx_packets_.load(std::memory_order_relaxed),
  };
}

bool OwnerPort::Accept(std::span<const uint8_t> bytes, runtime::RxMetadata& metadata) {
  const auto prefix = DecodeRx(bytes);
  if (!prefix) {
    CountBadPrefix();
    return false;
  }
  if (prefix->metadata.owner != owner_) {
    Add(rx_wrong_owner_);
    return false;
  }
  if (prefix->kind == regs::PrefixKind::kMark) {
    const uint64_t count = (last_mark_.load(std::memory_order_relaxed) >> 16) + 1;
    last_mark_.store(count << 16 | prefix->metadata.generation, std::memory_order_release);
    return false;
  }
  metadata = prefix->metadata;
  Add(rx_packets_);
  return true;
}

void OwnerPort::Stamp(const runtime::TxMetadata& metadata,
                      std::span<uint8_t, regs::kPrefixBytes> prefix) {
  const uint32_t sequence = last_tx_sequence_.load(std::memory_order_relaxed) + 1;
  EncodeTx({.owner = owner_, .generation = generation_, .sequence = sequence, .metadata = metadata},
           prefix);
  last_tx_sequence_.store(sequence, std::memory_order_release);
  Add(tx_packets_);
}

}  // namespace farrier::driver
