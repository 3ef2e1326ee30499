#include "engines/runtime/ticker.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <cerrno>

namespace farrier::runtime {

absl::StatusOr<std::unique_ptr<Ticker>> Ticker::Start(Options options) {
  UniqueFd wake_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd.valid()) return absl::ErrnoToStatus(errno, "eventfd for a ticker");
  auto ticker = std::unique_ptr<Ticker>(new Ticker(std::move(options), std::move(wake_fd)));
  ticker->thread_ = std::thread([ticker = ticker.get()] { ticker->Run(); });
  return ticker;
}

Ticker::~Ticker() {
  stop_.store(true);
  eventfd_write(wake_fd_.get(), 1);
  thread_.join();
}

void Ticker::Wake() {
  if (resting_.load() && resting_.exchange(false)) eventfd_write(wake_fd_.get(), 1);
}

void Ticker::Run() {
  pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
  SetThreadClass(0, options_.thread_class);
  while (!stop_.load()) {
    if (options_.tick()) {
      Wait(options_.period);
      continue;
    }
    // What begins after this look finds resting_ set, and wakes.
    resting_.store(true);
    if (!options_.tick()) Wait(options_.resting_period);
    resting_.store(false);
  }
}

void Ticker::Wait(Nanoseconds timeout) {
  pollfd wake{.fd = wake_fd_.get(), .events = POLLIN, .revents = 0};
  if (poll(&wake, 1, static_cast<int>(timeout / kMillisecond)) > 0 && !stop_.load()) {
    eventfd_t count;
    eventfd_read(wake_fd_.get(), &count);
  }
}

}  // namespace farrier::runtime
