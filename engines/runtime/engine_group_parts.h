#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engines/runtime/engine_group.h"
#include "engines/runtime/stuck_detector.h"

// What an EngineGroup is made of; for engine_group.cc, which is control, and
// engine_group_watchdog.cc.
namespace farrier::runtime {

struct EngineGroup::Thread {
  Thread(std::unique_ptr<Worker> thread_worker, Nanoseconds hang_limit)
      : worker(std::move(thread_worker)), grant(worker->grant()), stuck(hang_limit) {}
  std::unique_ptr<Worker> worker;
  ThreadClassGrant grant;  // what it has now
  StuckDetector stuck;
  LostThreadDetector lost;
  StarvationGuard starvation;
  uint64_t throttled = 0;
  bool demoted = false;
};

struct EngineGroup::Member {
  Member(std::string name, Engine& engine, Mailbox& mailbox, int engine_weight)
      : slot(std::move(name), engine, mailbox, engine_weight), weight(engine_weight) {}
  EngineSlot slot;
  const int weight;
  // The watchdog's: what has been told already.
  EngineCondition told = EngineCondition::kRunning;
  uint64_t overruns_told = 0;
  Nanoseconds overruns_told_at = 0;
};

// The threads of one set of options. Threads end first.
struct EngineGroup::Formation {
  GroupOptions options;
  std::vector<int> cores;
  std::unique_ptr<Compaction> compaction;
  std::vector<std::unique_ptr<Thread>> threads;
};

}  // namespace farrier::runtime
