#include "tests/conformance/frames.h"

#include <algorithm>

namespace farrier::conformance {
namespace {

constexpr size_t kEthernetBytes = 14;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

void Put(Bytes& out, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0;) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace

size_t L4Offset(const FrameSpec& spec) {
  size_t offset = kEthernetBytes + 4 * spec.vlans.size();
  if (!spec.ipv6) return offset + 20 + 4 * spec.option_words;
  offset += 40;
  for (const Extension& extension : spec.extensions) offset += extension.bytes;
  return offset;
}

uint16_t OnesSum(std::span<const uint8_t> bytes, uint32_t sum) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
    sum = (sum & 0xFFFF) + (sum >> 16);
  }
  return static_cast<uint16_t>((sum & 0xFFFF) + (sum >> 16));
}

void FixIpChecksum(Bytes& frame, size_t l3) {
  const size_t header = (frame.at(l3) & 0xFu) * 4;
  frame[l3 + 10] = frame[l3 + 11] = 0;
  const uint16_t sum = ~OnesSum(std::span(frame).subspan(l3, header));
  frame[l3 + 10] = static_cast<uint8_t>(sum >> 8);
  frame[l3 + 11] = static_cast<uint8_t>(sum);
}

Bytes MakeFrame(const FrameSpec& spec) {
  Bytes out;
  Put(out, 0x020000000002, 6);
  Put(out, 0x020000000001, 6);
  for (const VlanTag& tag : spec.vlans) {
    Put(out, tag.tpid, 2);
    Put(out, tag.tci, 2);
  }
  const size_t l3 = kEthernetBytes + 4 * spec.vlans.size();
  const size_t l4 = L4Offset(spec);
  const size_t l4_header = spec.protocol == kTcp ? 20 : 8;
  // Lengths are those of a whole packet even if the frame is then cut.
  const size_t end = std::max(spec.length - std::min(spec.length, spec.padding), l4 + l4_header);
  if (spec.ipv6) {
    Put(out, 0x86DD, 2);
    Put(out, 0x60000000 | uint32_t{spec.traffic_class} << 20, 4);
    Put(out, end - l3 - 40, 2);
    Put(out, spec.extensions.empty() ? spec.protocol : spec.extensions[0].number, 1);
    Put(out, 64, 1);
    for (const uint32_t word : spec.src6) Put(out, word, 4);
    for (const uint32_t word : spec.dst6) Put(out, word, 4);
    for (size_t i = 0; i < spec.extensions.size(); ++i) {
      const Extension& extension = spec.extensions[i];
      const bool more = i + 1 < spec.extensions.size();
      Put(out, more ? spec.extensions[i + 1].number : spec.protocol, 1);
      Put(out, extension.number == 44 ? 0 : extension.bytes / 8 - 1, 1);
      out.resize(out.size() + extension.bytes - 2);
    }
  } else {
    Put(out, 0x0800, 2);
    Put(out, 0x45 + spec.option_words, 1);
    Put(out, spec.traffic_class, 1);
    Put(out, end - l3, 2);
    Put(out, 0x1234, 2);
    Put(out, spec.fragment_word, 2);
    Put(out, 64, 1);
    Put(out, spec.protocol, 1);
    Put(out, 0, 2);
    Put(out, spec.src4, 4);
    Put(out, spec.dst4, 4);
    for (uint32_t i = 0; i < spec.option_words; ++i) Put(out, 0x01010101, 4);
    FixIpChecksum(out, l3);
  }
  Put(out, spec.src_port, 2);
  Put(out, spec.dst_port, 2);
  if (spec.protocol == kTcp) {
    Put(out, 0x0102030405060708, 8);
    Put(out, 0x50100000, 4);
    Put(out, 0, 4);
  } else {
    Put(out, end - l4, 2);
    Put(out, 0, 2);
  }
  uint32_t filler = spec.id * 2654435761u + 1;
  while (out.size() < std::max(spec.length, end)) {
    filler = filler * 1664525u + 1013904223u;
    out.push_back(static_cast<uint8_t>(filler >> 24));
  }
  if (spec.length >= 18) {
    for (size_t i = 0; i < 4; ++i) {
      out[spec.length - 4 + i] = static_cast<uint8_t>(spec.id >> (24 - 8 * i));
    }
  }
  // The id of a frame too short for both is worth more than its checksum.
  const size_t place = l4 + (spec.protocol == kTcp ? 16 : 6);
  if (spec.l4_checksum && (spec.protocol == kUdp || spec.protocol == kTcp) &&
      place + 6 <= spec.length) {
    uint32_t sum = static_cast<uint32_t>(spec.protocol + end - l4);
    const auto addresses =
        spec.ipv6 ? std::span(out).subspan(l3 + 8, 32) : std::span(out).subspan(l3 + 12, 8);
    sum = OnesSum(addresses, sum);
    uint16_t checksum = ~OnesSum(std::span(out).subspan(l4, end - l4), sum);
    if (checksum == 0) checksum = 0xFFFF;
    out[place] = static_cast<uint8_t>(checksum >> 8);
    out[place + 1] = static_cast<uint8_t>(checksum);
  }
  out.resize(spec.length);
  return out;
}

uint32_t FrameId(std::span<const uint8_t> frame) {
  uint32_t id = 0;
  for (size_t i = frame.size() - 4; i < frame.size(); ++i) id = id << 8 | frame[i];
  return id;
}

uint64_t RxPacket::Number64(size_t at) const {
  uint64_t value = 0;
  for (size_t i = 8; i-- > 0;) value = value << 8 | bytes.at(at + i);
  return value;
}

uint32_t RxPacket::Number(size_t at, size_t count) const {
  uint32_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | bytes.at(at + i);
  return value;
}

Bytes TxPacket(uint8_t owner, uint32_t generation, uint32_t sequence, const Bytes& frame,
               const TxWish& wish) {
  Bytes out(regs::kPrefixBytes);
  for (const auto& fixed : regs::prefix::kFixed) out[fixed.offset] = fixed.value;
  out[regs::prefix::kKind] = static_cast<uint8_t>(regs::PrefixKind::kPacket);
  out[regs::prefix::kOwner] = owner;
  for (size_t i = 0; i < 2; ++i) {
    out[regs::prefix::kGeneration + i] = static_cast<uint8_t>(generation >> (8 * i));
  }
  for (size_t i = 0; i < 4; ++i) {
    out[regs::prefix::kSequence + i] = static_cast<uint8_t>(sequence >> (8 * i));
  }
  for (size_t i = 0; i < 8; ++i) {
    out[regs::prefix::kTime + i] = static_cast<uint8_t>(wish.departure >> (8 * i));
  }
  out[regs::prefix::kPacingClass] = wish.pacing_class;
  if (wish.insert_checksum) out[regs::prefix::kFlags] |= regs::prefix::kFlagInsertChecksum;
  if (wish.report_departure) out[regs::prefix::kFlags] |= regs::prefix::kFlagReportDeparture;
  out.insert(out.end(), frame.begin(), frame.end());
  return out;
}

}  // namespace farrier::conformance
