#include "engines/elements/packet_store.h"

#include <algorithm>
#include <utility>

namespace farrier::elements {
namespace {

constexpr size_t kAlign = 16;

// What a frame takes of the ring.
constexpr size_t Footprint(size_t length) {
  return (kHeldHeadroom + length + kAlign - 1) / kAlign * kAlign;
}

// Packets lie in one piece, so at the ring's end less than the largest may be left unused. With so
// much on top of what packets within the limits take, what fits by the limits fits in the ring.
size_t MemoryFor(size_t packets, size_t bytes) {
  const size_t largest = Footprint(std::min<size_t>(bytes, kMaxHeldBytes));
  return bytes + packets * (kHeldHeadroom + kAlign) + largest;
}

}  // namespace

PacketStore::PacketStore(size_t max_packets, size_t max_bytes)
    : max_bytes_(max_bytes),
      entries_(max_packets),
      memory_bytes_(MemoryFor(max_packets, max_bytes)),
      memory_(std::make_unique<uint8_t[]>(memory_bytes_)) {}

uint64_t PacketStore::Append(const runtime::Packet& packet, uint64_t number,
                             std::string unknown_fields) {
  const size_t footprint = Footprint(packet.length());
  if (empty()) tail_ = 0;
  // Behind the newest, or at the start if the end is too near.
  if (memory_bytes_ - tail_ < footprint) tail_ = 0;
  Entry& entry = entries_[Slot(size_)];
  entry.number = number;
  entry.offset = tail_;
  entry.length = packet.length();
  entry.rx = packet.rx;
  entry.tx = packet.tx;
  entry.unknown_fields = std::move(unknown_fields);
  std::copy_n(packet.data(), packet.length(), &memory_[entry.offset + kHeldHeadroom]);
  tail_ += footprint;
  bytes_ += entry.length;
  ++size_;
  next_ = number + 1;
  return number;
}

runtime::Packet PacketStore::View(size_t index) {
  Entry& entry = entries_[Slot(index)];
  uint8_t* data = &memory_[entry.offset + kHeldHeadroom];
  runtime::Packet packet(data, entry.length, entry.length, &entry, kHeldHeadroom);
  packet.rx = entry.rx;
  packet.tx = entry.tx;
  return packet;
}

void PacketStore::Drop(size_t count) {
  for (size_t i = 0; i < count; ++i) bytes_ -= At(i).length;
  head_ = Slot(count);
  size_ -= count;
}

void PacketStore::DropBelow(uint64_t first) {
  size_t count = 0;
  while (count < size_ && At(count).number < first) ++count;
  Drop(count);
  next_ = std::max(next_, first);
}

}  // namespace farrier::elements
