#include "hw/model/checksum.h"

#include <bit>
#include <cstring>

#include "hw/model/big_endian.h"

namespace farrier::model {
namespace {

using regs::ChecksumState;

constexpr uint8_t kProtocolUdp = 17;
constexpr size_t kIpv4Place = 10;  // of the checksum in its header
constexpr size_t kUdpPlace = 6;
constexpr size_t kTcpPlace = 16;

uint64_t AddWithCarry(uint64_t a, uint64_t b) {
  a += b;
  return a + (a < b);
}

// Folds a sum of 16-bit numbers, carries added back (RFC 1071).
uint16_t Fold(uint64_t sum) {
  sum = (sum & 0xFFFFFFFF) + (sum >> 32);
  sum = (sum & 0xFFFF) + (sum >> 16 & 0xFFFF) + (sum >> 32);
  sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(sum + (sum >> 16));
}

// The folded sum of bytes taken as 16-bit numbers; an odd last byte is an upper half. The sum does
// not care in which order of bytes it is made (RFC 1071, section 2 (B)): so eight at a time.
uint16_t Sum(std::span<const uint8_t> bytes) {
  uint64_t sum = 0;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= sizeof(uint64_t); at += sizeof(uint64_t), left -= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    sum = AddWithCarry(sum, word);
  }
  uint64_t last = 0;
  if (left > 0) std::memcpy(&last, at, left);
  const uint16_t folded = Fold(AddWithCarry(sum, last));
  if constexpr (std::endian::native == std::endian::big) return folded;
  return static_cast<uint16_t>(folded << 8 | folded >> 8);
}

uint16_t SumSegment(std::span<const uint8_t> frame, const ParsedFrame& parsed) {
  uint64_t sum = uint64_t{parsed.protocol} + parsed.l4_bytes;
  for (const uint32_t word : parsed.src_ip) sum += word;
  for (const uint32_t word : parsed.dst_ip) sum += word;
  return Fold(sum + Sum(frame.subspan(parsed.l4_offset, parsed.l4_bytes)));
}

ChecksumState Verdict(uint16_t sum) {
  return sum == 0xFFFF ? ChecksumState::kGood : ChecksumState::kBad;
}

bool LooksAtL4(const ParsedFrame& parsed) {
  return parsed.has_ports() && !parsed.fragment && !parsed.routing;
}

}  // namespace

ChecksumStates VerifyChecksums(std::span<const uint8_t> frame, const ParsedFrame& parsed) {
  ChecksumStates states;
  if (parsed.network == Network::kNone) return states;
  const bool ipv4 = parsed.network == Network::kIpv4;
  states.l3 =
      ipv4 ? Verdict(Sum(frame.subspan(parsed.l3_offset, parsed.l3_bytes))) : ChecksumState::kNone;
  if (!LooksAtL4(parsed)) return states;
  const bool udp = parsed.protocol == kProtocolUdp;
  if (udp && Load16(&frame[parsed.l4_offset + kUdpPlace]) == 0) {
    states.l4 = ipv4 || parsed.tunnel ? ChecksumState::kNone : ChecksumState::kBad;
  } else {
    states.l4 = Verdict(SumSegment(frame, parsed));
  }
  return states;
}

void InsertChecksums(std::span<uint8_t> frame, const ParsedFrame& parsed) {
  const auto complement = [](uint16_t sum) { return static_cast<uint16_t>(~sum); };
  if (parsed.network == Network::kIpv4) {
    uint8_t* const place = &frame[parsed.l3_offset + kIpv4Place];
    Store16(place, 0);
    Store16(place, complement(Sum(frame.subspan(parsed.l3_offset, parsed.l3_bytes))));
  }
  if (!LooksAtL4(parsed)) return;
  const bool udp = parsed.protocol == kProtocolUdp;
  uint8_t* const place = &frame[parsed.l4_offset + (udp ? kUdpPlace : kTcpPlace)];
  Store16(place, 0);
  const uint16_t checksum = complement(SumSegment(frame, parsed));
  Store16(place, udp && checksum == 0 ? 0xFFFF : checksum);  // 0 would say that there is none
}

}  // namespace farrier::model
