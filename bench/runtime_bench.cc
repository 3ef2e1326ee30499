// What a group costs an engine: a poll that finds nothing, a mailbox' round trip, a migration.

#include <array>
#include <memory>

#include "absl/strings/str_cat.h"
#include "bench/engine_figures.h"
#include "bench/statistics.h"
#include "engines/runtime/cpu_topology.h"
#include "engines/runtime/poll_loop.h"
#include "engines/runtime/worker.h"

namespace farrier::bench {
namespace {

using runtime::kSecond;
using runtime::Nanoseconds;

class IdleEngine final : public runtime::Engine {
 public:
  std::string_view kind() const override { return "idle"; }
  int Poll(Nanoseconds, int) override { return 0; }
  void PrepareWait(Nanoseconds, runtime::WaitSet&) override {}
  Nanoseconds OldestInput(Nanoseconds) override { return runtime::kNever; }
  bool Snapshot(runtime::StateSink&, int) override { return true; }
  void Delta(runtime::StateSink&) override {}
  absl::Status Restore(runtime::StateSource&) override { return absl::OkStatus(); }
};

struct Clocks {
  const runtime::MonotonicClock clock;
  const runtime::CycleClock cycles;
  const runtime::KernelThreadMeter meter;
  const std::vector<int> cores = runtime::ReadCpuTopology("").value().allowed;
};

// An engine in a mailbox of its own, and workers bound to the first and the last core.
struct TwoWorkers {
  TwoWorkers(const Clocks& clocks, bool sleep) {
    mailbox = runtime::Mailbox::Create(clocks.clock).value();
    slot = std::make_unique<runtime::EngineSlot>("idle", engine, *mailbox, 1);
    for (int i = 0; i < 2; ++i) {
      const int core = i == 0 ? clocks.cores.front() : clocks.cores.back();
      workers[i] =
          runtime::Worker::Create({.name = absl::StrCat("bench-", i),
                                   .number = i,
                                   .clock = &clocks.clock,
                                   .loop = {.cycles = &clocks.cycles, .meter = &clocks.meter},
                                   .cpus = {core},
                                   .thread_class = {.best = sleep ? runtime::ThreadClass::kFifo
                                                                  : runtime::ThreadClass::kNice},
                                   .sleeps = sleep})
              .value();
      if (!workers[i]->Start().ok()) std::abort();
    }
    mailbox->Open();
    workers[1]->Push(*slot);
  }
  ~TwoWorkers() {
    mailbox->Run([&] { slot->worker.load()->Drop(*slot); }, kSecond).IgnoreError();
  }

  IdleEngine engine;
  std::unique_ptr<runtime::Mailbox> mailbox;
  std::unique_ptr<runtime::EngineSlot> slot;
  std::array<std::unique_ptr<runtime::Worker>, 2> workers;
};

// Costs nothing to read.
class FreeClock final : public runtime::Clock {
 public:
  Nanoseconds Now() const override { return time_ += 10; }

 private:
  mutable Nanoseconds time_ = 0;
};

// Nanoseconds of CPU that an idle engine's turn takes in a loop whose rounds look at `cycles`.
double IdlePollCost(const runtime::Clock& cycles) {
  constexpr int kEngines = 16;
  constexpr int kRounds = 200'000;
  const Clocks clocks;
  std::array<IdleEngine, kEngines> engines;
  std::vector<std::unique_ptr<runtime::Mailbox>> mailboxes;
  std::vector<std::unique_ptr<runtime::EngineSlot>> slots;
  runtime::PollLoop loop({.cycles = &cycles, .meter = &clocks.meter});
  loop.Begin(1);
  for (IdleEngine& engine : engines) {
    mailboxes.push_back(runtime::Mailbox::Create(clocks.clock).value());
    slots.push_back(std::make_unique<runtime::EngineSlot>("idle", engine, *mailboxes.back(), 1));
    loop.Adopt(*slots.back(), 1);
  }
  const Nanoseconds begin = clocks.meter.CpuTime();
  // As often as rounds of this length come by, the oldest input is looked for.
  for (int round = 0; round < kRounds; ++round) loop.Round(Nanoseconds{round} * 300);
  const auto cost = static_cast<double>(clocks.meter.CpuTime() - begin) / kRounds / kEngines;
  for (const auto& slot : slots) loop.Drop(*slot);
  return cost;
}

}  // namespace

std::vector<Figure> PollFigures(int runs) {
  const runtime::CycleClock cycles;
  const FreeClock free;
  std::vector<double> alone, with_clock;
  for (int run = 0; run < runs; ++run) {
    alone.push_back(IdlePollCost(free));
    with_clock.push_back(IdlePollCost(cycles));
  }
  return {{"poll_idle_engine_ns", Median(alone), "ns", "<= 20"},
          {"poll_idle_engine_with_clock_ns", Median(with_clock), "ns", ""}};
}

std::vector<Figure> MailboxFigures(int runs) {
  constexpr int kTrips = 50'000;
  const Clocks clocks;
  TwoWorkers two(clocks, /*sleep=*/false);
  runtime::SetAffinity(0, {clocks.cores.front()}).IgnoreError();
  two.workers[0].reset();  // this thread has its core
  std::vector<double> p50, p99;
  std::vector<Nanoseconds> trips(kTrips);
  for (int run = 0; run < runs; ++run) {
    for (Nanoseconds& trip : trips) {
      const Nanoseconds begin = clocks.cycles.Now();
      if (!two.mailbox->Run([] {}, kSecond).ok()) std::abort();
      trip = clocks.cycles.Now() - begin;
    }
    p50.push_back(QuantileUs(trips, 0.5));
    p99.push_back(QuantileUs(trips, 0.99));
  }
  runtime::SetAffinity(0, clocks.cores).IgnoreError();
  return {{"mailbox_round_trip_p50_us", Median(p50), "us", "<= 1"},
          {"mailbox_round_trip_p99_us", Median(p99), "us", ""}};
}

std::vector<Figure> MigrationFigures(int runs) {
  constexpr int kMoves = 500;
  const Clocks clocks;
  std::vector<Figure> figures;
  for (const bool sleep : {false, true}) {
    TwoWorkers two(clocks, sleep);
    std::vector<double> p50, p99;
    std::vector<Nanoseconds> times(kMoves);
    for (int run = 0; run < runs; ++run) {
      for (int move = 0; move < kMoves; ++move) {
        runtime::Worker& to = *two.workers[move % 2];
        if (!two.mailbox->Run([&] { two.slot->worker.load()->Send(*two.slot, to); }, kSecond)
                 .ok()) {
          std::abort();
        }
        // Answered by the new thread: it has the engine. Then let it fall asleep, if it does.
        if (!two.mailbox->Run([&] { times[move] = two.slot->last_migration.load(); }, kSecond)
                 .ok()) {
          std::abort();
        }
        if (sleep) std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
      p50.push_back(QuantileUs(times, 0.5));
      p99.push_back(QuantileUs(times, 0.99));
    }
    const std::string name = sleep ? "migration_to_sleeping" : "migration_to_awake";
    figures.push_back({name + "_p50_us", Median(p50), "us", sleep ? "<= 100" : "<= 20"});
    figures.push_back({name + "_p99_us", Median(p99), "us", ""});
  }
  return figures;
}

}  // namespace farrier::bench
