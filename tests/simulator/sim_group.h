#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engines/runtime/compactor.h"
#include "engines/runtime/engine_slot.h"
#include "engines/runtime/group_options.h"
#include "engines/runtime/mailbox.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/random.h"
#include "tests/simulator/sim_engine.h"
#include "tests/simulator/sim_thread.h"

namespace farrier::sim {

struct SimGroupOptions {
  runtime::GroupOptions group;  // `cores`, `node` and classes mean nothing here
  ThreadTimes times;
  // How long what an engine is to see may wait for it, before it counts as forgotten. Some
  // preemptions may come together.
  Nanoseconds patience = 20 * kMillisecond;
};

// An EngineGroup on virtual time: the same engine slots, poll loops and decisions, on virtual
// threads. What control does takes effect between two polls. It watches that no engine is polled by
// a thread that does not have it or by two at once, and that none is forgotten.
class SimGroup {
 public:
  using Fail = std::function<void(const std::string&)>;

  // `fail` is told what must not be.
  SimGroup(EventQueue& queue, Random random, const SimGroupOptions& options, Fail fail);
  ~SimGroup();
  SimGroup(const SimGroup&) = delete;
  SimGroup& operator=(const SimGroup&) = delete;

  // Any mode, with times and threads that make sense in a simulation.
  static runtime::GroupOptions Draw(Random& random);

  // Begins to poll `engine`, which is in no group and outlives this or its Remove.
  void Add(runtime::Engine& engine, int weight = 1, std::function<void()> before_poll = {},
           std::function<void()> after_poll = {});
  // From now on it is not polled. Nothing if it is not here.
  void Remove(const runtime::Engine& engine);
  bool Has(const runtime::Engine& engine) const { return Find(engine) != nullptr; }

  // The engine's next poll takes that long; soon. From then on there is a watchdog, as EngineGroup
  // has one, but for what it does about real-time classes, which there are none of. Until the
  // engine has come out the group is not to be formed anew, nor an engine of that thread removed.
  void Stay(const runtime::Engine& engine, const LongPoll& poll);

  // A packet has been delivered to the engine's port, or control has done something to it.
  void Wake(const runtime::Engine& engine);
  // Looks whether fds that engines sleep on have become readable.
  void LookAtFds();

  // No thread gets CPU time between the two.
  void Freeze();
  void Thaw();

  // Forms the group anew, one engine after the other, each between two of its polls; after what
  // was asked for before.
  void Reconfigure(const runtime::GroupOptions& options);
  // It is done with all that was asked for.
  bool settled() const { return !moving_ && wanted_.empty(); }

  const runtime::GroupOptions& options() const { return formation_->options; }
  // What the loop that polls it knows of an engine.
  const runtime::EngineSlot& slot(const runtime::Engine& engine) const;
  // Which of the threads has it, or is to get it.
  size_t thread_of(const runtime::Engine& engine) const;
  size_t threads() const { return formation_->threads.size(); }
  const SimThread& thread(size_t index) const { return *formation_->threads[index]; }
  Nanoseconds CpuTime() const;  // of all threads that there have been
  uint64_t migrations() const { return migrations_; }
  uint64_t reconfigurations() const { return reconfigurations_; }
  uint64_t quarantines() const { return quarantines_; }  // of threads stuck in an engine
  // A number that two runs share only if they went the same way.
  uint64_t Digest() const;

 private:
  struct Member;
  struct Formation {
    runtime::GroupOptions options;
    std::unique_ptr<runtime::Compaction> compaction;
    std::vector<std::unique_ptr<SimThread>> threads;
  };

  Member* Find(const runtime::Engine& engine) const;
  Member& MemberOf(const runtime::EngineSlot& slot) const;
  std::unique_ptr<Formation> Form(const runtime::GroupOptions& options);
  SimThread& AddThread(Formation& formation);
  SimThread& Place();
  // The engine goes to `to`, from the thread that has it, if any, at `when`.
  void Send(Member& member, SimThread& to, Nanoseconds when);
  // It goes to `to`; no thread has it.
  void Hand(Member& member, SimThread& to, Nanoseconds when);
  void Inspect();
  void Rescue(const std::vector<runtime::EngineSlot*>& slots);
  void TakeFromItsThread(Member& member);
  void ForEachThread(absl::FunctionRef<void(SimThread&)> what) const;
  void StepControl();
  void PostMove();
  void Move();
  void EndRetired();
  void CheckForgotten();
  void WatchFrom(Nanoseconds wanted);

  EventQueue& queue_;
  Random random_;
  const SimGroupOptions options_;
  const Fail fail_;
  bool frozen_ = false;
  std::vector<std::unique_ptr<Member>> members_;  // in the order in which they were added
  std::unique_ptr<Formation> formation_;
  std::unique_ptr<Formation> retired_;  // that engines are being moved away from, if any
  Nanoseconds retired_cpu_ = 0;         // of threads that have ended
  Nanoseconds thawed_at_ = 0;

  // Control: one thread, that moves one engine at a time.
  std::deque<runtime::GroupOptions> wanted_;
  bool moving_ = false;  // engines from the retired formation to the new one
  std::deque<const runtime::Engine*> to_move_;
  Member* posted_to_ = nullptr;  // whose mailbox has, or had, the closure
  Nanoseconds posted_at_ = 0;
  const std::function<void()> move_ = [this] { Move(); };
  const absl::FunctionRef<void()> move_closure_{move_};
  uint64_t migrations_ = 0;
  uint64_t reconfigurations_ = 0;
  uint64_t quarantines_ = 0;
  Timer control_;
  Timer watch_;
  Timer watchdog_;
};

}  // namespace farrier::sim
