#pragma once

#include <array>
#include <span>

#include "engines/elements/match.h"

namespace farrier::elements {

// Parts traffic by rules: a frame goes out at the output of the first rule it matches, or at the
// last output. Frames that leave by the same output keep their order.
class Classifier final : public Element {
 public:
  struct Rule {
    Match match;
    size_t output;  // below `outputs`
  };
  // Has outputs 0 to `outputs`; the last is for what no rule matches.
  Classifier(std::string name, std::span<const Rule> rules, size_t outputs);

  void Push(runtime::Nanoseconds now, Batch batch) override;
  std::vector<CounterRef> Counters() override;

 private:
  struct Lane {
    std::array<Frame*, kMaxBatch> frames;
    size_t size = 0;
  };

  MatchTable table_;
  size_t rules_;
  std::array<uint8_t, MatchTable::kNoRule + 1> output_of_{};  // by rule
  std::array<uint64_t, MatchTable::kNoRule + 1> hits_{};      // by rule
  uint64_t malformed_ = 0;  // frames with a malformed header, which match no rule
  std::vector<Lane> lanes_;
};

}  // namespace farrier::elements
