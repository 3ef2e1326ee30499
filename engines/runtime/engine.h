#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/state.h"

namespace farrier::runtime {

// What a sleeping engine is to be woken by.
struct WaitSet {
  // Any becoming readable. Close one only after the engine was told, on its thread (Mailbox), to
  // wait for it no more.
  std::vector<int> fds;
  Nanoseconds deadline = kNever;  // its next timer
  bool busy = false;              // has input now: do not sleep
};

// A stateful single-threaded task with inputs and outputs in lock-free memory: card queues, app
// queues, other engines. While it is in a group every call comes from one thread at a time, which
// sees all that earlier calls did; which thread it is may change between two calls. No call blocks,
// waits, throws or takes a mutex (what does is found out and contained, see EngineGroup). Time,
// randomness and ports are passed in.
class Engine {
 public:
  virtual ~Engine() = default;

  // Kind of engine, e.g. "pony"; constant. Any thread.
  virtual std::string_view kind() const = 0;

  // Takes what is there, at most `budget` packets and commands each, and runs it to completion.
  // Returns how much there was; 0 = idle. `now` is read once per loop of the group.
  virtual int Poll(Nanoseconds now, int budget) = 0;

  // Before sleeping: arms the engine's doorbells and interrupts, then fills `wait` (cleared by
  // the caller). With wait.busy something arrived meanwhile.
  virtual void PrepareWait(Nanoseconds now, WaitSet& wait) = 0;

  // When the oldest input that still waits arrived; kNever if none. For load measurement.
  virtual Nanoseconds OldestInput(Nanoseconds now) = 0;

  // Writes a part of the state, at most `budget` records, between polls; returns true when all has
  // been written once. The first call of a round begins anew. What changes after it was written is
  // remembered for Delta.
  virtual bool Snapshot(StateSink& sink, int budget) = 0;

  // Writes everything that changed since it was written by Snapshot. The engine is not polled any
  // more after this, unless the hand-over is rolled back, and then goes on as if nothing was.
  virtual void Delta(StateSink& sink) = 0;

  // Takes over state: records of Snapshot first, in as many calls as they come in, then, in a later
  // call, those of Delta. Before the first Poll. Refuses records that it does not understand or
  // that contradict themselves, and is then useless.
  virtual absl::Status Restore(StateSource& source) = 0;
};

}  // namespace farrier::runtime
