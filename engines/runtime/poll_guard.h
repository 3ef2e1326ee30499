#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace farrier::runtime {

struct EngineSlot;

// Lets a watchdog take the other engines from a thread that is stuck inside one of them, although
// the thread cannot be asked. The thread says when it goes into an engine and when it comes out,
// and looks each time whether the guard is raised. Raised while the thread is inside, the thread
// stops at its way out, so that until Release everything of its loop is the watchdog's.
//
// For the thread that is two plain stores and two loads per poll: the order between them, which
// would take a fence each, is made by the watchdog with membarrier(2).
class PollGuard {
 public:
  // Registers the process for membarrier, once. Without it (kernels before 4.14) Raise is false.
  PollGuard();

  // ---- The polling thread.

  // It goes into an engine, and comes out of it. What lies between does not touch the loop.
  void Enter(EngineSlot& slot) {
    slot_.store(&slot, std::memory_order_relaxed);
    Step();
  }
  void Exit() { Step(); }

  // True, once: the watchdog has taken the other engines while this thread was in its own.
  bool TakeSeized() { return seized_ && std::exchange(seized_, false); }

  // ---- The watchdog, one thread at a time.

  struct Reading {
    EngineSlot* slot = nullptr;  // where the thread is; null: in none
    uint64_t sequence = 0;       // of this stay
  };
  Reading Read() const;

  // True: the thread is in the stay that was read and will not leave it before Release. False: it
  // has left.
  bool Raise(const Reading& reading);

  // Lets the thread go on. `seized`: it is to learn of it by TakeSeized.
  void Release(bool seized);

 private:
  enum State : uint32_t { kDown, kRaised, kSeized };

  void Step() {
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (state_.load(std::memory_order_acquire) != kDown) [[unlikely]]
      Halt();
  }
  void Halt();

  std::atomic<EngineSlot*> slot_{nullptr};
  std::atomic<uint64_t> sequence_{0};  // odd: inside
  std::atomic<uint32_t> state_{kDown};
  bool seized_ = false;  // of the polling thread
};

}  // namespace farrier::runtime
