// The three modes under load: how long input waits, and what CPU time that costs. The load comes
// from a thread that spins on the machine's last core. Where it is not said otherwise idle cores
// are kept awake (GroupOptions::idle_exit): a virtual machine's host may let a halted one wait for
// milliseconds before it wakes.

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/clocked_engine.h"
#include "bench/engine_figures.h"
#include "bench/loaded_engine.h"
#include "bench/statistics.h"

namespace farrier::bench {
namespace {

using runtime::GroupMode;
using runtime::GroupOptions;
using runtime::kMillisecond;
using runtime::Nanoseconds;

constexpr size_t kEngines = 4;
constexpr Nanoseconds kService = 5 * runtime::kMicrosecond;  // of each input
constexpr Nanoseconds kLength = 500 * kMillisecond;

// All cores but the load's, the last: engines of SCHED_DEADLINE, which cannot be bound, would run
// before the thread that gives them their load. Dedicating has one thread, on the first core.
GroupOptions OptionsOf(GroupMode mode) {
  GroupOptions options{.mode = mode};
  const std::vector<int> cores = runtime::ReadCpuTopology("").value().allowed;
  if (mode == GroupMode::kDedicating) {
    options.cores = {cores.front()};
  } else if (cores.size() > 1) {
    options.cores.assign(cores.begin(), cores.end() - 1);
  }
  return options;
}

// `idle_exit`: see GroupOptions.
LoadedGroup::Outcome RunAt(GroupMode mode, double load, std::optional<Nanoseconds> idle_exit) {
  GroupOptions options = OptionsOf(mode);
  options.idle_exit = idle_exit;
  LoadedGroup group(options, kEngines, kService);
  return group.Run(kLength, [&](Nanoseconds) { return load; });
}

// How long after a step of the load the delay is back under `target` (us), in ms: the begin of the
// first 10 ms of which that quantile waited less.
double Recovery(const std::vector<Wait>& waits, Nanoseconds step, double target, double quantile) {
  constexpr Nanoseconds kWindow = 10 * kMillisecond;
  for (Nanoseconds begin = step; begin < step + 100 * kMillisecond; begin += kMillisecond / 2) {
    std::vector<Wait> window;
    for (const Wait& wait : waits) {
      if (wait.came >= begin && wait.came < begin + kWindow) window.push_back(wait);
    }
    if (WaitQuantile(window, quantile) <= target) {
      return static_cast<double>(begin - step) / kMillisecond;
    }
  }
  return 100;
}

// A step beyond one core, so that engines have to move: inputs come by the clock, and the engines
// have all cores.
struct StepBeyondOneCore {
  double recovery_ms = 0;
  double migrations = 0;
};
StepBeyondOneCore MeasureStepBeyondOneCore(double target) {
  const runtime::MonotonicClock clock;
  const runtime::CycleClock cycles;
  const runtime::KernelThreadMeter meter;
  const Nanoseconds step = clock.Now() + 200 * kMillisecond;
  std::vector<std::unique_ptr<ClockedEngine>> engines;
  std::vector<std::unique_ptr<runtime::Mailbox>> mailboxes;
  auto group = runtime::EngineGroup::Start("step", {.mode = GroupMode::kCompacting},
                                           {.clock = &clock,
                                            .cycles = &cycles,
                                            .meter = &meter,
                                            .topology = runtime::ReadCpuTopology("").value()})
                   .value();
  for (unsigned i = 0; i < kEngines; ++i) {
    engines.push_back(
        std::make_unique<ClockedEngine>(kService, i + 1, 0.05 / kEngines, 1.4 / kEngines, step));
    mailboxes.push_back(runtime::Mailbox::Create(clock).value());
    if (!group->Add(*engines[i], *mailboxes[i], absl::StrCat("engine", i)).ok()) std::abort();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  StepBeyondOneCore result;
  for (const runtime::EngineReport& engine : group->Report().engines) {
    result.migrations += static_cast<double>(engine.migrations);
  }
  std::vector<Wait> waits;
  for (const auto& engine : engines) {
    if (!group->Remove(*engine).ok()) std::abort();
    waits.insert(waits.end(), engine->waits().begin(), engine->waits().end());
  }
  result.recovery_ms = Recovery(waits, step, target, 0.9);
  return result;
}

}  // namespace

std::vector<Figure> CompactingFigures(int runs) {
  const double target = static_cast<double>(GroupOptions().delay_target) / runtime::kMicrosecond;
  std::vector<double> ratio, p99, ratio_any, p99_any, recovery, recovery_beyond, migrations;
  for (int run = 0; run < runs; ++run) {
    const LoadedGroup::Outcome dedicating = RunAt(GroupMode::kDedicating, 0.1, std::nullopt);
    const LoadedGroup::Outcome awake = RunAt(GroupMode::kCompacting, 0.1, 0);
    ratio.push_back(awake.cpu / dedicating.cpu);
    p99.push_back(WaitQuantile(awake.waits, 0.99));
    const LoadedGroup::Outcome any = RunAt(GroupMode::kCompacting, 0.1, std::nullopt);
    ratio_any.push_back(any.cpu / dedicating.cpu);
    p99_any.push_back(WaitQuantile(any.waits, 0.99));

    constexpr Nanoseconds kStep = 200 * kMillisecond;
    LoadedGroup ramp(OptionsOf(GroupMode::kCompacting), kEngines, kService);
    const LoadedGroup::Outcome stepped =
        ramp.Run(kLength, [&](Nanoseconds since) { return since < kStep ? 0.05 : 0.8; });
    recovery.push_back(Recovery(stepped.waits, stepped.began + kStep, target, 0.99));
    const StepBeyondOneCore beyond = MeasureStepBeyondOneCore(target);
    recovery_beyond.push_back(beyond.recovery_ms);
    migrations.push_back(beyond.migrations);
  }
  return std::vector<Figure>{
      {"compacting_cpu_of_dedicating_at_10_percent", Median(ratio), "", "<= 0.333"},
      {"compacting_p99_us_at_10_percent", Median(p99), "us", absl::StrCat("<= ", target)},
      {"compacting_any_idle_state_cpu_of_dedicating_at_10_percent", Median(ratio_any), "", ""},
      {"compacting_any_idle_state_p99_us_at_10_percent", Median(p99_any), "us", ""},
      {"compacting_step_5_to_80_percent_recovery_ms", Median(recovery), "ms", "<= 10"},
      {"compacting_step_5_to_140_percent_p90_recovery_ms", Median(recovery_beyond), "ms", "<= 10"},
      {"compacting_step_5_to_140_percent_migrations", Median(migrations), "engines", ""}};
}

std::vector<Figure> LoadFigures(int runs) {
  std::vector<Figure> figures;
  for (const GroupMode mode :
       {GroupMode::kDedicating, GroupMode::kSpreading, GroupMode::kCompacting}) {
    for (const int percent : {2, 5, 10, 20, 40, 60, 80}) {
      std::vector<double> p50, p99, cpu;
      for (int run = 0; run < runs; ++run) {
        const LoadedGroup::Outcome outcome = RunAt(mode, percent / 100.0, 0);
        p50.push_back(WaitQuantile(outcome.waits, 0.5));
        p99.push_back(WaitQuantile(outcome.waits, 0.99));
        cpu.push_back(100 * outcome.cpu);
      }
      const std::string name = absl::StrCat("load_", std::string(ToString(mode)), "_", percent);
      figures.push_back({name + "_p50_us", Median(p50), "us", ""});
      figures.push_back({name + "_p99_us", Median(p99), "us", ""});
      figures.push_back({name + "_cpu_percent", Median(cpu), "% of a core", ""});
      std::fprintf(stderr, ".");
    }
  }
  std::fprintf(stderr, "\n");
  return figures;
}

}  // namespace farrier::bench
