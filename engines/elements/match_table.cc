#include "engines/elements/match_table.h"

#include <algorithm>

namespace farrier::elements {

MatchTable::MatchTable(std::span<const Match> rules, bool avx2)
    : rules_(rules.begin(), rules.end()) {
  if (avx2) tables_.emplace(rules_);
}

uint8_t MatchTable::VerdictOn(const Headers& headers) const {
  if (headers.Has(Headers::kMalformed)) return kMalformed;
  const auto matches = [&headers](const HeaderRule& rule) { return rule.Matches(headers); };
  const auto first = std::find_if(rules_.begin(), rules_.end(), matches);
  return first == rules_.end() ? kNoRule : static_cast<uint8_t>(first - rules_.begin());
}

void MatchTable::Find(Batch batch, std::span<uint8_t, kMaxBatch> verdicts) const {
  if (tables_) return tables_->Find(batch, verdicts);
  for (size_t i = 0; i < batch.size(); ++i) verdicts[i] = VerdictOn(batch[i]->Parsed());
}

}  // namespace farrier::elements
