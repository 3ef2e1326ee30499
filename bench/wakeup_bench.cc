// How soon an engine runs on busy cores.

#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/engine_figures.h"
#include "bench/statistics.h"
#include "engines/runtime/cpu_topology.h"
#include "engines/runtime/engine_group.h"
#include "engines/runtime/thread_class.h"
#include "engines/runtime/thread_meter.h"
#include "engines/runtime/unique_fd.h"

namespace farrier::bench {
namespace {

using runtime::kMicrosecond;
using runtime::kMillisecond;
using runtime::kNever;
using runtime::kSecond;
using runtime::Nanoseconds;
using runtime::ThreadClass;

constexpr Nanoseconds kRun = 1500 * kMillisecond;
constexpr int kHogsPerCore = 2;
constexpr size_t kMaxWakeups = 1 << 16;

// Who rings, and where the engine's thread may run.
struct Scenario {
  const char* name;
  bool bound;      // to the cores without the ringing thread; rules out SCHED_DEADLINE
  bool hogs_ring;  // the threads that compute ring, and go on computing; else a thread that is
                   // before them (SCHED_FIFO), on the first core, and sleeps in between
};
constexpr Scenario kScenarios[] = {
    {.name = "any_core", .bound = false, .hogs_ring = false},
    {.name = "other_core", .bound = true, .hogs_ring = false},
    {.name = "busy_app", .bound = false, .hogs_ring = true},
};

// Notes how long each ring of its doorbell waited.
class DoorbellEngine final : public runtime::Engine {
 public:
  DoorbellEngine() : doorbell_(eventfd(0, EFD_NONBLOCK)) { waits_.reserve(kMaxWakeups); }

  std::string_view kind() const override { return "doorbell"; }
  int Poll(Nanoseconds, int) override {
    const Nanoseconds rung = rung_.load(std::memory_order_acquire);
    if (rung == 0) return 0;
    if (waits_.size() < kMaxWakeups) waits_.push_back(clock_.Now() - rung);
    eventfd_t count;
    eventfd_read(doorbell_.get(), &count);
    rung_.store(0, std::memory_order_release);
    return 1;
  }
  void PrepareWait(Nanoseconds, runtime::WaitSet& wait) override {
    wait.fds.push_back(doorbell_.get());
    wait.busy = rung_.load() != 0;
  }
  Nanoseconds OldestInput(Nanoseconds) override {
    const Nanoseconds rung = rung_.load(std::memory_order_relaxed);
    return rung == 0 ? kNever : rung;
  }
  bool Snapshot(runtime::StateSink&, int) override { return true; }
  void Delta(runtime::StateSink&) override {}
  absl::Status Restore(runtime::StateSource&) override { return absl::OkStatus(); }

  // Any thread; does nothing while the last ring still waits.
  void Ring() {
    Nanoseconds free = 0;
    if (rung_.compare_exchange_strong(free, clock_.Now())) eventfd_write(doorbell_.get(), 1);
  }

  // Once no thread polls it.
  std::vector<Nanoseconds>& waits() { return waits_; }

 private:
  const runtime::MonotonicClock clock_;
  const runtime::UniqueFd doorbell_;
  std::atomic<Nanoseconds> rung_{0};  // when; 0: not
  std::vector<Nanoseconds> waits_;
};

struct Wakeups {
  ThreadClass obtained = ThreadClass::kNice;
  double p50_us = 0, p99_us = 0, max_us = 0;
};

// Rings every 1 to 2 ms for as long as a run takes, on the first core.
void RingOnTime(DoorbellEngine& engine, int core) {
  const runtime::MonotonicClock clock;
  if (absl::Status status = runtime::SetAffinity(0, {core}); !status.ok()) {
    std::fprintf(stderr, "wakeup: %s\n", status.ToString().c_str());
  }
  const runtime::ThreadClassGrant grant =
      runtime::SetThreadClass(0, {.best = ThreadClass::kFifo, .fifo_priority = 50});
  if (!grant.why.empty()) std::fprintf(stderr, "wakeup: ringing late: %s\n", grant.why.c_str());
  std::minstd_rand random(1);
  std::uniform_int_distribution<Nanoseconds> gap(kMillisecond, 2 * kMillisecond);
  const Nanoseconds end = clock.Now() + kRun;
  for (Nanoseconds next = clock.Now(); next < end; next += gap(random)) {
    const timespec until{.tv_sec = next / kSecond, .tv_nsec = next % kSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    engine.Ring();
  }
}

// Computes on `core` until `stop`; with `rings` rings now and then.
void Hog(DoorbellEngine& engine, int core, unsigned seed, bool rings,
         const std::atomic<bool>& stop) {
  const runtime::MonotonicClock clock;
  if (absl::Status status = runtime::SetAffinity(0, {core}); !status.ok()) {
    std::fprintf(stderr, "wakeup: %s\n", status.ToString().c_str());
  }
  std::minstd_rand random(seed);
  std::uniform_int_distribution<Nanoseconds> gap(2 * kMillisecond, 6 * kMillisecond);
  Nanoseconds next = clock.Now() + gap(random);
  while (!stop.load(std::memory_order_relaxed)) {
    if (!rings || clock.Now() < next) continue;
    engine.Ring();
    next = clock.Now() + gap(random);
  }
}

absl::StatusOr<Wakeups> Measure(const Scenario& scenario, ThreadClass best,
                                const runtime::CpuTopology& topology) {
  const runtime::MonotonicClock clock;
  const runtime::CycleClock cycles;
  const runtime::KernelThreadMeter meter;
  const std::vector<int>& cores = topology.allowed;
  runtime::GroupOptions options{.mode = runtime::GroupMode::kSpreading, .thread_class = best};
  if (scenario.bound) options.cores.assign(cores.begin() + 1, cores.end());
  DoorbellEngine engine;
  absl::StatusOr<std::unique_ptr<runtime::Mailbox>> mailbox = runtime::Mailbox::Create(clock);
  if (!mailbox.ok()) return mailbox.status();
  absl::StatusOr<std::unique_ptr<runtime::EngineGroup>> group = runtime::EngineGroup::Start(
      "wakeup", options,
      {.clock = &clock, .cycles = &cycles, .meter = &meter, .topology = topology});
  if (!group.ok()) return group.status();
  if (absl::Status status = (*group)->Add(engine, **mailbox, "doorbell"); !status.ok()) {
    return status;
  }

  std::atomic<bool> stop{false};
  std::vector<std::thread> hogs;
  for (const int core : cores) {
    for (int i = 0; i < kHogsPerCore; ++i) {
      const auto seed = static_cast<unsigned>(hogs.size() + 1);
      hogs.emplace_back([&engine, &scenario, &stop, core, seed] {
        Hog(engine, core, seed, scenario.hogs_ring, stop);
      });
    }
  }
  if (scenario.hogs_ring) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(kRun));
  } else {
    std::thread([&engine, &cores] { RingOnTime(engine, cores.front()); }).join();
  }
  stop = true;
  for (std::thread& hog : hogs) hog.join();

  Wakeups wakeups;
  for (const runtime::ThreadReport& thread : (*group)->Report().threads) {
    if (thread.engines > 0) wakeups.obtained = thread.thread_class;
  }
  if (absl::Status status = (*group)->Remove(engine); !status.ok()) return status;
  std::vector<Nanoseconds>& waits = engine.waits();
  if (waits.empty()) return absl::UnavailableError("the engine was never woken");
  wakeups.p50_us = QuantileUs(waits, 0.5);
  wakeups.p99_us = QuantileUs(waits, 0.99);
  wakeups.max_us = QuantileUs(waits, 1);
  return wakeups;
}

// What no software here can help: how long, in microseconds, a moment of the worst percent has to
// wait for a CPU whose thread nothing preempts but interrupts and the machine below it.
std::optional<double> MachineStall(int core) {
  constexpr Nanoseconds kLook =
      300 * kMillisecond;  // well under a second, when others' share comes
  constexpr Nanoseconds kShortest = kMicrosecond;
  std::vector<Nanoseconds> stalls;
  bool first_of_all = false;
  std::thread([core, &stalls, &first_of_all] {
    const runtime::MonotonicClock clock;
    const absl::Status bound = runtime::SetAffinity(0, {core});
    const runtime::ThreadClassGrant grant =
        runtime::SetThreadClass(0, {.best = ThreadClass::kFifo, .fifo_priority = 90});
    first_of_all = bound.ok() && grant.why.empty();
    if (!first_of_all) return;
    const Nanoseconds end = clock.Now() + kLook;
    for (Nanoseconds last = clock.Now(), now = last; now < end; last = now) {
      now = clock.Now();
      if (now - last > kShortest) stalls.push_back(now - last);
    }
  }).join();
  if (!first_of_all) return std::nullopt;
  // Of the moments within a stall of length s, those before its last x wait longer than x: s - x.
  const auto share_beyond = [&stalls](Nanoseconds x) {
    Nanoseconds sum = 0;
    for (const Nanoseconds stall : stalls) sum += std::max<Nanoseconds>(0, stall - x);
    return static_cast<double>(sum) / kLook;
  };
  Nanoseconds wait = 0;
  while (share_beyond(wait) > 0.01) wait += kMicrosecond;
  return static_cast<double>(wait) / kMicrosecond;
}

// The runs of one scenario under one class.
struct Series {
  std::vector<double> p50_us, p99_us, max_us;
  void Add(const Wakeups& wakeups) {
    p50_us.push_back(wakeups.p50_us);
    p99_us.push_back(wakeups.p99_us);
    max_us.push_back(wakeups.max_us);
  }
  void Append(const std::string& name, const std::string& p99_target,
              std::vector<Figure>& figures) const {
    figures.push_back({name + "_p50_us", Median(p50_us), "us", ""});
    figures.push_back({name + "_p99_us", Median(p99_us), "us", p99_target});
    figures.push_back(
        {name + "_max_us", *std::max_element(max_us.begin(), max_us.end()), "us", ""});
  }
};

// A benchmark that cannot be run has no figures.
template <typename T>
T OrExit(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "wakeup: %s\n", result.status().ToString().c_str());
  std::exit(1);
}

}  // namespace

std::vector<Figure> WakeupFigures(int runs) {
  const runtime::CpuTopology topology = OrExit(runtime::ReadCpuTopology(""));
  std::vector<Figure> figures;
  std::vector<double> stalls;
  for (const Scenario& scenario : kScenarios) {
    if (scenario.bound && topology.allowed.size() < 2) continue;
    Series best, usual;
    std::vector<double> gains;
    ThreadClass worst_obtained = ThreadClass::kDeadline;
    for (int run = 0; run < runs; ++run) {
      const std::optional<double> stall = MachineStall(topology.allowed.back());
      if (stall) stalls.push_back(*stall);
      const Wakeups first = OrExit(Measure(scenario, ThreadClass::kDeadline, topology));
      const Wakeups second = OrExit(Measure(scenario, ThreadClass::kNice, topology));
      worst_obtained = std::min(worst_obtained, first.obtained);
      best.Add(first);
      usual.Add(second);
      gains.push_back(second.p99_us / first.p99_us);
    }
    const std::string name = absl::StrCat("wakeup_", scenario.name);
    best.Append(name, "<= 100", figures);
    usual.Append(name + "_default", "", figures);
    figures.push_back({name + "_gain", Median(gains), "x in p99", ">= 5"});
    figures.push_back(
        {name + "_class", static_cast<double>(worst_obtained), "0 nice, 1 fifo, 2 deadline", ""});
  }
  if (!stalls.empty()) figures.push_back({"wakeup_machine_stall_p99_us", Median(stalls), "us", ""});
  return figures;
}

}  // namespace farrier::bench
