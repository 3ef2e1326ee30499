#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace farrier::elements {

// An address and how many of its leading bits count.
struct Prefix {
  bool v6 = false;
  std::array<uint8_t, 16> address{};  // IPv4: the first four bytes
  int bits = 0;                       // 0-32 or 0-128
};

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;  // included; not below first
};

// What a rule asks of a frame: all that is set must hold. What a frame does not have holds nothing:
// no ports without a well-formed UDP or TCP header (a later fragment has none), no address without
// a well-formed IP header. A frame of which any header is malformed matches no rule at all.
struct Match {
  std::optional<uint16_t> ether_type;  // behind up to two VLAN tags
  std::optional<uint16_t> vlan;        // id of the outer tag
  std::optional<Prefix> source;
  std::optional<Prefix> destination;
  std::optional<uint8_t> protocol;  // IPv6: behind up to four extension headers
  std::optional<PortRange> source_ports;
  std::optional<PortRange> destination_ports;
  std::optional<uint8_t> dscp;
  std::optional<bool> fragment;  // of an IP packet, the first included
};

// What each of `rules`, which have a member `match`, asks for.
template <typename Rule>
std::vector<Match> MatchesOf(std::span<const Rule> rules) {
  std::vector<Match> matches;
  for (const Rule& rule : rules) matches.push_back(rule.match);
  return matches;
}

}  // namespace farrier::elements
