#include "engines/elements/headers.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "engines/elements/bytes.h"

namespace farrier::elements {
namespace {

constexpr uint32_t kIpv6Bytes = 40;
constexpr uint32_t kTcpBytes = 20;
constexpr int kMaxTags = 2;
constexpr int kMaxExtensionHeaders = 4;
constexpr uint16_t kFragmentMask = 0x3FFF;  // more-fragments and the offset, of IPv4

// IPv6 extension headers that are followed (RFC 8200, section 4).
constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragmentHeader = 44;
constexpr uint8_t kDestinationOptions = 60;

constexpr uint8_t kCommonFlags = Headers::kParsed | Headers::kIp | Headers::kV4 | Headers::kPorts;
static_assert(offsetof(Headers, source_v4) == 0 && offsetof(Headers, destination_v4) == 4 &&
              offsetof(Headers, source_port) == 8 && offsetof(Headers, destination_port) == 10 &&
              offsetof(Headers, protocol) == 12 && offsetof(Headers, dscp) == 13 &&
              offsetof(Headers, flags) == 14 && offsetof(Headers, l3_offset) == 15);
static_assert(std::endian::native == std::endian::little);

bool IsTag(uint16_t type) { return type == kEtherTypeVlan || type == kEtherTypeServiceVlan; }

template <size_t kSize>
void Copy(std::array<uint8_t, kSize>& to, const uint8_t* from) {
  std::memcpy(to.data(), from, kSize);
}

// Where a transport header says how long it is: UDP the datagram, TCP the header, in words.
struct Transport {
  uint8_t at;  // of 16 bits
  uint8_t shift;
  uint16_t mask;
  int least;  // bytes of a header

  int LengthSaid(const uint8_t* header) const { return Load16(header + at) >> shift & mask; }
};

// By protocol: traffic is mixed, and a branch on the protocol would often be mispredicted.
constexpr std::array<Transport, 256> kTransports = [] {
  std::array<Transport, 256> transports{};
  transports.fill({.least = UINT16_MAX + 1});  // of others, whose headers are not read
  transports[kProtocolUdp] = {.at = 4, .shift = 0, .mask = 0xFFFF, .least = kUdpBytes};
  transports[kProtocolTcp] = {.at = 12, .shift = 10, .mask = 0x3C, .least = kTcpBytes};
  return transports;
}();

// `at` is where the IP payload of `size` bytes begins.
void ParseTransport(const uint8_t* frame, uint32_t at, uint32_t size, uint8_t protocol,
                    Headers& headers) {
  if (protocol != kProtocolUdp && protocol != kProtocolTcp) return;
  const Transport& transport = kTransports[protocol];
  const uint8_t* header = frame + at;
  const int most = static_cast<int>(size);
  if (most < transport.least) {
    headers.flags |= Headers::kMalformed;
    return;
  }
  const int said = transport.LengthSaid(header);
  const bool fragment = headers.flags & Headers::kFragment;
  if (said < transport.least || (said > most && !fragment)) {
    headers.flags |= Headers::kMalformed;
    return;
  }
  Copy(headers.source_port, header);
  Copy(headers.destination_port, header + 2);
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
  headers.dscp = header[1] >> 2;
  headers.protocol = header[9];
  Copy(headers.source_v4, header + 12);
  Copy(headers.destination_v4, header + 16);
  const uint16_t fragment = Load16(header + 6) & kFragmentMask;
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
  headers.dscp = (Load16(header) >> 6) & 63;
  Copy(headers.source_v6, header + 8);
  Copy(headers.destination_v6, header + 24);
  uint32_t size = Load16(header + 4);
  uint8_t protocol = header[6];
  at += kIpv6Bytes;
  for (int extensions = 0;; ++extensions) {
    headers.protocol = protocol;
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
        headers.protocol = extension[0];
        return;
      }
    }
    protocol = extension[0];
    at += bytes;
    size -= bytes;
  }
}

template <typename T>
uint64_t Raw(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// The common case: no tags, IPv4 without options or fragments, UDP or TCP, all well-formed. Its
// branches go the same way for nearly every frame. False: something else, and nothing was written.
bool ParseCommon(const uint8_t* frame, uint32_t length, Headers& headers) {
  constexpr uint32_t kTransport = kEthernetBytes + kIpv4Bytes;
  if (length < kTransport + kTcpBytes) return false;
  const uint8_t* ip = frame + kEthernetBytes;
  const int total = Load16(ip + 2);
  const uint8_t protocol = ip[9];
  const Transport& transport = kTransports[protocol];
  const int said = transport.LengthSaid(frame + kTransport);
  if (Load16(frame + 12) != kEtherTypeIpv4 || ip[0] != 0x45 ||
      (Load16(ip + 6) & kFragmentMask) != 0 || total > static_cast<int>(length - kEthernetBytes) ||
      said < transport.least || said > total - static_cast<int>(kIpv4Bytes)) {
    return false;
  }
  // Addresses and ports stand in Headers as in the frame. What is looked at together is stored at
  // once: a load does not get at several small stores before they have left the core.
  constexpr uint32_t kRest = kCommonFlags << 16 | kEthernetBytes << 24;
  const uint32_t dscp = ip[1] >> 2;
  const uint64_t rest = protocol | dscp << 8 | kRest;
  using Vector = uint64_t __attribute__((vector_size(16)));
  const Vector first = {Raw<uint64_t>(ip + 12), Raw<uint32_t>(ip + 20) | rest << 32};
  std::memcpy(static_cast<void*>(&headers), &first, sizeof(first));
  Store16(headers.ether_type.data(), kEtherTypeIpv4);
  headers.l4_offset = kTransport;
  return true;
}

uint64_t Mix(uint64_t hash, uint64_t value) {
  // The finalizer's first round of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
  hash = (hash ^ value) * 0xbf58476d1ce4e5b9;
  return hash ^ (hash >> 29);
}

}  // namespace

void ParseHeaders(std::span<const uint8_t> frame, Headers& headers) {
  const uint8_t* data = frame.data();
  const auto length = static_cast<uint32_t>(frame.size());
  if (ParseCommon(data, length, headers)) return;
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
      Store16(headers.vlan.data(), Load16(data + at + 2) & 0xFFF);
    }
    at += kVlanTagBytes;
    type = Load16(data + at);
  }
  at += 2;
  Store16(headers.ether_type.data(), type);
  if (type == kEtherTypeIpv4) {
    ParseIpv4(data, length, at, headers);
  } else if (type == kEtherTypeIpv6) {
    ParseIpv6(data, length, at, headers);
  }
}

uint32_t FlowHash(std::span<const uint8_t> frame, const Headers& headers) {
  uint64_t hash = 0x9e3779b97f4a7c15;
  if (headers.flags & Headers::kIp) {
    if (headers.flags & Headers::kV6) {
      for (const auto* address : {&headers.source_v6, &headers.destination_v6}) {
        hash = Mix(Mix(hash, Raw<uint64_t>(address->data())), Raw<uint64_t>(&(*address)[8]));
      }
    } else {
      hash = Mix(hash, Raw<uint32_t>(headers.source_v4.data()));
      hash = Mix(hash, Raw<uint32_t>(headers.destination_v4.data()));
    }
    hash = Mix(hash, headers.protocol);
    if ((headers.flags & (Headers::kPorts | Headers::kFragment)) == Headers::kPorts) {
      hash = Mix(hash, Raw<uint16_t>(headers.source_port.data()) |
                           Raw<uint16_t>(headers.destination_port.data()) << 16);
    }
  } else if (frame.size() >= kEthernetBytes) {
    hash = Mix(Mix(hash, Raw<uint64_t>(frame.data())), Raw<uint32_t>(frame.data() + 8));
    hash = Mix(hash, Raw<uint16_t>(headers.ether_type.data()));
  }
  return static_cast<uint32_t>(hash >> 32 ^ hash);
}

}  // namespace farrier::elements
