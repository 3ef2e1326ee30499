#pragma once

#include <cstdint>

namespace farrier::runtime {

// Absolute time in nanoseconds of the host's CLOCK_MONOTONIC (of the simulation, in tests), or a
// duration. Card timestamps are on the same scale in simulation.
using Nanoseconds = int64_t;

inline constexpr Nanoseconds kMicrosecond = 1'000;
inline constexpr Nanoseconds kMillisecond = 1'000'000;
inline constexpr Nanoseconds kSecond = 1'000'000'000;
inline constexpr Nanoseconds kNever = INT64_MAX;

// Where time comes from. Passed in; nothing below host/ reads a clock by itself. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Nanoseconds Now() const = 0;
};

// CLOCK_MONOTONIC.
class MonotonicClock final : public Clock {
 public:
  Nanoseconds Now() const override;
};

// A clock that stands still until it is told. One thread.
class ManualClock final : public Clock {
 public:
  Nanoseconds Now() const override { return now_; }
  void AdvanceTo(Nanoseconds now) { now_ = now; }
  void Advance(Nanoseconds by) { now_ += by; }

 private:
  Nanoseconds now_ = 1;
};

}  // namespace farrier::runtime
