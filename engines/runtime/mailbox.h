#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"

namespace farrier::runtime {

// How control talks to an engine: a letter box for one closure. Control posts and waits; the thread
// that polls the engine runs the closure between two polls and waits for nobody. It belongs to the
// engine and goes with it from group to group; it must live until the engine was removed.
//
// Closed (as at first) nobody runs what is posted, and posting fails at once. What a closure may
// do: anything with its engine that does not block.
class Mailbox {
 public:
  // `clock` tells the poster's deadline; it must outlive the mailbox. ResourceExhausted without
  // fds.
  static absl::StatusOr<std::unique_ptr<Mailbox>> Create(const Clock& clock);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Runs `closure` on the engine's thread and returns when it has run. After any other status it
  // has not run and never will: DeadlineExceeded if it did not begin within `timeout`, Unavailable
  // if the mailbox is or gets closed. A closure that has begun is awaited, however long, so it may
  // refer to the caller's stack. Any thread but the engine's; posters queue up behind each other.
  absl::Status Run(absl::FunctionRef<void()> closure, Nanoseconds timeout);

  // The rest is for whoever polls the engine, on the polling thread.

  // Lets control in.
  void Open();

  // Runs the closure if there is one. One relaxed-cost load if there is none.
  bool RunPending();

  // Sends control away, also one that waits already.
  void Close();

  // Written whenever a closure is posted; wait for it edge-triggered (nobody reads it).
  int wake_fd() const { return wake_fd_; }

 private:
  // Free → Posted by the poster; Posted → Running → Done by the engine's thread, or Posted →
  // Refused by Close, or Posted → Free when the poster gives up; Done or Refused → Free by the
  // poster.
  enum class State { kFree, kPosted, kRunning, kDone, kRefused };

  Mailbox(const Clock& clock, int wake_fd, int done_fd)
      : clock_(clock), wake_fd_(wake_fd), done_fd_(done_fd) {}
  bool Withdraw();
  bool AwaitDone(Nanoseconds deadline);

  const Clock& clock_;
  const int wake_fd_;
  const int done_fd_;  // one count per Done or Refused
  std::mutex posters_;
  const absl::FunctionRef<void()>* closure_ = nullptr;  // the poster's, while not Free
  std::atomic<State> state_{State::kFree};
  std::atomic<bool> closed_{true};
};

}  // namespace farrier::runtime
