#pragma once

#include <random>
#include <vector>

#include "bench/loaded_engine.h"
#include "engines/runtime/engine.h"
#include "engines/runtime/thread_meter.h"

namespace farrier::bench {

// An engine whose inputs come by the clock, at random (Poisson) times, so that no thread is needed
// to give them and the engines have all cores. It wakes by its timer.
class ClockedEngine final : public runtime::Engine {
 public:
  // Each input takes `service` of CPU; together they are `load` of one core, and `load_after` from
  // `step` on, a time of CLOCK_MONOTONIC.
  ClockedEngine(runtime::Nanoseconds service, unsigned seed, double load, double load_after,
                runtime::Nanoseconds step);

  // Of all inputs begun with; once no thread polls the engine.
  std::vector<Wait>& waits() { return waits_; }

  std::string_view kind() const override { return "clocked"; }
  int Poll(runtime::Nanoseconds now, int budget) override;
  void PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait) override;
  runtime::Nanoseconds OldestInput(runtime::Nanoseconds now) override;
  bool Snapshot(runtime::StateSink&, int) override { return true; }
  void Delta(runtime::StateSink&) override {}
  absl::Status Restore(runtime::StateSource&) override { return absl::OkStatus(); }

 private:
  void DrawNext();

  const runtime::MonotonicClock clock_;
  const runtime::CycleClock cycles_;
  const runtime::Nanoseconds service_;
  const double load_;
  const double load_after_;
  const runtime::Nanoseconds step_;
  std::minstd_rand random_;
  runtime::Nanoseconds next_;  // input comes
  std::vector<Wait> waits_;
};

}  // namespace farrier::bench
