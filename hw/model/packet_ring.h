#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "hw/regs/registers.h"

namespace farrier::model {

// Packets waiting at one of the card's inputs, first in first out, in one piece of memory. Each has
// room for a prefix ahead of its bytes, so that a packet going to the host is copied once.
class PacketRing {
 public:
  static constexpr size_t kHeadroomBytes = regs::kPrefixBytes;

  struct Record {
    size_t length = 0;         // as offered
    std::span<uint8_t> bytes;  // what was kept: the first `max_bytes` of it, after the headroom
    uint32_t function = 0;
  };

  // Keeps at most `max_bytes` of a packet; the rest can only be counted.
  PacketRing(size_t capacity_bytes, size_t max_bytes);

  bool empty() const { return head_ == tail_; }

  // False: full.
  bool Push(std::span<const uint8_t> packet, uint32_t function);

  // The oldest packet of a ring that is not empty; valid until Pop. The headroom may be
  // overwritten.
  Record Front();
  void Pop();

 private:
  struct Header {
    uint64_t length;
    uint32_t kept;  // kWrap: nothing here, go on at the start
    uint32_t function;
  };
  static constexpr uint32_t kWrap = ~uint32_t{0};
  static constexpr size_t kAlignment = 64;
  static_assert(sizeof(Header) <= kHeadroomBytes);

  size_t Offset(uint64_t position) const { return position % capacity_; }

  const size_t capacity_;
  const size_t max_bytes_;
  std::unique_ptr<uint8_t[]> data_;
  uint64_t head_ = 0;  // positions only grow
  uint64_t tail_ = 0;
  size_t front_bytes_ = 0;  // record size of Front()
};

}  // namespace farrier::model
