#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"

namespace farrier::runtime {

// How control talks to an engine: a letter box for one closure, without locks. Control posts and
// waits; the thread that polls the engine runs the closure between two polls and waits for nobody.
// It belongs to the engine and goes with it from thread to thread and from group to group; it must
// live until the engine was removed.
//
// Closed (as at first) nobody runs what is posted, and posting fails at once. What a closure may
// do: anything with its engine that does not block.
class Mailbox {
 public:
  // `clock` tells the poster's deadline; it must advance at CLOCK_MONOTONIC's rate and outlive the
  // mailbox. ResourceExhausted without fds.
  static absl::StatusOr<std::unique_ptr<Mailbox>> Create(const Clock& clock);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Runs `closure` on the engine's thread and returns when it has run. After DeadlineExceeded (it
  // did not begin within `timeout`) or Unavailable (the mailbox is or gets closed) it has not run
  // and never will. Internal: it threw. A closure that has begun is awaited, however long, so it
  // may refer to the caller's stack. Any thread but the engine's; posters take turns, in no order.
  // The poster spins for some microseconds and then sleeps.
  absl::Status Run(absl::FunctionRef<void()> closure, Nanoseconds timeout);

  // Run in two halves, for one that shares its thread with the engine, in simulation: Post as Run,
  // but Unavailable also if the mailbox is full; then Collect, until it says how it ended. What
  // `closure` refers to lives until then, and it itself.
  absl::Status Post(const absl::FunctionRef<void()>& closure);
  std::optional<absl::Status> Collect();

  // Lets control in. Any thread.
  void Open();

  // Sends control away, also one that waits already. A closure that runs goes on. Any thread.
  void Close();

  // The rest is for whoever polls the engine, on the polling thread.

  // Runs the closure if there is one; true if it did. One plain load if there is none.
  bool RunPending() {
    return (state_.load(std::memory_order_relaxed) & ~kAwaited) == kPosted && RunPosted();
  }

  // From now on posting writes wake_fd; false if something has been posted already: do not sleep.
  bool PrepareSleep();

  // Posting need not write wake_fd any more.
  void EndSleep() { asleep_.store(false, std::memory_order_relaxed); }

  // Makes wake_fd readable if its reader is asleep. Any thread.
  void Wake();

  // Wait for it edge-triggered (nobody reads it).
  int wake_fd() const { return wake_fd_; }

 private:
  // Free → Claimed → Posted by the poster; Posted → Running → Done or Threw by the engine's thread,
  // or Posted → Refused by Close, or Posted → Free when the poster gives up; Done, Threw or Refused
  // → Free by the poster, or → Offered, which is free for those who have waited. With kAwaited
  // somebody sleeps until the state is another: what makes it one learns that by the same exchange,
  // and touches the mailbox no more, which may be gone then.
  enum State : uint32_t { kFree, kClaimed, kPosted, kRunning, kDone, kThrew, kRefused, kOffered };
  static constexpr uint32_t kAwaited = 0x100;

  Mailbox(const Clock& clock, int wake_fd) : clock_(clock), wake_fd_(wake_fd) {}
  absl::Status Claim(Nanoseconds deadline);
  absl::Status Put(const absl::FunctionRef<void()>& closure);
  bool RunPosted();
  bool Change(State from, State to);
  void End(State result);
  void Vacate();
  void AwaitChange(uint32_t state, Nanoseconds deadline);

  const Clock& clock_;
  const int wake_fd_;
  const absl::FunctionRef<void()>* closure_ = nullptr;  // the poster's, from Claimed on
  std::atomic<uint32_t> state_{kFree};
  std::atomic<bool> asleep_{false};  // the engine's thread
  std::atomic<bool> closed_{true};
};

}  // namespace farrier::runtime
