#pragma once

#include <cstdint>

#include "engines/runtime/clock.h"

namespace farrier::runtime {

// What the kernel knows of the calling thread. For accounting only.
class ThreadMeter {
 public:
  virtual ~ThreadMeter() = default;
  virtual Nanoseconds CpuTime() const = 0;
  // How often it has given up the CPU by itself: slept, or waited for something.
  virtual uint64_t Blocks() const = 0;
};

// CLOCK_THREAD_CPUTIME_ID and getrusage(RUSAGE_THREAD).
class KernelThreadMeter final : public ThreadMeter {
 public:
  Nanoseconds CpuTime() const override;
  uint64_t Blocks() const override;
};

// Short durations by the CPU's time stamp counter where it runs evenly, else by CLOCK_MONOTONIC:
// half as dear as the latter. Its zero means nothing. Right to 1%: its rate is measured, during 2
// ms, when the first of the process is made. Thread-safe.
class CycleClock final : public Clock {
 public:
  CycleClock();
  Nanoseconds Now() const override;

 private:
  const uint64_t rate_;  // ns per cycle, in units of 2^-32; 0: no such counter
};

}  // namespace farrier::runtime
