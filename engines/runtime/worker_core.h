#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engines/runtime/adaptive_spin.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/compactor.h"
#include "engines/runtime/engine_slot.h"
#include "engines/runtime/poll_loop.h"

namespace farrier::runtime {

// What is published of a worker.
struct WorkerFigures {
  std::atomic<Nanoseconds> cpu{0};  // of the thread
  std::atomic<double> load{0};      // of its core, in polls that found input
  std::atomic<int> engines{0};
  std::atomic<uint64_t> sleeps{0};
  std::atomic<bool> asleep{false};
  std::atomic<bool> quarantined{false};  // stuck in an engine, and the others taken away
};

// What a thread of a group does between two looks at the clock, and what it is to do next: all
// that there is to a worker but the thread itself and its sleep. Worker drives it, and so does the
// simulator on virtual time. One thread, but for StopMoving and the figures.
class WorkerCore {
 public:
  // An idle thread that `sleeps` does so after at most `max_spin`.
  WorkerCore(const PollLoopOptions& options, bool sleeps, Nanoseconds max_spin)
      : loop_(options), sleeps_(sleeps), spin_(max_spin) {}

  // Compacting: the figures of all threads, this one's own at `self`, and what the threads share.
  // All of it outlives this. Before the first Round.
  void SetPeers(std::vector<const WorkerFigures*> peers, size_t self, Compaction& compaction);

  // From now on no engine is handed to a peer; one that is already may still be. Any thread.
  void StopMoving() { may_move_.store(false); }

  enum class Next : uint8_t { kRound, kRest, kSleep };

  // One round, moves between threads, accounting. `busy`: the thread has had other things to do.
  // `hand_on` is called, before this returns, with an engine that is to leave for the peer of that
  // index.
  Next Round(Nanoseconds now, bool busy, absl::FunctionRef<void(EngineSlot&, size_t)> hand_on);

  // Accounts and publishes.
  void Account(Nanoseconds now);
  void Publish();

  // On the watchdog's thread: this one has been in `reading` too long. Takes its other engines away
  // and says of the one that it hangs. False: it has come out.
  bool Quarantine(const PollGuard::Reading& reading, std::vector<EngineSlot*>& others);
  // After a Round: the engine that this thread was quarantined in has come out, and is the only one
  // left here. The guard's TakeSeized says so.
  void EndQuarantine();

  PollLoop& loop() { return loop_; }
  WorkerFigures& figures() { return figures_; }
  const WorkerFigures& figures() const { return figures_; }
  // An idle thread that was told to rest goes on looking until then; kNever if it never sleeps.
  Nanoseconds rests_until() const { return sleeps_ ? spin_.ends_at() : kNever; }

 private:
  void MoveEngines(Nanoseconds now, absl::FunctionRef<void(EngineSlot&, size_t)> hand_on);

  PollLoop loop_;
  WorkerFigures figures_;
  std::atomic<bool> may_move_{true};
  const bool sleeps_;
  AdaptiveSpin spin_;
  std::vector<const WorkerFigures*> peers_;
  std::optional<Compactor> compactor_;
  std::vector<ThreadView> views_;
};

}  // namespace farrier::runtime
