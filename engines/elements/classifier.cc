#include "engines/elements/classifier.h"

#include "absl/strings/str_cat.h"

namespace farrier::elements {
Classifier::Classifier(std::string name, std::span<const Rule> rules, size_t outputs)
    : Element(std::move(name), outputs + 1),
      table_(MatchesOf(rules)),
      rules_(rules.size()),
      lanes_(outputs + 1) {
  for (size_t i = 0; i < rules.size(); ++i) output_of_[i] = static_cast<uint8_t>(rules[i].output);
  output_of_[MatchTable::kNoRule] = static_cast<uint8_t>(outputs);
}

void Classifier::Push(runtime::Nanoseconds now, Batch batch) {
  std::array<uint8_t, kMaxBatch> rule;
  table_.Find(batch, rule);
  size_t malformed = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    Frame* frame = batch[i];
    ++hits_[rule[i]];
    malformed += frame->headers.Has(Headers::kMalformed);
    Lane& lane = lanes_[output_of_[rule[i]]];
    lane.frames[lane.size++] = frame;
  }
  malformed_ += malformed;
  for (size_t output = 0; output < lanes_.size(); ++output) {
    Lane& lane = lanes_[output];
    Emit(now, std::span(lane.frames).first(lane.size), output);
    lane.size = 0;
  }
}

std::vector<CounterRef> Classifier::Counters() {
  std::vector<CounterRef> counters;
  for (size_t i = 0; i < rules_; ++i) {
    counters.push_back({absl::StrCat("rule", i), &hits_[i]});
  }
  counters.push_back({"otherwise", &hits_[MatchTable::kNoRule]});
  counters.push_back({"malformed", &malformed_});
  return counters;
}

}  // namespace farrier::elements
