#include "hw/model/test_frames.h"

namespace farrier::model {
namespace {

void Put(Bytes& out, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0;) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

Bytes Ethernet(const TestFrame& spec, uint16_t type) {
  Bytes out;
  Put(out, 0x020000000002, 6);
  Put(out, 0x020000000001, 6);
  for (size_t i = 0; i < spec.vlans.size(); ++i) {
    Put(out, i + 1 < spec.vlans.size() ? 0x88A8 : 0x8100, 2);
    Put(out, spec.vlans[i], 2);
  }
  Put(out, type, 2);
  return out;
}

Bytes Segment(const TestFrame& spec) {
  Bytes out;
  Put(out, spec.src_port, 2);
  Put(out, spec.dst_port, 2);
  if (spec.protocol == 6) {
    Put(out, 0x0102030405060708, 8);
    Put(out, 0x50100000, 4);
    Put(out, 0, 4);
  } else {
    Put(out, 8 + spec.payload, 2);
    Put(out, 0, 2);
  }
  for (size_t i = 0; i < spec.payload; ++i) out.push_back(static_cast<uint8_t>(37 * i + 11));
  return out;
}

}  // namespace

Bytes Ipv4(const TestFrame& spec) {
  Bytes out = Ethernet(spec, 0x0800);
  const Bytes segment = Segment(spec);
  Put(out, 0x4500 + (spec.option_words << 8), 2);
  Put(out, 20 + 4 * spec.option_words + segment.size(), 2);
  Put(out, 0x12340000, 4);
  Put(out, 64, 1);
  Put(out, spec.protocol, 1);
  Put(out, 0, 2);
  Put(out, 0x0A0000010A000002, 8);
  for (uint32_t i = 0; i < spec.option_words; ++i) Put(out, 0x01010101, 4);
  out.insert(out.end(), segment.begin(), segment.end());
  return out;
}

Bytes Ipv6(const TestFrame& spec) {
  Bytes out = Ethernet(spec, 0x86DD);
  const Bytes segment = Segment(spec);
  size_t length = segment.size();
  for (const Extension& extension : spec.extensions) length += extension.bytes;
  Put(out, 0x60000000, 4);
  Put(out, length, 2);
  Put(out, spec.extensions.empty() ? spec.protocol : spec.extensions[0].number, 1);
  Put(out, 64, 1);
  for (const uint64_t last : {1, 2}) {
    Put(out, 0xFD00000000000000, 8);
    Put(out, last, 8);
  }
  for (size_t i = 0; i < spec.extensions.size(); ++i) {
    const Extension& extension = spec.extensions[i];
    const bool more = i + 1 < spec.extensions.size();
    Put(out, more ? spec.extensions[i + 1].number : spec.protocol, 1);
    Put(out, extension.number == 44 ? 0 : extension.bytes / 8 - 1, 1);
    out.resize(out.size() + extension.bytes - 2);
  }
  out.insert(out.end(), segment.begin(), segment.end());
  return out;
}

}  // namespace farrier::model
