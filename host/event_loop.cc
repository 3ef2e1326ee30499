#include "host/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/status/status.h"

namespace farrier::host {

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(const runtime::Clock& clock) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll_create1");
  UniqueFd wakeup(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  auto loop = std::unique_ptr<EventLoop>(new EventLoop(clock, std::move(epoll), std::move(wakeup)));
  loop->Watch(loop->wakeup_.get(), EPOLLIN, [raw = loop.get()](uint32_t) { raw->RunPosted(); });
  return loop;
}

EventLoop::EventLoop(const runtime::Clock& clock, UniqueFd epoll, UniqueFd wakeup)
    : clock_(clock), epoll_(std::move(epoll)), wakeup_(std::move(wakeup)) {}

void EventLoop::Watch(int fd, uint32_t events, std::function<void(uint32_t)> ready) {
  const bool known = watched_.contains(fd);
  const uint64_t serial = next_serial_++;
  watched_[fd] = std::make_shared<Watched>(Watched{serial, std::move(ready)});
  // Events carry the number with the descriptor: one that was meant for a forgotten watch is not
  // given to another that got the same descriptor.
  epoll_event event{.events = events, .data = {.u64 = serial << 32 | static_cast<uint32_t>(fd)}};
  epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
}

void EventLoop::Forget(int fd) {
  if (watched_.erase(fd) != 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::Post(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(wakeup_.get(), &one, sizeof(one));
}

EventLoop::TimerId EventLoop::After(runtime::Nanoseconds delay, std::function<void()> task) {
  const TimerId id{clock_.Now() + delay, next_serial_++};
  timers_.emplace(id, std::move(task));
  return id;
}

void EventLoop::Cancel(TimerId timer) { timers_.erase(timer); }

void EventLoop::RunPosted() {
  uint64_t count;
  [[maybe_unused]] ssize_t taken = read(wakeup_.get(), &count, sizeof(count));
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
}

void EventLoop::RunTimers() {
  const TimerId due{clock_.Now(), UINT64_MAX};
  while (!timers_.empty() && timers_.begin()->first <= due) {
    auto task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
}

void EventLoop::Run() {
  stopped_ = false;
  std::array<epoll_event, 32> events;
  while (!stopped_) {
    timespec wait{};
    if (!timers_.empty()) {
      const runtime::Nanoseconds left =
          std::max<runtime::Nanoseconds>(timers_.begin()->first.first - clock_.Now(), 0);
      wait = {.tv_sec = left / runtime::kSecond, .tv_nsec = left % runtime::kSecond};
    }
    const int count = epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   timers_.empty() ? nullptr : &wait, nullptr);
    for (int i = 0; i < count && !stopped_; ++i) {
      const uint64_t data = events[i].data.u64;
      auto found = watched_.find(static_cast<int>(data & UINT32_MAX));
      if (found == watched_.end() || (found->second->serial & UINT32_MAX) != data >> 32) continue;
      const std::shared_ptr<Watched> watched = found->second;  // it may forget itself
      watched->ready(events[i].events);
    }
    if (!stopped_) RunTimers();
  }
}

}  // namespace farrier::host
