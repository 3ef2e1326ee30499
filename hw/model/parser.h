#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hw/regs/registers.h"

namespace farrier::model {

// A filter key as FILTER_KEY stages it; IPv4 keys leave words 4-9 zero.
using FilterKey = std::array<uint32_t, regs::kFilterKeyWords>;

// Words of a FilterKey that belong to the source: zero in a LISTEN key, next to src_port (upper
// half of word 0).
inline constexpr uint32_t kKeySourcePortMask = 0xFFFF0000u;
inline constexpr uint32_t kKeyVlanProtocolMask = 0x000FFFFFu;  // of word 1

enum class Network : uint8_t { kNone, kIpv4, kIpv6 };

// What the card reads of a frame. Offsets are from the frame's start, 0 if there is no such header.
struct ParsedFrame {
  Network network = Network::kNone;
  bool fragment = false;
  bool has_ports = false;  // then `flow_key` is set, and the frame may match an exact filter
  uint8_t l3_offset = 0;
  uint8_t l4_offset = 0;
  FilterKey flow_key;  // every field; only meaningful with has_ports
};

// Shortest frame that can be parsed: an Ethernet header.
inline constexpr size_t kEthernetHeaderBytes = 14;

// Reads Ethernet, up to two VLAN tags, IPv4 or IPv6, UDP or TCP ports. `frame` may hold anything;
// it must be at least kEthernetHeaderBytes long. Length fields inside the frame are not looked at,
// only its own length.
void ParseFrame(std::span<const uint8_t> frame, ParsedFrame& parsed);

}  // namespace farrier::model
