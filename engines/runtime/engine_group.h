#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/compactor.h"
#include "engines/runtime/cpu_topology.h"
#include "engines/runtime/engine.h"
#include "engines/runtime/engine_slot.h"
#include "engines/runtime/group_options.h"
#include "engines/runtime/idle_exit_request.h"
#include "engines/runtime/mailbox.h"
#include "engines/runtime/thread_meter.h"
#include "engines/runtime/ticker.h"
#include "engines/runtime/worker.h"

namespace farrier::runtime {

// Something that an operator should hear of an engine.
struct EngineEvent {
  enum class Kind : uint8_t {
    kOverran,   // a poll took longer than the limit; told once a second at most
    kHung,      // its thread does not come out of it; its neighbours were moved away
    kReturned,  // it has come out after all
    kFailed,    // it threw; it is polled no more
  };
  Kind kind;
  std::string engine;
  std::string detail;  // for people
};

struct GroupEnvironment {
  const Clock* clock = nullptr;        // what engines are told; at CLOCK_MONOTONIC's rate
  const Clock* cycles = nullptr;       // short durations
  const ThreadMeter* meter = nullptr;  // of the calling thread
  CpuTopology topology;
  Nanoseconds control_timeout = 2 * kSecond;      // of what control asks of an engine
  std::function<absl::Status()> on_thread_start;  // first thing on each thread; may be empty
  std::function<void()> on_thread_end;            // last thing on it, if it did start
  // On a thread of the group's own; may call nothing of the group's. May be empty.
  std::function<void(const EngineEvent&)> on_event;
};

// What an engine has cost and done since it was added.
struct EngineReport {
  std::string name;
  EngineCondition condition = EngineCondition::kRunning;
  std::string failure;            // of a failed one
  int thread = -1;                // ThreadReport::number; -1: none
  double load = 0;                // of one core, in polls that found input; of some 10 ms
  Nanoseconds delay = 0;          // worst time that input waited, of the last 100 to 200 ms
  Nanoseconds longest_delay = 0;  // worst of all the time
  Nanoseconds cpu = 0;  // of its thread, shared among the thread's engines by time in each
  uint64_t polls = 0;
  uint64_t inputs = 0;  // sum of what Poll returned
  uint64_t overruns = 0;
  uint64_t blocks = 0;             // of them those in which the engine slept
  Nanoseconds longest_poll = 0;    // of them
  uint64_t migrations = 0;         // from thread to thread
  Nanoseconds last_migration = 0;  // from the decision until its next poll
};

struct ThreadReport {
  int number = 0;
  int tid = 0;
  std::string name;
  ThreadClass thread_class = ThreadClass::kNice;  // obtained
  std::string why;                                // nothing better was; empty: as asked
  std::vector<int> cpus;                          // bound to; empty: any
  double load = 0;
  Nanoseconds cpu = 0;
  int engines = 0;
  uint64_t sleeps = 0;
  uint64_t throttled = 0;  // times it lost its class for a while, having starved others
  bool stuck = false;      // in an engine
};

struct GroupReport {
  std::string name;
  GroupOptions options;
  std::string idle_exit_why;  // what stands in the way of options.idle_exit; empty: as asked
  std::vector<ThreadReport> threads;
  std::vector<EngineReport> engines;  // in the order in which they were added
};

// Engines and the threads that run them. What is said of engines is done on their own threads,
// between two polls, and so waits for a poll at most. Called from control threads, any number.
class EngineGroup {
 public:
  // Starts the group's threads. InvalidArgument for options that make no sense on this machine;
  // else as on_thread_start says.
  static absl::StatusOr<std::unique_ptr<EngineGroup>> Start(std::string name, GroupOptions options,
                                                            GroupEnvironment environment);
  // Removes all engines and ends the threads; waits for an engine that hangs.
  ~EngineGroup();

  // Begins to poll `engine`, named `name` in reports, and opens its mailbox. Both stay the caller's
  // and must live until Remove. `weight`: of its share of a thread's time against others there.
  absl::Status Add(Engine& engine, Mailbox& mailbox, std::string name, int weight = 1);

  // Stops polling `engine` and closes its mailbox. Once this has returned OK no thread of the group
  // touches either, nor any fd the engine waited on, and the caller may use the engine itself.
  // DeadlineExceeded: the engine's thread does not answer, and the engine is still in the group.
  absl::Status Remove(Engine& engine);

  // Forms the group anew, engines going on all the while: each is handed to its new thread between
  // two polls. An engine that hangs stays where it is. After an error the group is as before, but
  // for DeadlineExceeded: some engine's thread did not answer, and it is still there.
  absl::Status Reconfigure(GroupOptions options);

  // Right up to the present, but for a thread that is stuck.
  GroupReport Report();

  // Of one engine; NotFound.
  absl::StatusOr<EngineReport> Report(const Engine& engine);

 private:
  struct Thread;
  struct Member;
  struct Formation;

  EngineGroup(std::string name, GroupEnvironment environment);

  // Control, under control_.
  absl::StatusOr<std::unique_ptr<Formation>> Form(const GroupOptions& options);
  void End(std::unique_ptr<Formation> formation);
  void EndRetired();
  Member* Find(const Engine& engine) const;
  absl::Status TakeOut(Member& member);
  static EngineReport ReportOf(const EngineSlot& slot);

  // Both, under tables_.
  absl::StatusOr<std::unique_ptr<Worker>> MakeWorker(const Formation& formation,
                                                     std::vector<int> cores);
  absl::StatusOr<Worker*> AddThread(Formation& formation, std::vector<int> cores);
  absl::StatusOr<Worker*> Place(Formation& formation);
  bool InUse(const Thread& thread) const;

  // The watchdog's thread, under tables_.
  bool Inspect();
  void InspectThread(Formation& formation, Thread& thread, Nanoseconds now);
  void InspectEngine(Member& member, Nanoseconds now);
  void Rescue(Formation& formation, const Thread& from, std::vector<EngineSlot*> engines);
  void Tell(EngineEvent::Kind kind, const EngineSlot& slot, std::string detail);

  const std::string name_;
  const GroupEnvironment environment_;
  std::atomic<int> next_thread_{0};
  std::mutex control_;  // one thing at a time; held for as long as engines are asked
  // Taken after control_, for moments, by the watchdog, too, which may add threads: what follows is
  // read and changed under it. Engines and threads go, and formations change, only under both.
  std::mutex tables_;
  std::vector<std::unique_ptr<Member>> members_;
  std::unique_ptr<Formation> formation_;
  std::vector<std::unique_ptr<Formation>> retired_;  // earlier ones, while engines hang there
  // The watchdog's.
  uint64_t sleeps_seen_ = 0;
  Nanoseconds at_work_until_ = 0;
  IdleExitRequest idle_exit_;
  std::unique_ptr<Ticker> watchdog_;
};

}  // namespace farrier::runtime
