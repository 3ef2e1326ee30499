#include "pony/testing/two_hosts.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace farrier::pony::testing {
namespace {

constexpr int kBudget = 64;
constexpr runtime::Nanoseconds kPollTime = runtime::kMicrosecond;

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

}  // namespace

TwoHosts::TwoHosts(uint64_t seed) : seed_(seed), network_(&clock_, seed) {
  for (int host : {0, 1}) ports_[host] = std::make_unique<FakePort>(&network_, host, 1 - host);
}

EngineOptions TwoHosts::Options(int host) const {
  EngineOptions options;
  options.epoch = 100 + host;
  options.ip = kIps[host];
  options.mac = {2, 0, 0, 0, 0, static_cast<uint8_t>(host + 1)};
  options.udp_port = kFirstPort;
  options.seed = seed_ * 2 + host;
  options.neighbors.push_back({.ip = kIps[1 - host],
                               .mac = {2, 0, 0, 0, 0, static_cast<uint8_t>(2 - host)},
                               .first_port = kFirstPort,
                               .engines = 1});
  return options;
}

void TwoHosts::Start() {
  for (int host : {0, 1}) {
    EngineOptions options = Options(host);
    adjust(host, options);
    engines_[host] = std::make_unique<PonyEngine>(options, ports_[host].get());
  }
}

void TwoHosts::Crash(int host, uint32_t epoch) {
  apps_[host].clear();
  EngineOptions options = Options(host);
  adjust(host, options);
  options.epoch = epoch;
  engines_[host] = std::make_unique<PonyEngine>(options, ports_[host].get());
}

void TwoHosts::Upgrade(int host, const std::function<void()>& between) {
  EngineOptions options = Options(host);
  adjust(host, options);
  options.epoch = 999;  // not to be used
  auto successor = std::make_unique<PonyEngine>(options, ports_[host].get());
  std::set<uint32_t> adopted;
  auto adopt = [&] {
    for (auto& [id, app] : apps_[host]) {
      if (adopted.insert(id).second) Require(successor->AdoptSession(id, app->memory()));
    }
  };
  adopt();
  RecordList snapshot;
  while (!engines_[host]->Snapshot(snapshot, 3)) between();
  between();
  Require(successor->Restore(snapshot));
  adopt();
  RecordList delta;
  engines_[host]->Delta(delta);
  Require(successor->Restore(delta));
  engines_[host] = std::move(successor);
}

FakeApp& TwoHosts::AddApp(int host, uint32_t id, uint32_t ring_entries) {
  auto& app = apps_[host][id] = std::make_unique<FakeApp>(ring_entries);
  Require(engines_[host]->AddSession(id, app->memory()));
  return *app;
}

void TwoHosts::RemoveApp(int host, uint32_t id) {
  Require(engines_[host]->RemoveSession(id));
  apps_[host].erase(id);
}

void TwoHosts::Step() {
  network_.Deliver();
  int done = 0;
  runtime::Nanoseconds next = runtime::kNever;
  for (int host : {0, 1}) {
    if (engines_[host] == nullptr) {
      network_.Inbox(host).clear();
      continue;
    }
    done += engines_[host]->Poll(clock_.Now(), kBudget);
    runtime::WaitSet wait;
    engines_[host]->PrepareWait(clock_.Now(), wait);
    next = std::min(next, wait.busy ? 0 : wait.deadline);
  }
  next = std::min(next, network_.NextDelivery());
  if (done > 0 || next <= clock_.Now()) {
    clock_.Advance(kPollTime);
  } else if (next == runtime::kNever) {
    clock_.Advance(runtime::kMillisecond);
  } else {
    clock_.AdvanceTo(next);
  }
}

bool TwoHosts::RunUntil(const std::function<bool()>& done, runtime::Nanoseconds limit) {
  const runtime::Nanoseconds end = clock_.Now() + limit;
  while (!done()) {
    if (clock_.Now() >= end) return false;
    Step();
  }
  return true;
}

void TwoHosts::RunFor(runtime::Nanoseconds time) {
  const runtime::Nanoseconds end = clock_.Now() + time;
  while (clock_.Now() < end) Step();
}

}  // namespace farrier::pony::testing
