#include "tests/conformance/frames.h"

namespace farrier::conformance {
namespace {

void Put(Bytes& out, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0;) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace

Bytes MakeFrame(const FrameSpec& spec) {
  Bytes out;
  Put(out, 0x020000000002, 6);
  Put(out, 0x020000000001, 6);
  for (const VlanTag& tag : spec.vlans) {
    Put(out, tag.tpid, 2);
    Put(out, tag.tci, 2);
  }
  if (spec.ipv6) {
    Put(out, 0x86DD, 2);
    Put(out, 0x60000000, 4);
    Put(out, 8, 2);
    Put(out, spec.protocol, 1);
    Put(out, 64, 1);
    for (const uint32_t word : spec.src6) Put(out, word, 4);
    for (const uint32_t word : spec.dst6) Put(out, word, 4);
  } else {
    Put(out, 0x0800, 2);
    Put(out, 0x45 + spec.option_words, 1);
    Put(out, 0, 1);
    Put(out, 28 + 4 * spec.option_words, 2);
    Put(out, 0x1234, 2);
    Put(out, spec.fragment_word, 2);
    Put(out, 64, 1);
    Put(out, spec.protocol, 1);
    Put(out, 0, 2);
    Put(out, spec.src4, 4);
    Put(out, spec.dst4, 4);
    for (uint32_t i = 0; i < spec.option_words; ++i) Put(out, 0x01010101, 4);
  }
  Put(out, spec.src_port, 2);
  Put(out, spec.dst_port, 2);
  Put(out, 8, 2);
  Put(out, 0, 2);
  uint32_t filler = spec.id * 2654435761u + 1;
  while (out.size() < spec.length) {
    filler = filler * 1664525u + 1013904223u;
    out.push_back(static_cast<uint8_t>(filler >> 24));
  }
  out.resize(spec.length);
  if (spec.length >= 18) {
    for (size_t i = 0; i < 4; ++i) {
      out[spec.length - 4 + i] = static_cast<uint8_t>(spec.id >> (24 - 8 * i));
    }
  }
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

Bytes TxPacket(uint8_t owner, uint32_t generation, uint32_t sequence, const Bytes& frame) {
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
  out.insert(out.end(), frame.begin(), frame.end());
  return out;
}

}  // namespace farrier::conformance
