#pragma once

#include <array>
#include <span>

#include "engines/elements/match_table.h"

namespace farrier::elements {

// An access list: the first rule that a frame matches says whether it passes; if there is none, the
// default. Frames with a malformed header are denied whatever the rules say.
class Acl final : public Element {
 public:
  struct Rule {
    Match match;
    bool allow;
  };
  Acl(std::string name, std::span<const Rule> rules, bool allow_by_default);

  void Push(runtime::Nanoseconds now, Batch batch) override;
  std::vector<CounterRef> Counters() override;

 private:
  MatchTable table_;
  size_t rules_;
  std::array<bool, MatchTable::kVerdicts> allow_{};
  std::array<uint64_t, MatchTable::kVerdicts> hits_{};
  uint64_t allowed_ = 0;
  uint64_t denied_ = 0;  // by a rule or by default
};

}  // namespace farrier::elements
