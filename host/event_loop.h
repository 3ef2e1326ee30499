#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"
#include "host/unique_fd.h"

namespace farrier::host {

// The control thread's loop: file descriptors, timers and closures from other threads. All calls
// from the loop's own thread, except Post.
class EventLoop {
 public:
  using TimerId = std::pair<runtime::Nanoseconds, uint64_t>;

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(const runtime::Clock& clock);

  // Calls `ready` (with EPOLL* bits) whenever `fd` has one of `events`, until Forget. A descriptor
  // must be forgotten before it is closed; `ready` may forget any.
  void Watch(int fd, uint32_t events, std::function<void(uint32_t)> ready);
  void Forget(int fd);

  // Runs `task` on the loop's thread, in the order posted. Any thread.
  void Post(std::function<void()> task);

  // Runs `task` once, `delay` from now.
  TimerId After(runtime::Nanoseconds delay, std::function<void()> task);
  void Cancel(TimerId timer);

  // Runs until Stop.
  void Run();
  void Stop() { stopped_ = true; }

  const runtime::Clock& clock() const { return clock_; }

 private:
  struct Watched {
    uint64_t serial;
    std::function<void(uint32_t)> ready;
  };

  EventLoop(const runtime::Clock& clock, UniqueFd epoll, UniqueFd wakeup);
  void RunPosted();
  void RunTimers();

  const runtime::Clock& clock_;
  UniqueFd epoll_;
  UniqueFd wakeup_;
  bool stopped_ = false;
  uint64_t next_serial_ = 1;
  std::map<int, std::shared_ptr<Watched>> watched_;
  std::map<TimerId, std::function<void()>> timers_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
};

}  // namespace farrier::host
