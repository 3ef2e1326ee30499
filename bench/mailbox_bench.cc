// A control thread's round trip to an engine that sleeps.

#include <benchmark/benchmark.h>

#include "engines/runtime/engine_group.h"

namespace farrier::runtime {
namespace {

class IdleEngine final : public Engine {
 public:
  std::string_view kind() const override { return "idle"; }
  int Poll(Nanoseconds, int) override { return 0; }
  void PrepareWait(Nanoseconds, WaitSet&) override {}
  Nanoseconds OldestInput(Nanoseconds) override { return kNever; }
  bool Snapshot(StateSink&, int) override { return true; }
  void Delta(StateSink&) override {}
  absl::Status Restore(StateSource&) override { return absl::OkStatus(); }
};

void BM_MailboxRoundTripToSleepingEngine(benchmark::State& state) {
  MonotonicClock clock;
  auto mailbox = Mailbox::Create(clock);
  const CycleClock cycles;
  const KernelThreadMeter meter;
  auto topology = ReadCpuTopology("");
  if (!topology.ok()) return state.SkipWithError("this machine's CPUs cannot be told");
  auto group = EngineGroup::Start(
      "bench", {},
      {.clock = &clock, .cycles = &cycles, .meter = &meter, .topology = *std::move(topology)});
  IdleEngine engine;
  if (!mailbox.ok() || !group.ok() || !(*group)->Add(engine, **mailbox, "idle").ok()) {
    return state.SkipWithError("the group did not start");
  }
  for (auto _ : state) {
    if (!(*mailbox)->Run([] {}, kSecond).ok()) return state.SkipWithError("no answer");
  }
  if (!(*group)->Remove(engine).ok()) state.SkipWithError("the engine did not stop");
}
BENCHMARK(BM_MailboxRoundTripToSleepingEngine)->UseRealTime();

}  // namespace
}  // namespace farrier::runtime
