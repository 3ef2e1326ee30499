#include "hw/model/packet_ring.h"

#include <algorithm>
#include <cstring>

namespace farrier::model {
namespace {

constexpr size_t RoundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

PacketRing::PacketRing(size_t capacity_bytes, size_t max_bytes)
    : capacity_(RoundUp(std::max(capacity_bytes, 4 * (max_bytes + kHeadroomBytes)), kAlignment)),
      max_bytes_(max_bytes),
      data_(std::make_unique_for_overwrite<uint8_t[]>(capacity_)) {}

bool PacketRing::Push(std::span<const uint8_t> packet, uint32_t function) {
  const size_t kept = std::min(packet.size(), max_bytes_);
  const size_t record = RoundUp(kHeadroomBytes + kept, kAlignment);
  const size_t to_end = capacity_ - Offset(head_);
  const size_t skip = record > to_end ? to_end : 0;
  if (head_ + skip + record - tail_ > capacity_) return false;
  if (skip > 0) {
    const Header wrap = {.length = 0, .kept = kWrap, .function = 0};
    std::memcpy(data_.get() + Offset(head_), &wrap, sizeof(wrap));
    head_ += skip;
  }
  uint8_t* const at = data_.get() + Offset(head_);
  const Header header = {
      .length = packet.size(), .kept = static_cast<uint32_t>(kept), .function = function};
  std::memcpy(at, &header, sizeof(header));
  if (kept > 0) std::memcpy(at + kHeadroomBytes, packet.data(), kept);
  head_ += record;
  return true;
}

PacketRing::Record PacketRing::Front() {
  Header header;
  std::memcpy(&header, data_.get() + Offset(tail_), sizeof(header));
  if (header.kept == kWrap) {
    tail_ += capacity_ - Offset(tail_);
    std::memcpy(&header, data_.get(), sizeof(header));
  }
  front_bytes_ = RoundUp(kHeadroomBytes + header.kept, kAlignment);
  return {.length = header.length,
          .bytes = {data_.get() + Offset(tail_) + kHeadroomBytes, header.kept},
          .function = header.function};
}

void PacketRing::Pop() { tail_ += front_bytes_; }

}  // namespace farrier::model
