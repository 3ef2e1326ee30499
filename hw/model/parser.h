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

// What a rule compares, as RULE_VALUE stages it.
using RuleWords = std::array<uint32_t, regs::kRuleWords>;

// An IP address, most significant word first; IPv4 in the first of the four.
using IpAddress = std::array<uint32_t, 4>;

enum class Network : uint8_t { kNone, kIpv4, kIpv6 };

// What the card reads of a frame. Offsets are from the frame's start, 0 if there is no such header.
// What a frame lacks is 0.
struct ParsedFrame {
  uint64_t dst_mac;  // the first byte is the most significant of 48 bits
  uint64_t src_mac;
  bool tagged;          // has a VLAN tag
  uint16_t vlan;        // id of the outermost tag
  uint16_t ether_type;  // innermost that was reached

  // `network` and what follows: kNone and 0 if there is no IP header or it is malformed.
  Network network;
  uint8_t l3_offset;
  uint8_t l3_bytes;  // of the IPv4 or the fixed IPv6 header
  uint8_t dscp;
  uint8_t protocol;  // of the last header that was reached
  bool fragment;     // any, the first one too
  bool routing;      // an IPv6 routing header was read
  IpAddress dst_ip;
  IpAddress src_ip;

  uint8_t l4_offset;
  uint16_t l4_bytes;  // of the segment: UDP's length, or what is left of the IP payload
  uint16_t src_port;
  uint16_t dst_port;
  bool tunnel;
  bool pony;

  bool bad_header;  // some header is malformed; nothing behind it was read

  bool has_ports() const { return l4_offset != 0; }  // may match an exact filter
};

// Shortest frame that can be parsed: an Ethernet header.
inline constexpr size_t kEthernetHeaderBytes = 14;

// UDP destination ports flagged as Pony when software has not named any: none.
inline constexpr regs::PortRange kNoPonyPorts = {.low = 1, .high = 0};

// Reads a frame's headers: Ethernet, up to two VLAN tags, IPv4 or IPv6 with extension headers, UDP
// or TCP. `frame` may hold anything; it must be at least kEthernetHeaderBytes long. Nothing beyond
// the first PARSE_BYTES is read.
//
// - A tag counts if the frame has its 4 bytes and 2 of what follows it.
// - An IP header that is cut short, of the wrong version, with IHL < 5, or whose length does not
// fit
//   the frame: bad_header, and the frame counts as not IP. The IP payload ends where IP says.
// - IPv6 extension headers 0, 43, 44 and 60 are followed, MAX_EXTENSION_HEADERS of them. One more,
//   or one whose first 8 bytes are not all within PARSE_BYTES, is not read; nor is a UDP or TCP
//   header whose first 20 bytes are not: `protocol` is then theirs. One that is read and does not
//   end within the IP payload: bad_header. Behind a later fragment's header nothing is read.
// - UDP: bad_header if fewer than 8 bytes of payload are left, its length is below 8 or, but for
//   fragments, more than is left. TCP: the same with 20 bytes and its data offset.
void ParseFrame(std::span<const uint8_t> frame, ParsedFrame& parsed,
                const regs::PortRange& pony_ports = kNoPonyPorts);

// The key with every field; FLOW's.
FilterKey FlowKeyOf(const ParsedFrame& parsed);

// What rules compare, but for the ports.
RuleWords RuleWordsOf(const ParsedFrame& parsed);

}  // namespace farrier::model
