#include "tests/simulator/campaign.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

constexpr uint16_t kService = 80;

}  // namespace

void ForEachSeed(uint64_t first, int count, const std::function<std::string(uint64_t)>& one) {
  if (const char* wanted = std::getenv("FARRIER_SEED"); wanted != nullptr) {
    ASSERT_TRUE(absl::SimpleAtoi(wanted, &first)) << "FARRIER_SEED=" << wanted << " is no number";
    const char* more = std::getenv("FARRIER_SEEDS");
    count = 1;
    ASSERT_TRUE(more == nullptr || absl::SimpleAtoi(more, &count)) << "FARRIER_SEEDS=" << more;
  }
  for (uint64_t seed = first; seed < first + static_cast<uint64_t>(count); ++seed) {
    const std::string wrong = one(seed);
    ASSERT_EQ(wrong, "") << "replay with FARRIER_SEED=" << seed;
  }
}

void ExpectMet(uint64_t count, const char* what) {
  if (std::getenv("FARRIER_SEED") != nullptr) return;
  EXPECT_GT(count, 0u) << "the campaign never met " << what;
}

Mesh::Mesh(World& world, int peers, const Target& prototype) {
  Random& random = world.random();
  std::vector<uint32_t> server_engines;
  for (int host = 0; host < world.hosts(); ++host) {
    server_engines.push_back(
        static_cast<uint32_t>(random.Uniform(0, world.host(host).engines() - 1)));
    world.AddEcho(host, server_engines[host], kService);
  }
  for (int host = 0; host < world.hosts(); ++host) {
    const auto engine = static_cast<uint32_t>(random.Uniform(0, world.host(host).engines() - 1));
    const auto first = static_cast<int>(random.Uniform(1, world.hosts() - 1));
    std::vector<Target> targets;
    for (int i = 0; i < std::min(peers, world.hosts() - 1); ++i) {
      const int step = 1 + (first - 1 + i) % (world.hosts() - 1);
      const int server = (host + step) % world.hosts();
      Target target = prototype;
      target.ip = World::Ip(server);
      target.service = kService;
      targets.push_back(target);
      pairs.push_back(
          {host, engine, server, server_engines[server], nullptr, static_cast<size_t>(i)});
    }
    CheckingClient& client = world.AddClient(host, engine, std::move(targets));
    for (Pair& pair : pairs) {
      if (pair.client_host == host) pair.client = &client;
    }
  }
}

bool Mesh::done(const World& world) const {
  return std::all_of(world.clients().begin(), world.clients().end(),
                     [](const CheckingClient* client) { return client->done(); });
}

void Mesh::CheckUnharmed(World& world) const {
  for (const Pair& pair : pairs) {
    const int client_restarts = world.host(pair.client_host).restarts(pair.client_engine);
    const int server_restarts = world.host(pair.server_host).restarts(pair.server_engine);
    if (client_restarts == 0 && pair.client->hangups() != 0) {
      world.verdict().Fail(absl::StrCat(pair.client->name(), " lost its session for nothing"));
    }
    if (client_restarts + server_restarts == 0 && pair.client->resets(pair.target) != 0) {
      world.verdict().Fail(absl::StrCat(pair.client->name(), " lost its connection to host",
                                        pair.server_host, " for nothing"));
    }
  }
}

void UpgradeAt(World& world, int host, Nanoseconds when) {
  world.queue().At(when, [&world, host] {
    if (world.host(host).StartUpgrade()) return;
    UpgradeAt(world, host, world.queue().Now() + kMillisecond);
  });
}

namespace {

void CountRemode(SimHost& host, RemodesMet& met) {
  Daemon* const old_process = host.process(SimHost::Which::kOld);
  if (!host.upgrading()) {
    ++met.at_peace;
    return;
  }
  uint64_t held = 0, stopped = 0, moved = 0;
  for (uint32_t engine = 0; engine < host.engines(); ++engine) {
    const auto row =
        regs::SwitchWord::Unpack(host.card().ReadCsr(regs::kRegOwnerSwitch(engine + 1)));
    moved += static_cast<int>(row.function) != old_process->function();
    if (row.state != static_cast<uint32_t>(regs::OwnerState::kHeld)) continue;
    ++(old_process->running(engine) ? held : stopped);
  }
  met.held += held;
  met.stopped += stopped;
  met.brownout += held + stopped + moved == 0;
  met.half_done += moved > 0 && moved < host.engines();
}

}  // namespace

void RemodesMet::ExpectAll() const {
  ExpectMet(at_peace, "a group formed anew without an upgrade");
  ExpectMet(brownout, "one during a brownout");
  ExpectMet(held, "one while an engine was held");
  ExpectMet(stopped, "one while an engine was stopped");
  ExpectMet(half_done, "one while engines were in both processes");
}

void PlanRemodes(World& world, Nanoseconds end, RemodesMet& met) {
  for (int host = 0; host < world.hosts(); ++host) {
    for (int64_t i = world.random().Uniform(0, 6); i > 0; --i) {
      const auto which = world.random().Chance(0.5) ? SimHost::Which::kOld : SimHost::Which::kNew;
      world.queue().At(world.random().Uniform(kMillisecond, end), [&world, &met, host, which] {
        if (world.host(host).Reconfigure(which)) CountRemode(world.host(host), met);
      });
    }
  }
}

Faults BadNetwork() {
  return {.loss = 0.01, .duplicate = 0.005, .reorder = 0.01, .corrupt = 0.002};
}

}  // namespace farrier::sim
