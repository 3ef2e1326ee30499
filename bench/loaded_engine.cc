#include "bench/loaded_engine.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/statistics.h"
#include "engines/runtime/cpu_relax.h"

namespace farrier::bench {

using runtime::kNever;
using runtime::kSecond;
using runtime::Nanoseconds;

namespace {

constexpr Nanoseconds kLate = 50 * runtime::kMicrosecond;

}  // namespace

LoadedEngine::LoadedEngine(Nanoseconds service)
    : service_(service), doorbell_(eventfd(0, EFD_NONBLOCK)), came_(kInputs) {
  waits_.reserve(1 << 20);
}

bool LoadedEngine::Give() {
  const uint64_t given = given_.load(std::memory_order_relaxed);
  if (given - taken_.load(std::memory_order_acquire) == kInputs) return false;
  came_[given % kInputs] = clock_.Now();
  given_.store(given + 1);
  if (asleep_.load() && asleep_.exchange(false)) eventfd_write(doorbell_.get(), 1);
  return true;
}

int LoadedEngine::Poll(Nanoseconds, int budget) {
  uint64_t taken = taken_.load(std::memory_order_relaxed);
  const uint64_t given = given_.load(std::memory_order_acquire);
  const int inputs = static_cast<int>(std::min<uint64_t>(given - taken, budget));
  if (inputs == 0) return 0;
  if (asleep_.load(std::memory_order_relaxed)) asleep_.store(false);
  Nanoseconds now = clock_.Now();
  Nanoseconds cycles = cycles_.Now();
  for (int i = 0; i < inputs; ++i, ++taken) {
    const Nanoseconds came = came_[taken % kInputs];
    waits_.push_back({.came = came, .waited = std::max<Nanoseconds>(now - came, 0)});
    const Nanoseconds end = cycles + service_;
    Nanoseconds after;
    while ((after = cycles_.Now()) < end) {
    }
    now += after - cycles;
    cycles = after;
  }
  taken_.store(taken, std::memory_order_release);
  return inputs;
}

void LoadedEngine::PrepareWait(Nanoseconds, runtime::WaitSet& wait) {
  eventfd_t rings;
  eventfd_read(doorbell_.get(), &rings);
  asleep_.store(true);
  wait.fds.push_back(doorbell_.get());
  wait.busy = given_.load() != taken_.load();
}

Nanoseconds LoadedEngine::OldestInput(Nanoseconds) {
  const uint64_t taken = taken_.load(std::memory_order_relaxed);
  if (given_.load(std::memory_order_acquire) == taken) return kNever;
  return came_[taken % kInputs];
}

LoadedGroup::LoadedGroup(const runtime::GroupOptions& options, size_t engines, Nanoseconds service)
    : service_(service) {
  const runtime::GroupEnvironment environment{.clock = &clock_,
                                              .cycles = &cycles_,
                                              .meter = &meter_,
                                              .topology = runtime::ReadCpuTopology("").value()};
  group_ = runtime::EngineGroup::Start("load", options, environment).value();
  for (size_t i = 0; i < engines; ++i) {
    engines_.push_back(std::make_unique<LoadedEngine>(service));
    mailboxes_.push_back(runtime::Mailbox::Create(clock_).value());
    const absl::Status added =
        group_->Add(*engines_.back(), *mailboxes_.back(), absl::StrCat("engine", i));
    if (!added.ok()) std::abort();
  }
}

LoadedGroup::~LoadedGroup() = default;

LoadedGroup::Outcome LoadedGroup::Run(Nanoseconds length,
                                      const std::function<double(Nanoseconds)>& load) {
  Outcome outcome;
  const auto cpu = [&](const runtime::GroupReport& report) {
    Nanoseconds sum = 0;
    for (const runtime::ThreadReport& thread : report.threads) sum += thread.cpu;
    return sum;
  };
  const Nanoseconds cpu_before = cpu(group_->Report());
  const Nanoseconds started = clock_.Now();
  uint64_t given = 0;
  std::thread giver([&] {
    const int last = runtime::ReadCpuTopology("").value().allowed.back();
    (void)runtime::SetAffinity(0, {last});
    std::minstd_rand random(1);
    std::uniform_real_distribution<double> uniform(1e-9, 1);
    Nanoseconds begin = outcome.began = started;
    double next = 0;
    for (;;) {
      const double rate = load(static_cast<Nanoseconds>(next)) / static_cast<double>(service_);
      next += -std::log(uniform(random)) / rate;
      if (next >= static_cast<double>(length)) break;
      while (static_cast<double>(clock_.Now() - begin) < next) runtime::CpuRelax();
      // Late, having lost its core: goes on at its pace, instead of a burst that nobody asked for.
      const auto late = clock_.Now() - begin - static_cast<Nanoseconds>(next);
      if (late > kLate) {
        begin += late;
        if (load(static_cast<Nanoseconds>(next)) == load(0)) outcome.began = begin;
      }
      if (!engines_[given % engines_.size()]->Give()) ++outcome.refused;
      ++given;
    }
  });
  giver.join();
  const Nanoseconds took = clock_.Now() - started;
  const runtime::GroupReport report = group_->Report();
  outcome.cpu = static_cast<double>(cpu(report) - cpu_before) / static_cast<double>(took);
  outcome.given =
      static_cast<double>(given) * static_cast<double>(service_) / static_cast<double>(took);
  outcome.threads = report.threads;
  for (const runtime::EngineReport& engine : report.engines)
    outcome.migrations += engine.migrations;
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (!group_->Remove(*engines_[i]).ok()) std::abort();
    std::vector<Wait>& waits = engines_[i]->waits();
    outcome.waits.insert(outcome.waits.end(), waits.begin(), waits.end());
  }
  std::sort(outcome.waits.begin(), outcome.waits.end(),
            [](const Wait& a, const Wait& b) { return a.came < b.came; });
  return outcome;
}

double WaitQuantile(const std::vector<Wait>& waits, double q) {
  std::vector<Nanoseconds> times;
  times.reserve(waits.size());
  for (const Wait& wait : waits) times.push_back(wait.waited);
  return QuantileUs(std::move(times), q);
}

}  // namespace farrier::bench
