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

// An ordered list of rules, compiled: what a rule asks of each 16-bit word of the headers is a
// range, and a rule is compared with eight frames at a time, word by word that it looks at.
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
  // A word of eight frames, or the same value eight times.
  static constexpr size_t kLanes = 8;
  using Lanes = uint16_t __attribute__((vector_size(2 * kLanes)));

  struct Range {
    Lanes first;
    Lanes size;   // less 1
    size_t word;  // index in words_
  };
  struct Rule {
    Lanes flags_mask = Lanes{} + uint8_t{Headers::kMalformed};
    Lanes flags_value = {};
    size_t ranges = 0;  // of ranges_, behind those of the rules before

    void Need(uint8_t flags) {
      flags_mask |= flags;
      flags_value |= flags;
    }
  };

  static Lanes Gather(Frame* const* frames, size_t word);
  void Ask(size_t word, uint16_t first, uint16_t last);
  void AskPrefix(Rule& rule, size_t word, const Prefix& prefix);

  std::vector<Rule> rules_;  // the last first
  std::vector<Range> ranges_;
  std::vector<uint8_t> words_;  // of Headers::key, that some rule looks at
};

}  // namespace farrier::elements
