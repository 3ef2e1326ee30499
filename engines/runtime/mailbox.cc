#include "engines/runtime/mailbox.h"

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "engines/runtime/cpu_relax.h"

namespace farrier::runtime {
namespace {

// Looks that a poster takes before it sleeps: about what falling asleep and being woken costs.
constexpr int kSpins = 400;

// How long the mailbox is kept free for those who have waited.
constexpr Nanoseconds kOfferFor = kMillisecond;

void FutexWait(std::atomic<uint32_t>& word, uint32_t value, const timespec* timeout) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, timeout, nullptr, 0);
}

void FutexWakeAll(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Mailbox>> Mailbox::Create(const Clock& clock) {
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) return absl::ErrnoToStatus(errno, "eventfd for a mailbox");
  return std::unique_ptr<Mailbox>(new Mailbox(clock, wake_fd));
}

Mailbox::~Mailbox() { close(wake_fd_); }

absl::Status Mailbox::Run(absl::FunctionRef<void()> closure, Nanoseconds timeout) {
  const Nanoseconds now = clock_.Now();
  Nanoseconds deadline = timeout < kNever - now ? now + timeout : kNever;
  if (absl::Status claimed = Claim(deadline); !claimed.ok()) return claimed;
  if (absl::Status put = Put(closure); !put.ok()) return put;
  for (;;) {
    const uint32_t state = state_.load(std::memory_order_acquire);
    if (std::optional<absl::Status> ended = Collect()) return *std::move(ended);
    if (deadline != kNever && clock_.Now() >= deadline) {
      if (Change(kPosted, kFree)) {
        return absl::DeadlineExceededError("the engine did not look into its mailbox in time");
      }
      deadline = kNever;  // it has begun
    }
    AwaitChange(state, deadline);
  }
}

absl::Status Mailbox::Post(const absl::FunctionRef<void()>& closure) {
  if (closed_.load() || (!Change(kFree, kClaimed) && !Change(kOffered, kClaimed))) {
    return absl::UnavailableError("the engine is not running, or its mailbox is full");
  }
  return Put(closure);
}

// Into a mailbox that has been claimed.
absl::Status Mailbox::Put(const absl::FunctionRef<void()>& closure) {
  closure_ = &closure;
  // Posting and the look at closed_ pair with Close, posting and the look at asleep_ with
  // PrepareSleep: at least one side sees the other.
  Change(kClaimed, kPosted);
  if (closed_.load() && Change(kPosted, kFree)) {
    return absl::UnavailableError("the engine is not running");
  }
  Wake();
  return absl::OkStatus();
}

std::optional<absl::Status> Mailbox::Collect() {
  switch (state_.load(std::memory_order_acquire) & ~kAwaited) {
    case kDone:
      Vacate();
      return absl::OkStatus();
    case kThrew:
      Vacate();
      return absl::InternalError("what was posted to the engine threw an exception");
    case kRefused:
      Vacate();
      return absl::UnavailableError("the engine was stopped");
    default:
      return std::nullopt;
  }
}

absl::Status Mailbox::Claim(Nanoseconds deadline) {
  for (bool has_waited = false;; has_waited = true) {
    if (closed_.load()) return absl::UnavailableError("the engine is not running");
    const uint32_t state = state_.load(std::memory_order_acquire);
    if (Change(kFree, kClaimed)) return absl::OkStatus();
    if (has_waited && Change(kOffered, kClaimed)) return absl::OkStatus();
    const Nanoseconds now = clock_.Now();
    if (now >= deadline) {
      return absl::DeadlineExceededError("others kept the engine's mailbox full");
    }
    // Those to whom it is offered may have gone meanwhile.
    const bool offered = (state & ~kAwaited) == kOffered;
    AwaitChange(state, offered ? std::min(deadline, now + kOfferFor) : deadline);
  }
}

// Whoever sleeps goes on sleeping, but for the changes that end a turn.
bool Mailbox::Change(State from, State to) {
  const bool ends_turn = to == kFree || to == kRefused;
  uint32_t state = from;
  while (!state_.compare_exchange_weak(
      state, ends_turn ? uint32_t{to} : (state & kAwaited) | uint32_t{to})) {
    if ((state & ~kAwaited) != from) return false;
  }
  if (ends_turn && (state & kAwaited) != 0) FutexWakeAll(state_);
  return true;
}

void Mailbox::End(State result) {
  if ((state_.exchange(result) & kAwaited) != 0) FutexWakeAll(state_);
}

// The end of a poster's turn. Whoever sleeps comes before whoever comes now: a poster that posts
// again and again would else always be faster.
void Mailbox::Vacate() {
  uint32_t state = state_.load(std::memory_order_relaxed);
  while (!state_.compare_exchange_weak(
      state, (state & kAwaited) != 0 ? uint32_t{kOffered} : uint32_t{kFree})) {
  }
  if ((state & kAwaited) != 0) FutexWakeAll(state_);
}

// Returns when the state is not `state` any more, at the deadline, or earlier.
void Mailbox::AwaitChange(uint32_t state, Nanoseconds deadline) {
  for (int i = 0; i < kSpins; ++i) {
    if (state_.load(std::memory_order_acquire) != state) return;
    CpuRelax();
  }
  timespec left{};
  if (deadline != kNever) {
    const Nanoseconds now = clock_.Now();
    if (now >= deadline) return;
    left = {.tv_sec = (deadline - now) / kSecond, .tv_nsec = (deadline - now) % kSecond};
  }
  const uint32_t awaited = state | kAwaited;
  if (state != awaited && !state_.compare_exchange_strong(state, awaited)) return;
  FutexWait(state_, awaited, deadline == kNever ? nullptr : &left);
}

void Mailbox::Open() { closed_.store(false); }

void Mailbox::Close() {
  closed_.store(true);
  Change(kPosted, kRefused);
}

bool Mailbox::RunPosted() {
  if (!Change(kPosted, kRunning)) return false;
  State result = kDone;
  try {
    (*closure_)();
  } catch (...) {
    result = kThrew;
  }
  End(result);
  return true;
}

bool Mailbox::PrepareSleep() {
  asleep_.store(true);
  return (state_.load() & ~kAwaited) != kPosted;
}

void Mailbox::Wake() {
  if (!asleep_.load() || !asleep_.exchange(false)) return;
  // Fails only when the counter would overflow, and then the reader is awake anyway.
  [[maybe_unused]] const int written = eventfd_write(wake_fd_, 1);
}

}  // namespace farrier::runtime
