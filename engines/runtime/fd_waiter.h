#pragma once

#include <compare>
#include <vector>

#include "engines/runtime/clock.h"

namespace farrier::runtime {

struct WaitFd {
  int fd = -1;
  bool edge_triggered = false;
  auto operator<=>(const WaitFd&) const = default;
};

// Sleeps until one of a set of fds is readable, and leaves the set registered with the kernel for
// as long as it stays the same. One thread.
class FdWaiter {
 public:
  FdWaiter() = default;
  ~FdWaiter();
  FdWaiter(const FdWaiter&) = delete;
  FdWaiter& operator=(const FdWaiter&) = delete;

  // Sleeps at most `timeout` (kNever: for ever); may return early. Reorders `fds`. An fd that
  // cannot be waited for bounds the sleep to a millisecond.
  void Wait(std::vector<WaitFd>& fds, Nanoseconds timeout);

  // To be called when an fd of the set may have been closed: its number can mean something else
  // now, and the kernel still reports the old file while anyone holds it open.
  void Forget();

 private:
  void Register(const std::vector<WaitFd>& fds);

  int epoll_fd_ = -1;
  bool incomplete_ = false;  // some fd could not be registered
  std::vector<WaitFd> registered_;
};

}  // namespace farrier::runtime
