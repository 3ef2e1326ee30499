#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engines/runtime/clock.h"
#include "engines/runtime/engine_slot.h"
#include "engines/runtime/fd_waiter.h"
#include "engines/runtime/poll_guard.h"
#include "engines/runtime/thread_meter.h"

namespace farrier::runtime {

struct PollLoopOptions {
  const Clock* cycles = nullptr;              // short durations, cheaply
  const ThreadMeter* meter = nullptr;         // of the thread that runs the loop
  Nanoseconds poll_limit = 2 * kMillisecond;  // a longer poll is an overrun
};

// The engines of one thread, and what is done with them round by round: mailboxes, polls, fair
// shares, batches, accounting. It neither sleeps nor decides when to; a thread drives it, or the
// simulator on virtual time. One thread, but for the guard.
class PollLoop {
 public:
  // What `options` points to outlives the loop.
  explicit PollLoop(const PollLoopOptions& options);

  // First thing on the thread.
  void Begin(Nanoseconds now);

  // Begins, or ceases, to poll `slot`. Drop: also from within a closure of the slot's own mailbox.
  void Adopt(EngineSlot& slot, Nanoseconds now);
  void Drop(EngineSlot& slot);

  // One round: every engine once, but for those that have had more than their share while others
  // want theirs. True if there was anything to do. An engine that throws is dropped, its mailbox
  // closed.
  bool Round(Nanoseconds now);

  // Arms every engine's doorbells and timers. False: something is there already, do not sleep.
  // Else sleep on `fds` (added to it) until `deadline` (lowered), and call EndSleep.
  bool PrepareSleep(Nanoseconds now, std::vector<WaitFd>& fds, Nanoseconds& deadline);
  void EndSleep(Nanoseconds now);

  // Charges the thread's CPU time since the last time to the engines, by the time spent in each,
  // and publishes every engine's figures. Now and then, at least 1 ms apart.
  void Account(Nanoseconds now);
  bool AccountDue(Nanoseconds now) const { return now - accounted_at_ >= kMillisecond; }

  const std::vector<EngineSlot*>& engines() const { return engines_; }
  // Worst queueing delay among the engines, by the last look at each.
  Nanoseconds delay() const;
  // Of the core, in polls that found input, lately.
  double load() const { return load_; }
  // Of the time before the last accounting, the part in which the thread wanted its core and
  // somebody else had it.
  double shared() const { return shared_; }
  // Of the thread, at the last accounting.
  Nanoseconds cpu() const { return cpu_; }
  // Closures have run since this was asked, or engines came or went: see FdWaiter::Forget.
  bool TakeFdsMayHaveChanged() { return std::exchange(fds_may_have_changed_, false); }

  PollGuard& guard() { return guard_; }

  // With the guard raised while the thread is in `stuck`, on the watchdog's thread: takes out all
  // other engines.
  std::vector<EngineSlot*> Seize(EngineSlot& stuck);

 private:
  void PollOne(EngineSlot& slot, Nanoseconds now, bool look);
  void Leave();
  bool Arm(Nanoseconds now, std::vector<WaitFd>& fds, Nanoseconds& deadline);
  Nanoseconds CheckLongPoll(EngineSlot& slot, Nanoseconds took);
  void Fail(EngineSlot& slot, const char* what);

  const Clock& cycles_;
  const ThreadMeter& meter_;
  const Nanoseconds poll_limit_;
  std::vector<EngineSlot*> engines_;
  PollGuard guard_;
  bool inside_ = false;  // between the guard's Enter and Exit
  bool any_ = false;     // this round found something to do
  Nanoseconds now_ = 0;  // of this round
  WaitSet wait_set_;
  Nanoseconds stamp_ = 0;      // by `cycles`: end of the last poll
  double virtual_floor_ = 0;   // least virtual time among the engines that have input
  Nanoseconds looked_at_ = 0;  // at the delays
  Nanoseconds woke_at_ = 0;

  // Since the last accounting.
  Nanoseconds accounted_at_ = 0;      // by the group's clock
  Nanoseconds accounted_cycles_ = 0;  // by `cycles`
  Nanoseconds asleep_ = 0;
  Nanoseconds off_core_ = 0;  // neither asleep nor on the core, as far as looked at
  Nanoseconds asleep_since_ = 0;
  Nanoseconds cpu_ = 0;
  uint64_t blocks_ = 0;           // of the thread's, those that were right
  Nanoseconds window_since_ = 0;  // of worst_delay
  double load_ = 0;
  double shared_ = 0;
  bool fds_may_have_changed_ = false;
};

}  // namespace farrier::runtime
