#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "engines/runtime/state.h"

namespace farrier::elements::testing {

// Records as they were written.
struct StateList final : runtime::StateSink, runtime::StateSource {
  void Append(runtime::StateRecord record) override { records.push_back(std::move(record)); }
  std::optional<runtime::StateRecord> Next() override {
    if (records.empty()) return std::nullopt;
    runtime::StateRecord record = std::move(records.front());
    records.pop_front();
    return record;
  }
  StateList TakeFirst(size_t count) {
    StateList first;
    while (count-- > 0 && !records.empty()) first.Append(*Next());
    return first;
  }
  std::deque<runtime::StateRecord> records;
};

}  // namespace farrier::elements::testing
