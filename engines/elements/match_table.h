#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engines/elements/element.h"
#include "engines/elements/header_rule.h"
#include "engines/elements/match.h"
#include "engines/elements/nibble_tables.h"

namespace farrier::elements {

// An ordered list of rules, compiled. Finds the first that matches: with AVX2 for 16 frames at a
// time (NibbleTables), else frame by frame and rule by rule.
class MatchTable {
 public:
  static constexpr size_t kMaxRules = 64;
  // What there is to say of a frame beside the index of a rule.
  static constexpr uint8_t kNoRule = kMaxRules;
  static constexpr uint8_t kMalformed = kNoRule + 1;  // and so no rule
  static constexpr size_t kVerdicts = kMalformed + 1;

  // At most kMaxRules. Source and destination of a rule are of one family. `avx2`: use it, which
  // must be supported.
  explicit MatchTable(std::span<const Match> rules, bool avx2 = NibbleTables::Supported());

  // verdicts[i] becomes the index of the first rule that batch[i] matches, kNoRule or kMalformed;
  // those behind the batch's become unspecified. Parses what has not been parsed.
  void Find(Batch batch, std::span<uint8_t, kMaxBatch> verdicts) const;

 private:
  uint8_t VerdictOn(const Headers& headers) const;

  std::vector<HeaderRule> rules_;
  std::optional<NibbleTables> tables_;  // of rules_, if there is AVX2
};

}  // namespace farrier::elements
