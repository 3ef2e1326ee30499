#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engines/elements/element.h"

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

// An ordered list of rules, compiled so that looking a frame up takes the same time for one rule as
// for 64: for each 16-bit word of the headers that some rule looks at, a table says for each value
// which rules it suits, a bit each; the AND over all words is what matches, its lowest bit the
// first (T. V. Lakshman, D. Stiliadis: High-Speed Policy-based Packet Forwarding, SIGCOMM 1998).
class MatchTable {
 public:
  static constexpr size_t kMaxRules = 64;
  static constexpr uint8_t kNoRule = kMaxRules;

  // At most kMaxRules. Source and destination of a rule are of one family.
  explicit MatchTable(std::span<const Match> rules);

  // first[i] becomes the index of the first rule that batch[i] matches, or kNoRule. Parses what has
  // not been parsed.
  void Find(Batch batch, std::span<uint8_t, kMaxBatch> first) const;

 private:
  using Page = std::array<uint64_t, 256>;  // by the word's second byte
  struct Field {
    size_t offset;                      // in Headers::key
    std::array<uint16_t, 256> page_of;  // by the word's first byte
    std::vector<Page> pages;            // each different one once
  };

  std::array<uint64_t, 64> by_flags_{};  // by Headers::flags without kParsed
  std::vector<Field> fields_;
};

}  // namespace farrier::elements
