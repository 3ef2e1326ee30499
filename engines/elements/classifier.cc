#include "engines/elements/classifier.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace farrier::elements {
Classifier::Classifier(std::string name, std::span<const Rule> rules, size_t outputs)
    : Element(std::move(name), outputs + 1),
      table_(MatchesOf(rules)),
      rules_(rules.size()),
      lanes_(outputs + 1),
      sizes_(outputs + 1) {
  for (size_t i = 0; i < rules.size(); ++i) output_of_[i] = static_cast<uint8_t>(rules[i].output);
  output_of_[MatchTable::kNoRule] = static_cast<uint8_t>(outputs);
  output_of_[MatchTable::kMalformed] = static_cast<uint8_t>(outputs);
}

void Classifier::Push(runtime::Nanoseconds now, Batch batch) {
  std::array<uint8_t, kMaxBatch> verdict;
  table_.Find(batch, verdict);
  const uint64_t malformed = hits_[MatchTable::kMalformed];
  for (size_t i = 0; i < batch.size(); ++i) {
    ++hits_[verdict[i]];
    const size_t output = output_of_[verdict[i]];
    lanes_[output][sizes_[output]++] = batch[i];
  }
  // They match no rule either.
  hits_[MatchTable::kNoRule] += hits_[MatchTable::kMalformed] - malformed;
  for (size_t output = 0; output < lanes_.size(); ++output) {
    Emit(now, std::span(lanes_[output]).first(std::exchange(sizes_[output], 0)), output);
  }
}

std::vector<CounterRef> Classifier::Counters() {
  std::vector<CounterRef> counters;
  for (size_t i = 0; i < rules_; ++i) {
    counters.push_back({absl::StrCat("rule", i), &hits_[i]});
  }
  counters.push_back({"otherwise", &hits_[MatchTable::kNoRule]});
  counters.push_back({"malformed", &hits_[MatchTable::kMalformed]});
  return counters;
}

}  // namespace farrier::elements
