#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engines/runtime/engine.h"
#include "engines/runtime/engine_group.h"
#include "engines/runtime/thread_meter.h"
#include "engines/runtime/unique_fd.h"

namespace farrier::bench {

// When an input came, and how long it waited until the engine began with it.
struct Wait {
  runtime::Nanoseconds came;
  runtime::Nanoseconds waited;
};

// An engine whose inputs each take a fixed time of CPU. One thread gives them.
class LoadedEngine final : public runtime::Engine {
 public:
  explicit LoadedEngine(runtime::Nanoseconds service);

  // The giving thread: one more input; rings the doorbell if the engine sleeps. False: full.
  bool Give();

  // Of all inputs begun with; once no thread polls the engine.
  std::vector<Wait>& waits() { return waits_; }

  std::string_view kind() const override { return "loaded"; }
  int Poll(runtime::Nanoseconds now, int budget) override;
  void PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait) override;
  runtime::Nanoseconds OldestInput(runtime::Nanoseconds now) override;
  bool Snapshot(runtime::StateSink&, int) override { return true; }
  void Delta(runtime::StateSink&) override {}
  absl::Status Restore(runtime::StateSource&) override { return absl::OkStatus(); }

 private:
  static constexpr size_t kInputs = 1 << 14;
  const runtime::MonotonicClock clock_;
  const runtime::CycleClock cycles_;
  const runtime::Nanoseconds service_;
  const runtime::UniqueFd doorbell_;
  std::vector<runtime::Nanoseconds> came_;  // a ring
  alignas(64) std::atomic<uint64_t> given_{0};
  alignas(64) std::atomic<uint64_t> taken_{0};
  alignas(64) std::atomic<bool> asleep_{false};
  std::vector<Wait> waits_;
};

// Some loaded engines in a group, and a thread on the machine's last core that gives them inputs
// at random (Poisson) times, evenly, with a total load that may change with time.
class LoadedGroup {
 public:
  LoadedGroup(const runtime::GroupOptions& options, size_t engines, runtime::Nanoseconds service);
  ~LoadedGroup();

  struct Outcome {
    std::vector<Wait> waits;         // in the order of coming
    double cpu = 0;                  // of one core, that the group's threads used
    double given = 0;                // of one core, the load that was given indeed
    uint64_t refused = 0;            // inputs that found no room
    runtime::Nanoseconds began = 0;  // so that the load is by the time since then, until it changes
    std::vector<runtime::ThreadReport> threads;
    uint64_t migrations = 0;
  };
  // `load`, of one core, by the time since the beginning; for `length`.
  Outcome Run(runtime::Nanoseconds length, const std::function<double(runtime::Nanoseconds)>& load);

 private:
  const runtime::Nanoseconds service_;
  const runtime::MonotonicClock clock_;
  const runtime::CycleClock cycles_;
  const runtime::KernelThreadMeter meter_;
  std::vector<std::unique_ptr<LoadedEngine>> engines_;
  std::vector<std::unique_ptr<runtime::Mailbox>> mailboxes_;
  std::unique_ptr<runtime::EngineGroup> group_;
};

// The quantile `q` of the waits, in us; 0 without any.
double WaitQuantile(const std::vector<Wait>& waits, double q);

}  // namespace farrier::bench
