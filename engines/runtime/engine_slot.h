#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "engines/runtime/engine.h"
#include "engines/runtime/mailbox.h"

namespace farrier::runtime {

class PollLoop;
class Worker;

// What is taken from an engine at once: adaptive batches (IX, OSDI 2014). A poll that was given all
// it may take is given twice as much the next time; one that found less than half, half.
inline constexpr int kMinBatch = 16;
inline constexpr int kMaxBatch = 64;

enum class EngineCondition : uint8_t {
  kRunning,
  kHung,    // its thread is inside it and does not come out
  kFailed,  // it threw an exception; it is not polled any more
};

// An engine in a group, wherever it is polled at the moment.
struct EngineSlot {
  // `weight`: of the engine's share of its thread's time, against its neighbours'; above 0.
  EngineSlot(std::string slot_name, Engine& slot_engine, Mailbox& slot_mailbox, int weight)
      : name(std::move(slot_name)),
        engine(slot_engine),
        mailbox(slot_mailbox),
        share(1.0 / weight) {}

  const std::string name;
  Engine& engine;
  Mailbox& mailbox;

  // ---- Of the loop that has the engine, between Adopt and Drop.
  PollLoop* loop = nullptr;
  EngineSlot* next = nullptr;    // on its way from one thread to another
  Nanoseconds sent_at = kNever;  // begin of that way
  int budget = kMinBatch;
  bool busy = false;             // had input in the last poll
  Nanoseconds polled_at = 0;     // last poll, by the group's clock
  double share = 1;              // 1 / weight
  double virtual_time = 0;       // time taken, times share
  Nanoseconds in_poll = 0;       // time taken since the last accounting
  Nanoseconds in_busy_poll = 0;  // of it in polls that found input
  Nanoseconds delay = 0;         // queueing delay at the last look
  Nanoseconds worst_delay = 0;   // in this window, and in the one before
  Nanoseconds worst_before = 0;
  uint64_t polls_total = 0;
  uint64_t inputs_total = 0;

  // ---- Written by that loop (condition by the watchdog, too), read by anyone.
  std::atomic<Worker*> worker{nullptr};  // that it was handed to last
  std::atomic<Nanoseconds> cpu{0};       // CPU time since it was added
  std::atomic<uint64_t> polls{0};
  std::atomic<uint64_t> inputs{0};         // sum of what Poll returned
  std::atomic<double> load{0};             // of one core, in polls that found input; of some 10 ms
  std::atomic<Nanoseconds> peak_delay{0};  // worst queueing delay of the last 100 to 200 ms
  std::atomic<Nanoseconds> longest_delay{0};   // worst of all the time
  std::atomic<uint64_t> overruns{0};           // polls beyond the limit, preemption not counted
  std::atomic<uint64_t> blocks{0};             // of them those in which it slept
  std::atomic<Nanoseconds> longest_poll{0};    // of them
  std::atomic<uint64_t> migrations{0};         // from thread to thread
  std::atomic<Nanoseconds> last_migration{0};  // from the decision until its next poll
  std::atomic<EngineCondition> condition{EngineCondition::kRunning};
  std::string failure;  // what it threw; written before condition says so
};

}  // namespace farrier::runtime
