#include "engines/runtime/poll_guard.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace farrier::runtime {
namespace {

bool Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

bool CanMembarrier() {
  static const bool registered = Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return registered;
}

}  // namespace

PollGuard::PollGuard() { CanMembarrier(); }

PollGuard::Reading PollGuard::Read() const {
  const uint64_t sequence = sequence_.load(std::memory_order_acquire);
  if (sequence % 2 == 0) return {.slot = nullptr, .sequence = sequence};
  return {.slot = slot_.load(std::memory_order_relaxed), .sequence = sequence};
}

bool PollGuard::Raise(const Reading& reading) {
  if (reading.slot == nullptr || !CanMembarrier()) return false;
  state_.store(kRaised);
  // From here on whatever the thread does next sees kRaised, and what it did is seen here.
  if (Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
      sequence_.load(std::memory_order_acquire) == reading.sequence) {
    return true;
  }
  state_.store(kDown);
  return false;
}

void PollGuard::Release(bool seized) { state_.store(seized ? kSeized : kDown); }

void PollGuard::Halt() {
  uint32_t state;
  while ((state = state_.load(std::memory_order_acquire)) == kRaised) sched_yield();
  if (state != kSeized) return;
  state_.store(kDown);
  seized_ = true;
}

}  // namespace farrier::runtime
