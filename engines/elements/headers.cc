#include "engines/elements/headers.h"

#include <cstring>

#include "engines/elements/bytes.h"

namespace farrier::elements {
namespace {

constexpr uint32_t kIpv6Bytes = 40;
constexpr uint32_t kTcpBytes = 20;
constexpr int kMaxTags = 2;
constexpr int kMaxExtensionHeaders = 4;

// IPv6 extension headers that are followed (RFC 8200, section 4).
constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragmentHeader = 44;
constexpr uint8_t kDestinationOptions = 60;

bool IsTag(uint16_t type) { return type == kEtherTypeVlan || type == kEtherTypeServiceVlan; }

void Set(Headers& headers, Headers::Word word, uint16_t value) {
  Store16(&headers.key[2 * word], value);
}

// `at` is where the IP payload of `size` bytes begins.
void ParseTransport(const uint8_t* frame, uint32_t at, uint32_t size, uint8_t protocol,
                    Headers& headers) {
  const bool udp = protocol == kProtocolUdp;
  if (!udp && protocol != kProtocolTcp) return;
  const uint8_t* header = frame + at;
  // UDP says how long the datagram is, TCP how many words its header has.
  const uint32_t least = udp ? kUdpBytes : kTcpBytes;
  if (size < least) {
    headers.flags |= Headers::kMalformed;
    return;
  }
  const uint32_t said = Load16(header + (udp ? 4 : 12));
  const uint32_t length = udp ? said : (said >> 12) * 4;
  const bool fragment = headers.flags & Headers::kFragment;
  if (length < least || (length > size && !fragment)) {
    headers.flags |= Headers::kMalformed;
    return;
  }
  std::memcpy(&headers.key[2 * Headers::kSourcePort], header, 4);
  headers.l4_offset = static_cast<uint16_t>(at);
  headers.flags |= Headers::kPorts;
}

void ParseIpv4(const uint8_t* frame, uint32_t length, uint32_t at, Headers& headers) {
  const uint8_t* header = frame + at;
  if (length - at < kIpv4Bytes || header[0] >> 4 != 4) {
    headers.flags |= Headers::kMalformed;
    return;
  }
  const uint32_t header_bytes = (header[0] & 15) * 4;
  const uint32_t total = Load16(header + 2);
  if (header_bytes < kIpv4Bytes || total < header_bytes || total > length - at) {
    headers.flags |= Headers::kMalformed;
    return;
  }
  headers.flags |= Headers::kIp | Headers::kV4;
  headers.l3_offset = static_cast<uint8_t>(at);
  Set(headers, Headers::kDscp, header[1] >> 2);
  Set(headers, Headers::kProtocol, header[9]);
  std::memcpy(&headers.key[2 * Headers::kSource], header + 12, 4);
  std::memcpy(&headers.key[2 * Headers::kDestination], header + 16, 4);
  const uint16_t fragment = Load16(header + 6) & 0x3FFF;  // more-fragments and the offset
  if (fragment != 0) headers.flags |= Headers::kFragment;
  if ((fragment & 0x1FFF) != 0) return;
  ParseTransport(frame, at + header_bytes, total - header_bytes, header[9], headers);
}

void ParseIpv6(const uint8_t* frame, uint32_t length, uint32_t at, Headers& headers) {
  const uint8_t* header = frame + at;
  if (length - at < kIpv6Bytes || header[0] >> 4 != 6 ||
      Load16(header + 4) > length - at - kIpv6Bytes) {
    headers.flags |= Headers::kMalformed;
    return;
  }
  headers.flags |= Headers::kIp | Headers::kV6;
  headers.l3_offset = static_cast<uint8_t>(at);
  Set(headers, Headers::kDscp, (Load16(header) >> 6) & 63);
  std::memcpy(&headers.key[2 * Headers::kSource], header + 8, 32);
  uint32_t size = Load16(header + 4);
  uint8_t protocol = header[6];
  at += kIpv6Bytes;
  for (int extensions = 0;; ++extensions) {
    Set(headers, Headers::kProtocol, protocol);
    const bool followed = protocol == kHopByHop || protocol == kRouting ||
                          protocol == kFragmentHeader || protocol == kDestinationOptions;
    if (!followed) return ParseTransport(frame, at, size, protocol, headers);
    if (extensions == kMaxExtensionHeaders) return;
    const uint8_t* extension = frame + at;
    // Their length is in units of 8 bytes behind the first 8; a fragment header has none.
    const uint32_t bytes =
        size < 8 ? 8 : 8 + (protocol == kFragmentHeader ? 0u : extension[1] * 8u);
    if (bytes > size) {
      headers.flags |= Headers::kMalformed;
      return;
    }
    if (protocol == kFragmentHeader) {
      headers.flags |= Headers::kFragment;
      if ((Load16(extension + 2) & 0xFFF8) != 0) {
        Set(headers, Headers::kProtocol, extension[0]);
        return;
      }
    }
    protocol = extension[0];
    at += bytes;
    size -= bytes;
  }
}

uint64_t Mix(uint64_t hash, uint64_t value) {
  // The finalizer's first round of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
  hash = (hash ^ value) * 0xbf58476d1ce4e5b9;
  return hash ^ (hash >> 29);
}

template <typename T>
uint64_t Raw(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

}  // namespace

void ParseHeaders(std::span<const uint8_t> frame, Headers& headers) {
  const uint8_t* data = frame.data();
  const auto length = static_cast<uint32_t>(frame.size());
  headers.flags = Headers::kParsed;
  headers.l3_offset = 0;
  headers.l4_offset = 0;
  if (length < kEthernetBytes) {
    headers.flags |= Headers::kMalformed;
    return;
  }
  uint32_t at = 12;
  uint16_t type = Load16(data + at);
  for (int tags = 0; tags < kMaxTags && IsTag(type); ++tags) {
    if (length < at + kVlanTagBytes + 2) break;
    if (tags == 0) {
      headers.flags |= Headers::kTagged;
      Set(headers, Headers::kVlan, Load16(data + at + 2) & 0xFFF);
    }
    at += kVlanTagBytes;
    type = Load16(data + at);
  }
  at += 2;
  Set(headers, Headers::kEtherType, type);
  if (type == kEtherTypeIpv4) {
    ParseIpv4(data, length, at, headers);
  } else if (type == kEtherTypeIpv6) {
    ParseIpv6(data, length, at, headers);
  }
}

uint32_t FlowHash(std::span<const uint8_t> frame, const Headers& headers) {
  const uint8_t* key = headers.key.data();
  uint64_t hash = 0x9e3779b97f4a7c15;
  if (headers.flags & Headers::kIp) {
    const bool v6 = headers.flags & Headers::kV6;
    for (int word : {Headers::kSource, Headers::kDestination}) {
      const uint8_t* address = key + 2 * word;
      hash = v6 ? Mix(Mix(hash, Raw<uint64_t>(address)), Raw<uint64_t>(address + 8))
                : Mix(hash, Raw<uint32_t>(address));
    }
    hash = Mix(hash, key[2 * Headers::kProtocol + 1]);
    const bool ports = (headers.flags & (Headers::kPorts | Headers::kFragment)) == Headers::kPorts;
    if (ports) hash = Mix(hash, Raw<uint32_t>(key + 2 * Headers::kSourcePort));
  } else if (frame.size() >= kEthernetBytes) {
    hash = Mix(Mix(hash, Raw<uint64_t>(frame.data())), Raw<uint32_t>(frame.data() + 8));
    hash = Mix(hash, Raw<uint16_t>(key + 2 * Headers::kEtherType));
  }
  return static_cast<uint32_t>(hash >> 32 ^ hash);
}

}  // namespace farrier::elements
