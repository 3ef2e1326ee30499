#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hw/regs/registers.h"

namespace farrier::conformance {

using Bytes = std::vector<uint8_t>;
using Ipv6 = std::array<uint32_t, 4>;  // most significant word first

struct VlanTag {
  uint16_t tpid = 0x8100;
  uint16_t tci = 0;
};

// An IPv6 extension header: its next-header value and its length, a multiple of 8.
struct Extension {
  uint8_t number;
  size_t bytes;
};

// A frame to be made, well-formed if `length` allows. Addresses and ports are numbers.
struct FrameSpec {
  bool ipv6 = false;
  uint32_t src4 = 0x0A000001;
  uint32_t dst4 = 0x0A000002;
  Ipv6 src6 = {0xFD000000, 0, 0, 1};
  Ipv6 dst6 = {0xFD000000, 0, 0, 2};
  uint8_t protocol = 17;  // UDP and TCP get a header; of others the ports are the first bytes
  uint16_t src_port = 5000;
  uint16_t dst_port = 7000;
  std::vector<VlanTag> vlans;
  uint32_t option_words = 0;          // IPv4 options
  uint16_t fragment_word = 0;         // IPv4 flags and offset
  std::vector<Extension> extensions;  // IPv6; a fragment header says "first and last"
  uint8_t traffic_class = 0;
  size_t length = 60;       // of the whole frame; headers are cut off if it is too short for them
  size_t padding = 0;       // bytes at the end that IP does not count
  bool l4_checksum = true;  // else 0
  uint32_t id = 0;          // the last four bytes, and what fills the frame
};

Bytes MakeFrame(const FrameSpec& spec);

// Where the L4 header of such a frame begins.
size_t L4Offset(const FrameSpec& spec);

// Sum of 16-bit big-endian numbers, carries added back: RFC 1071, word by word.
uint16_t OnesSum(std::span<const uint8_t> bytes, uint32_t sum = 0);

// Makes the IPv4 header's checksum right, whatever else was changed.
void FixIpChecksum(Bytes& frame, size_t l3 = 14);

// The `id` of a frame from MakeFrame.
uint32_t FrameId(std::span<const uint8_t> frame);

// A packet as a card's host function gave it, its prefix taken apart byte by byte.
struct RxPacket {
  int function = 0;
  int queue = 0;
  Bytes bytes;  // as delivered

  // Meaningful on a prefixed function.
  uint8_t kind() const { return bytes.at(regs::prefix::kKind); }
  bool is_sent() const { return kind() == static_cast<uint8_t>(regs::PrefixKind::kSent); }
  bool is_mark() const { return kind() == static_cast<uint8_t>(regs::PrefixKind::kMark); }
  uint8_t flags() const { return bytes.at(regs::prefix::kFlags); }
  bool was_held() const { return (flags() & regs::prefix::kFlagWasHeld) != 0; }
  uint8_t owner() const { return bytes.at(regs::prefix::kOwner); }
  uint32_t generation() const { return Number(regs::prefix::kGeneration, 2); }
  uint32_t sequence() const { return Number(regs::prefix::kSequence, 4); }
  int64_t time() const { return static_cast<int64_t>(Number64(regs::prefix::kTime)); }
  uint32_t rss_hash() const { return Number(regs::prefix::kRssHash, 4); }
  uint8_t pacing_class() const { return bytes.at(regs::prefix::kPacingClass); }
  uint32_t tx_released() const { return Number(regs::prefix::kTxReleased, 4); }
  regs::ChecksumState l3_checksum() const {
    return static_cast<regs::ChecksumState>(bytes.at(regs::prefix::kChecksums) & 3);
  }
  regs::ChecksumState l4_checksum() const {
    return static_cast<regs::ChecksumState>(bytes.at(regs::prefix::kChecksums) >> 2);
  }
  bool bad_header() const { return (flags() & regs::prefix::kFlagBadHeader) != 0; }
  uint8_t l3_offset() const { return bytes.at(regs::prefix::kL3Offset); }
  uint8_t l4_offset() const { return bytes.at(regs::prefix::kL4Offset); }
  Bytes frame() const { return Bytes(bytes.begin() + regs::kPrefixBytes, bytes.end()); }

 private:
  uint32_t Number(size_t at, size_t count) const;
  uint64_t Number64(size_t at) const;
};

// What a host may ask for a packet.
struct TxWish {
  uint64_t departure = 0;  // ns; 0 = now
  uint8_t pacing_class = 0;
  bool insert_checksum = false;
  bool report_departure = false;
};

// A prefix and a frame, as a host gives them to the card.
Bytes TxPacket(uint8_t owner, uint32_t generation, uint32_t sequence, const Bytes& frame,
               const TxWish& wish = {});

}  // namespace farrier::conformance
