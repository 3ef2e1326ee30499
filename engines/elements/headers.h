#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace farrier::elements {

inline constexpr uint32_t kEthernetBytes = 14;
inline constexpr uint32_t kVlanTagBytes = 4;
inline constexpr uint32_t kIpv4Bytes = 20;
inline constexpr uint32_t kUdpBytes = 8;

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86DD;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;
inline constexpr uint16_t kEtherTypeServiceVlan = 0x88A8;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;

// What the elements know of a frame's headers. Frames are read as the card reads them
// (docs/architecture.md, "The card"): up to two VLAN tags, IPv4 with options, IPv6 with up to four
// extension headers, UDP and TCP. Nothing is read behind the header of a later fragment.
struct alignas(8) Headers {  // read as words, too
  enum Flag : uint8_t {
    kTagged = 1 << 0,     // has a VLAN tag
    kV4 = 1 << 1,         // IPv4, well-formed
    kV6 = 1 << 2,         // IPv6, well-formed
    kPorts = 1 << 3,      // UDP or TCP, well-formed: has ports
    kFragment = 1 << 4,   // of an IP packet, the first included
    kMalformed = 1 << 5,  // a header is cut off or contradicts itself; behind it nothing was read
    kIp = 1 << 6,         // kV4 or kV6
    kParsed = 1 << 7,     // the rest of this is true of the frame
  };

  // Fields in the byte order of the wire. What a frame does not have (see `flags`) is unspecified.
  // What most rules look at comes first, in 16 bytes.
  std::array<uint8_t, 4> source_v4{};
  std::array<uint8_t, 4> destination_v4{};
  std::array<uint8_t, 2> source_port{};
  std::array<uint8_t, 2> destination_port{};
  uint8_t protocol = 0;  // IPv6: the last next header that was reached
  uint8_t dscp = 0;
  uint8_t flags = 0;
  uint8_t l3_offset = 0;  // of the IP header; 0 = none
  std::array<uint8_t, 16> source_v6{};
  std::array<uint8_t, 16> destination_v6{};
  std::array<uint8_t, 2> ether_type{};  // behind the tags
  std::array<uint8_t, 2> vlan{};        // id of the outer tag
  uint16_t l4_offset = 0;               // of the UDP or TCP header; 0 = none

  bool Has(uint8_t all) const { return (flags & all) == all; }
};

// Fills `headers`, whatever the frame. Reads nothing beyond it.
void ParseHeaders(std::span<const uint8_t> frame, Headers& headers);

// A number that the frames of a flow have in common: from addresses, protocol and, but for
// fragments, ports; from MAC addresses and EtherType of what is not IP. `headers` are `frame`'s.
uint32_t FlowHash(std::span<const uint8_t> frame, const Headers& headers);

}  // namespace farrier::elements
