#include "host/hosted_pony.h"

#include <string>
#include <utility>

#include "host/entropy.h"

namespace farrier::host {
namespace {

class HostedPony final : public HostedEngine {
 public:
  HostedPony(pony::EngineOptions options, driver::OwnerPort& port)
      : engine_(std::move(options), &port) {}

  runtime::Engine& engine() override { return engine_; }
  pony::PonyEngine* pony() override { return &engine_; }

  EngineWork Work() override {
    EngineWork work;
    engine_.VisitWork([&](uint32_t session, const pony::SessionWork& done) {
      work.sessions.emplace(session, done);
    });
    work.packets = engine_.stats().packets_received + engine_.stats().packets_sent;
    return work;
  }
  uint64_t MemoryBytes() override { return engine_.memory_bytes(); }

  void Describe(EngineStatus& status) override {
    const auto add = [&](const char* name, uint64_t value) {
      Counter& counter = *status.add_counters();
      counter.set_name(name);
      counter.set_value(value);
    };
    add("connections", engine_.connections());
    const pony::EngineStats& stats = engine_.stats();
    stats.ForEach(add);
    add("retransmissions", stats.retransmitted_timeout + stats.retransmitted_fast);
  }

 private:
  pony::PonyEngine engine_;
};

}  // namespace

EngineMaker PonyMaker(const Config& config, uint32_t engine, const driver::CardInfo& info,
                      pony::ServiceDirectory& services, driver::OwnerPort& port) {
  pony::EngineOptions options = EngineOptionsFor(config, engine);
  options.services = &services;
  if (const runtime::Nanoseconds horizon = info.pacing_horizon(); horizon > 0) {
    options.pacing_mbps = config.pony().pacing_mbps();
    options.departure_lead = horizon / 2;  // the rest is for clocks that differ
  }
  return [options, &port]() -> absl::StatusOr<std::unique_ptr<HostedEngine>> {
    pony::EngineOptions fresh = options;
    fresh.epoch = NewEpoch();
    fresh.seed = RandomNumber();
    return std::make_unique<HostedPony>(std::move(fresh), port);
  };
}

}  // namespace farrier::host
