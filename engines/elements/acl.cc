#include "engines/elements/acl.h"

#include "absl/strings/str_cat.h"

namespace farrier::elements {
Acl::Acl(std::string name, std::span<const Rule> rules, bool allow_by_default)
    : Element(std::move(name), 1), table_(MatchesOf(rules)), rules_(rules.size()) {
  for (size_t i = 0; i < rules.size(); ++i) allow_[i] = rules[i].allow;
  allow_[MatchTable::kNoRule] = allow_by_default;
}

void Acl::Push(runtime::Nanoseconds now, Batch batch) {
  std::array<uint8_t, kMaxBatch> rule;
  table_.Find(batch, rule);
  size_t passed = 0;
  size_t malformed = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    Frame* frame = batch[i];
    const bool bad = frame->headers.Has(Headers::kMalformed);
    malformed += bad;
    hits_[rule[i]] += !bad;
    batch[passed] = frame;  // stays only if it passes
    passed += allow_[rule[i]] && !bad;
  }
  allowed_ += passed;
  malformed_ += malformed;
  denied_ += batch.size() - passed - malformed;
  Emit(now, batch.first(passed));
}

std::vector<CounterRef> Acl::Counters() {
  std::vector<CounterRef> counters = {
      {"allowed", &allowed_}, {"denied", &denied_}, {"malformed", &malformed_}};
  for (size_t i = 0; i < rules_; ++i) {
    counters.push_back({absl::StrCat("rule", i), &hits_[i]});
  }
  counters.push_back({"otherwise", &hits_[MatchTable::kNoRule]});
  return counters;
}

}  // namespace farrier::elements
