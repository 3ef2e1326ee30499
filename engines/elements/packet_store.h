#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engines/runtime/packet.h"

namespace farrier::elements {

// Frames longer than this are held nowhere.
inline constexpr uint32_t kMaxHeldBytes = 16384;
// What held and copied packets have ahead of them.
inline constexpr uint32_t kHeldHeadroom = 128;

// Copies of packets in the order of their arrival, numbered; bounded in packets and in bytes of
// frames, for which all memory is taken at set-up: a ring of bytes.
class PacketStore {
 public:
  // Both at least 1.
  PacketStore(size_t max_packets, size_t max_bytes);

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  uint64_t bytes() const { return bytes_; }
  // What it takes, full or empty.
  uint64_t memory_bytes() const { return memory_bytes_ + entries_.size() * sizeof(Entry); }
  // Held are packets first() <= number < next(), all of them but while state is being restored.
  uint64_t first() const { return empty() ? next_ : At(0).number; }
  uint64_t next() const { return next_; }

  bool Fits(uint32_t length) const {
    return size_ < entries_.size() && length <= max_bytes_ - bytes_ && length <= kMaxHeldBytes;
  }
  // Whether it would fit if nothing else were held.
  bool EverFits(uint32_t length) const { return length <= max_bytes_ && length <= kMaxHeldBytes; }

  // Copies a packet that fits; what its number is.
  uint64_t Append(const runtime::Packet& packet) { return Append(packet, next_, {}); }

  // The packet at `index`, counted from the oldest; a view that is true until it is dropped.
  runtime::Packet View(size_t index);
  uint32_t length(size_t index) const { return At(index).length; }
  runtime::Nanoseconds arrival(size_t index) const { return At(index).rx.arrival; }
  const std::string& unknown_fields(size_t index) const { return At(index).unknown_fields; }

  // Drops the oldest `count`.
  void Drop(size_t count);

  // Restoring: appends number `number` >= next(), with what a newer build said of it.
  uint64_t Append(const runtime::Packet& packet, uint64_t number, std::string unknown_fields);
  // Restoring: drops what is numbered below `first`; numbers go on from there at the least.
  void DropBelow(uint64_t first);

 private:
  struct Entry {
    uint64_t number = 0;
    size_t offset = 0;  // of its headroom in memory_
    uint32_t length = 0;
    runtime::RxMetadata rx;
    runtime::TxMetadata tx;
    std::string unknown_fields;
  };

  const Entry& At(size_t index) const { return entries_[Slot(index)]; }
  size_t Slot(size_t index) const {
    const size_t slot = head_ + index;
    return slot < entries_.size() ? slot : slot - entries_.size();
  }

  const uint64_t max_bytes_;
  std::vector<Entry> entries_;  // a ring: [head_, head_ + size_)
  size_t head_ = 0;
  size_t size_ = 0;
  uint64_t bytes_ = 0;
  uint64_t next_ = 0;
  size_t memory_bytes_;
  std::unique_ptr<uint8_t[]> memory_;
  size_t tail_ = 0;  // where the next goes, if it fits there
};

}  // namespace farrier::elements
