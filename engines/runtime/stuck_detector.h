#pragma once

#include "absl/functional/function_ref.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/poll_guard.h"

namespace farrier::runtime {

// Tells an engine that hangs from a thread that does not get its core. One per thread.
class StuckDetector {
 public:
  explicit StuckDetector(Nanoseconds limit) : limit_(limit) {}

  enum class Verdict : uint8_t {
    kFine,
    kSpins,   // in the same stay for longer than the limit, with the CPU for half of it
    kBlocks,  // in the same stay for longer than the limit, and asleep
  };

  // `cpu` is the CPU time of the thread so far; `asleep` says whether it is off the CPU and not
  // waiting for it, and is asked only of a suspect. Times by the caller's clock.
  Verdict Check(Nanoseconds now, const PollGuard::Reading& reading, Nanoseconds cpu,
                absl::FunctionRef<bool()> asleep) {
    if (reading.slot == nullptr || reading.sequence != sequence_) {
      sequence_ = reading.sequence;
      since_ = now;
      cpu_ = cpu;
      return Verdict::kFine;
    }
    if (now - since_ < limit_) return Verdict::kFine;
    if (cpu - cpu_ >= limit_ / 2) return Verdict::kSpins;
    return asleep() ? Verdict::kBlocks : Verdict::kFine;
  }

  // In the stay that was checked last.
  Nanoseconds time_in(Nanoseconds now) const { return now - since_; }

 private:
  const Nanoseconds limit_;
  uint64_t sequence_ = 0;
  Nanoseconds since_ = 0;
  Nanoseconds cpu_ = 0;
};

// Tells a thread of SCHED_DEADLINE that the kernel has lost: ready to run, and not run for a long
// time. (Linux 6.18 forgets to replenish throttled threads now and then; another class revives
// them.)
class LostThreadDetector {
 public:
  // Looked at about every 10 ms, with the thread's CPU time so far. `asleep` as above, asked only
  // now and then, of a thread that has not run.
  bool Check(Nanoseconds now, Nanoseconds cpu, absl::FunctionRef<bool()> asleep) {
    if (cpu != cpu_) {
      cpu_ = cpu;
      next_look_ = now + kQuiet;
      ready_since_ = kNever;
    }
    if (now < next_look_) return false;
    if (asleep()) {
      ready_since_ = kNever;
      next_look_ = now + kQuiet;
      return false;
    }
    if (ready_since_ == kNever) ready_since_ = now;
    return now - ready_since_ >= kReady;
  }

  // It was ready at the last look, and had not run: to be looked at again soon.
  bool suspects() const { return ready_since_ != kNever; }

 private:
  static constexpr Nanoseconds kQuiet = 30 * kMillisecond;  // without having run, to be asked
  static constexpr Nanoseconds kReady = 20 * kMillisecond;  // and then all the time, to be lost
  Nanoseconds next_look_ = 0;
  Nanoseconds ready_since_ = kNever;
  Nanoseconds cpu_ = -1;
};

// Whether a thread of SCHED_FIFO leaves others no time: it is to be demoted for a moment, each time
// that it has had more than nine tenths of the last tenth of a second.
class StarvationGuard {
 public:
  // Looked at about every 10 ms, with the thread's CPU time so far; true: it starves others.
  bool Check(Nanoseconds now, Nanoseconds cpu) {
    if (now - since_ < kWindow) return false;
    const bool starves =
        since_ != 0 && static_cast<double>(cpu - cpu_) > 0.9 * static_cast<double>(now - since_);
    since_ = now;
    cpu_ = cpu;
    return starves;
  }

 private:
  static constexpr Nanoseconds kWindow = 100 * kMillisecond;
  Nanoseconds since_ = 0;
  Nanoseconds cpu_ = 0;
};

}  // namespace farrier::runtime
