#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engines/runtime/engine_group.h"

namespace farrier::runtime {

struct SleepingGroupOptions {
  std::string name;              // of the thread; 15 characters are seen
  const Clock* clock = nullptr;  // what engines are told; must advance at CLOCK_MONOTONIC's rate
  const Clock* cpu_clock = nullptr;  // CPU time of the calling thread, for accounting
  int budget = 64;                   // given to each Poll
  int max_spins = 16;                // idle rounds, yielding, before sleep, at most; 0 = none
  Nanoseconds control_timeout = 5 * kSecond;      // for Add, Remove and Usage
  std::function<absl::Status()> on_thread_start;  // first thing on the thread; may be empty
  std::function<void()> on_thread_end;            // last thing on it, if it did start
};

// One thread that polls its engines in turn and, when all are idle, sleeps until one of their
// file descriptors is readable, the earliest of their deadlines has come, or control calls. Fails
// if the thread cannot start or on_thread_start says so.
absl::StatusOr<std::unique_ptr<EngineGroup>> StartSleepingGroup(SleepingGroupOptions options);

}  // namespace farrier::runtime
