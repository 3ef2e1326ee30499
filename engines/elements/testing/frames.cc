#include "engines/elements/testing/frames.h"

#include <arpa/inet.h>

#include <cstdlib>

namespace farrier::elements::testing {
namespace {

void Put16(Bytes& out, size_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

void PutAll(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

// What IP carries.
Bytes MakeSegment(const FrameSpec& spec) {
  Bytes out;
  if (spec.fragment_offset == 0 && (spec.protocol == 17 || spec.protocol == 6)) {
    Put16(out, spec.source_port);
    Put16(out, spec.destination_port);
    if (spec.protocol == 17) {
      Put16(out, 8 + spec.payload);
      Put16(out, 0);
    } else {
      PutAll(out, {0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xFF, 0xFF, 0, 0, 0, 0});
    }
  }
  for (size_t i = 0; i < spec.payload; ++i) out.push_back(static_cast<uint8_t>(spec.fill + i));
  return out;
}

void PutIpv4(Bytes& out, const FrameSpec& spec, const Bytes& segment) {
  const size_t start = out.size();
  const size_t header = 20 + 4 * spec.options;
  out.push_back(static_cast<uint8_t>(0x40 | header / 4));
  out.push_back(static_cast<uint8_t>(spec.dscp << 2));
  Put16(out, header + segment.size());
  Put16(out, 0x1234);
  Put16(out, (spec.more_fragments ? 0x2000 : 0) | spec.fragment_offset);
  out.push_back(64);
  out.push_back(spec.protocol);
  Put16(out, 0);
  PutAll(out, AddressBytes(spec.source));
  PutAll(out, AddressBytes(spec.destination));
  out.resize(start + header, 1);  // no-operation options
  const uint16_t checksum = InternetChecksum(&out[start], header);
  out[start + 10] = static_cast<uint8_t>(checksum >> 8);
  out[start + 11] = static_cast<uint8_t>(checksum);
}

void PutIpv6(Bytes& out, const FrameSpec& spec, const Bytes& segment) {
  out.push_back(static_cast<uint8_t>(0x60 | spec.dscp >> 2));
  out.push_back(static_cast<uint8_t>(spec.dscp << 6));
  Put16(out, 0);
  Put16(out, 8 * spec.extensions.size() + segment.size());
  Bytes kinds = spec.extensions;
  kinds.push_back(spec.protocol);
  out.push_back(kinds[0]);
  out.push_back(64);
  PutAll(out, AddressBytes(spec.source));
  PutAll(out, AddressBytes(spec.destination));
  for (size_t i = 0; i < spec.extensions.size(); ++i) {
    out.push_back(kinds[i + 1]);
    out.push_back(0);
    const bool fragment = spec.extensions[i] == 44;
    Put16(out, fragment ? spec.fragment_offset << 3 | spec.more_fragments : 0);
    PutAll(out, {0, 0, 0, 9});
  }
}

}  // namespace

Bytes AddressBytes(const std::string& text) {
  const bool v6 = text.find(':') != std::string::npos;
  Bytes bytes(v6 ? 16 : 4);
  if (inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1) std::abort();
  return bytes;
}

uint16_t InternetChecksum(const uint8_t* data, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum += i % 2 == 0 ? data[i] << 8 : data[i];
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Bytes MakeFrame(const FrameSpec& spec) {
  Bytes out = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  for (uint16_t id : spec.vlans) {
    Put16(out, spec.tag_type);
    Put16(out, id);
  }
  const Bytes segment = MakeSegment(spec);
  const bool v6 = spec.source.find(':') != std::string::npos;
  Put16(out, v6 ? 0x86DD : 0x0800);
  if (v6) {
    PutIpv6(out, spec, segment);
  } else {
    PutIpv4(out, spec, segment);
  }
  PutAll(out, segment);
  return out;
}

}  // namespace farrier::elements::testing
