#include "engines/runtime/mailbox.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace farrier::runtime {
namespace {

void Signal(int event_fd) {
  const uint64_t one = 1;
  // Fails only when the counter would overflow, and then the reader is awake anyway.
  [[maybe_unused]] ssize_t written = write(event_fd, &one, sizeof(one));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Mailbox>> Mailbox::Create(const Clock& clock) {
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0 || done_fd < 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, "eventfd for a mailbox");
    if (wake_fd >= 0) close(wake_fd);
    return status;
  }
  return std::unique_ptr<Mailbox>(new Mailbox(clock, wake_fd, done_fd));
}

Mailbox::~Mailbox() {
  close(wake_fd_);
  close(done_fd_);
}

absl::Status Mailbox::Run(absl::FunctionRef<void()> closure, Nanoseconds timeout) {
  std::lock_guard<std::mutex> lock(posters_);
  const Nanoseconds now = clock_.Now();
  Nanoseconds deadline = timeout < kNever - now ? now + timeout : kNever;
  closure_ = &closure;
  // Posting and the look at closed_ pair with Close: at least one side sees the other.
  state_.store(State::kPosted);
  if (closed_.load() && Withdraw()) return absl::UnavailableError("the engine is not running");
  Signal(wake_fd_);
  while (!AwaitDone(deadline)) {
    if (Withdraw()) {
      return absl::DeadlineExceededError("the engine did not look into its mailbox in time");
    }
    deadline = kNever;
  }
  if (state_.exchange(State::kFree) == State::kRefused) {
    return absl::UnavailableError("the engine was stopped");
  }
  return absl::OkStatus();
}

bool Mailbox::Withdraw() {
  State expected = State::kPosted;
  return state_.compare_exchange_strong(expected, State::kFree);
}

bool Mailbox::AwaitDone(Nanoseconds deadline) {
  while (true) {
    uint64_t count;
    if (read(done_fd_, &count, sizeof(count)) == sizeof(count)) return true;
    timespec left{};
    if (deadline != kNever) {
      const Nanoseconds now = clock_.Now();
      if (now >= deadline) return false;
      left = {.tv_sec = (deadline - now) / kSecond, .tv_nsec = (deadline - now) % kSecond};
    }
    pollfd done{.fd = done_fd_, .events = POLLIN, .revents = 0};
    ppoll(&done, 1, deadline == kNever ? nullptr : &left, nullptr);
  }
}

void Mailbox::Open() { closed_.store(false); }

bool Mailbox::RunPending() {
  if (state_.load(std::memory_order_relaxed) != State::kPosted) return false;
  State expected = State::kPosted;
  if (!state_.compare_exchange_strong(expected, State::kRunning)) return false;
  (*closure_)();
  state_.store(State::kDone);
  Signal(done_fd_);
  return true;
}

void Mailbox::Close() {
  closed_.store(true);
  State expected = State::kPosted;
  if (state_.compare_exchange_strong(expected, State::kRefused)) Signal(done_fd_);
}

}  // namespace farrier::runtime
