#pragma once

#include <array>
#include <span>

#include "engines/elements/match_table.h"

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
  MatchTable table_;
  size_t rules_;
  std::array<uint8_t, MatchTable::kVerdicts> output_of_{};
  std::array<uint64_t, MatchTable::kVerdicts> hits_{};
  // By output, of one Push.
  std::vector<std::array<Frame*, kMaxBatch>> lanes_;
  std::vector<size_t> sizes_;
};

}  // namespace farrier::elements
