#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engines/elements/element.h"
#include "engines/elements/header_rule.h"

namespace farrier::elements {

// Rules compiled for 16 frames and 8 rules at a time, without a branch per frame or rule. Each four
// bits of a header that rules look at have a table: which of the rules let match what has these
// bits, as a bit per rule. The tables' answers are ANDed; the lowest bit left is the first rule
// (bit vectors: Lakshman and Stiliadis, SIGCOMM 1998; by a few header bits at a time: StrideBV,
// Ganegedara and Prasanna, HPSR 2012). A table has 16 entries of 8 bits, which is what vpshufb
// looks up for all frames at once. A range of ports is compared digit by digit with its ends.
//
// Memory per 8 rules: 72 bytes for each 16-bit word that one of them looks at (at most 27, commonly
// 4 to 8), 264 for each kind of port with ranges that are no power of two, aligned. For 64 rules
// that is 2 to 6 KiB, at most 20; it takes some 10 us to build.
class NibbleTables {
 public:
  // Whether this processor has AVX2, which the rest of this needs.
  static bool Supported() { return __builtin_cpu_supports("avx2") != 0; }

  explicit NibbleTables(std::span<const HeaderRule> rules);

  // As MatchTable::Find.
  void Find(Batch batch, std::span<uint8_t, kMaxBatch> verdicts) const;

 private:
  // By nibble: bit i is of rule i of eight.
  using Table = std::array<uint8_t, 16>;
  struct WordTables {
    size_t word;               // of the transposed headers
    std::array<Table, 2> low;  // of the first byte and of the second
    std::array<Table, 2> high;
  };
  struct DigitTables {
    std::array<Table, 2> beyond;  // is above the first port's digit, below the last one's
    std::array<Table, 2> at;      // is the first port's digit, the last one's
  };
  struct RangeTables {
    size_t word;
    std::array<DigitTables, 4> digits;  // of 4 bits, the least first
  };
  // Eight rules have this many of words_ and ranges_, behind those of the rules before.
  struct Group {
    size_t words;
    size_t ranges;
  };

  size_t WordAt(size_t byte);
  void AddWord(std::span<const HeaderRule> rules, size_t byte);
  void AddRange(std::span<const HeaderRule> rules, std::optional<PortRange> HeaderRule::*ports,
                size_t byte);
  void FindSixteen(Frame* const* frames, uint8_t* verdicts) const;

  std::vector<size_t> chunks_;  // where in Headers the chunks begin that are looked at
  std::vector<Group> groups_;
  std::vector<WordTables> words_;
  std::vector<RangeTables> ranges_;
};

}  // namespace farrier::elements
