#include "engines/elements/acl.h"

#include "absl/strings/str_cat.h"

namespace farrier::elements {
Acl::Acl(std::string name, std::span<const Rule> rules, bool allow_by_default)
    : Element(std::move(name), 1), table_(MatchesOf(rules)), rules_(rules.size()) {
  for (size_t i = 0; i < rules.size(); ++i) allow_[i] = rules[i].allow;
  allow_[MatchTable::kNoRule] = allow_by_default;
}

void Acl::Push(runtime::Nanoseconds now, Batch batch) {
  std::array<uint8_t, kMaxBatch> verdict;
  table_.Find(batch, verdict);
  const uint64_t malformed = hits_[MatchTable::kMalformed];
  size_t passed = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    ++hits_[verdict[i]];
    passed += allow_[verdict[i]];
  }
  allowed_ += passed;
  denied_ += batch.size() - passed - (hits_[MatchTable::kMalformed] - malformed);
  // Mostly all pass, and who comes next need not wait for the verdicts.
  if (passed == batch.size()) return Emit(now, batch);
  size_t n = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[n] = batch[i];
    n += allow_[verdict[i]];
  }
  Emit(now, batch.first(passed));
}

std::vector<CounterRef> Acl::Counters() {
  std::vector<CounterRef> counters = {
      {"allowed", &allowed_}, {"denied", &denied_}, {"malformed", &hits_[MatchTable::kMalformed]}};
  for (size_t i = 0; i < rules_; ++i) {
    counters.push_back({absl::StrCat("rule", i), &hits_[i]});
  }
  counters.push_back({"otherwise", &hits_[MatchTable::kNoRule]});
  return counters;
}

}  // namespace farrier::elements
