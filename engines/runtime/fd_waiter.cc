#include "engines/runtime/fd_waiter.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

namespace farrier::runtime {

FdWaiter::~FdWaiter() { Forget(); }

void FdWaiter::Forget() {
  if (epoll_fd_ >= 0) close(epoll_fd_);
  epoll_fd_ = -1;
}

void FdWaiter::Wait(std::vector<WaitFd>& fds, Nanoseconds timeout) {
  std::sort(fds.begin(), fds.end());
  fds.erase(std::unique(fds.begin(), fds.end()), fds.end());
  if (epoll_fd_ < 0 || fds != registered_) Register(fds);
  if (incomplete_) timeout = std::min(timeout, kMillisecond);
  const timespec limit{.tv_sec = timeout / kSecond, .tv_nsec = timeout % kSecond};
  const timespec* const limit_or_none = timeout == kNever ? nullptr : &limit;
  if (epoll_fd_ < 0) {
    ppoll(nullptr, 0, limit_or_none, nullptr);
    return;
  }
  epoll_event events[16];  // which they are does not matter, but being told consumes edges
  epoll_pwait2(epoll_fd_, events, std::size(events), limit_or_none, nullptr);
}

void FdWaiter::Register(const std::vector<WaitFd>& fds) {
  Forget();
  registered_ = fds;
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  incomplete_ = epoll_fd_ < 0;
  if (incomplete_) return;
  for (const WaitFd& wait : fds) {
    epoll_event event{};
    event.events = wait.edge_triggered ? EPOLLIN | EPOLLET : EPOLLIN;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wait.fd, &event) != 0) incomplete_ = true;
  }
}

}  // namespace farrier::runtime
