// Upgrades under traffic, nobody dying, while groups change their modes.
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/simulator/campaign.h"

namespace farrier::sim {
namespace {

constexpr int kHosts = 4;
constexpr Nanoseconds kLimit = 60 * kSecond;      // of virtual time
constexpr Nanoseconds kBusy = 30 * kMillisecond;  // until then things happen

// Every host is upgraded once, some twice, at random moments while the clients talk.
int PlanUpgrades(World& world) {
  int planned = 0;
  for (int host = 0; host < world.hosts(); ++host) {
    const auto times = static_cast<int>(world.random().Uniform(1, 2));
    for (int i = 0; i < times; ++i, ++planned) {
      UpgradeAt(world, host, world.random().Uniform(kMillisecond, kBusy));
    }
  }
  return planned;
}

bool Upgraded(World& world, int planned) {
  int completed = 0;
  for (int host = 0; host < world.hosts(); ++host) {
    const UpgradeCounts& upgrades = world.host(host).upgrades();
    completed += upgrades.completed;
    if (upgrades.given_up + upgrades.taken_over != 0) {
      world.verdict().Fail(
          absl::StrCat(world.host(host).name(), ": upgrades given up: ", upgrades.given_up,
                       ", taken over: ", upgrades.taken_over, ": ", upgrades.last_failure));
    }
    if (world.host(host).upgrading()) return false;
  }
  return completed == planned;
}

// The campaign of one seed; what went wrong.
std::string UpgradeUnderTraffic(uint64_t seed, const WorldOptions& options, RemodesMet& met,
                                const std::function<void(World&)>& prepare,
                                const std::function<void(World&)>& check) {
  World world(seed, options);
  prepare(world);
  Mesh mesh(world, 2, {.messages = 8});
  const int planned = PlanUpgrades(world);
  PlanRemodes(world, kBusy + 10 * kMillisecond, met);
  world.Run(kLimit, [&] { return mesh.done(world) && Upgraded(world, planned); });
  world.CheckSilence();
  world.CheckCards();
  mesh.CheckUnharmed(world);
  check(world);
  return world.verdict().first();
}

void CheckNoStorm(World& world) {
  const LinkCounters wire = world.links();
  const pony::EngineStats engines = world.engines();
  const uint64_t accidents = wire.lost + wire.corrupted + wire.reordered + wire.overflow +
                             world.cards(regs::OwnerCounter::kDropQuota) +
                             world.cards(regs::OwnerCounter::kDropNoCredit);
  const uint64_t again = engines.retransmitted_fast + engines.retransmitted_timeout;
  if (again > 20 + 4 * accidents) {
    world.verdict().Fail(absl::StrCat("a storm: ", again, " retransmissions after ", accidents,
                                      " accidents among ", wire.frames, " frames"));
  }
}

// On a perfect wire whatever is sent again was lost, or kept too long, by an upgrade.
void CheckNothingLost(World& world) {
  const pony::EngineStats engines = world.engines();
  const uint64_t again = engines.retransmitted_fast + engines.retransmitted_timeout;
  uint64_t dropped = 0;
  // Not kDropDetached: a host that is up greets those that are not yet.
  for (auto counter : {regs::OwnerCounter::kDropQuota, regs::OwnerCounter::kDropNoCredit,
                       regs::OwnerCounter::kDropState, regs::OwnerCounter::kDropDiscarded,
                       regs::OwnerCounter::kTxStale}) {
    dropped += world.cards(counter);
  }
  if (again + dropped + engines.duplicates != 0) {
    world.verdict().Fail(absl::StrCat("upgrades cost something: ", again, " retransmissions, ",
                                      engines.duplicates, " duplicates, ", dropped,
                                      " packets dropped by the cards"));
  }
}

void NoPreparation(World&) {}

WorldOptions LossyWorld() {
  WorldOptions options{.hosts = kHosts};
  options.link.faults = BadNetwork();
  options.hand_over.card_failure = 0;
  return options;
}

WorldOptions PerfectWorld() {
  WorldOptions options{.hosts = kHosts};
  options.daemon.rx_buffers = 1024;
  options.daemon.quota_cells = 2048;
  // Nothing but a loss is to cause a retransmission.
  options.daemon.engine.min_rto = 100 * kMillisecond;
  options.hand_over.card_failure = 0;
  return options;
}

class LossyNetwork : public ::testing::TestWithParam<int> {};

TEST_P(LossyNetwork, UpgradesOnAllHostsLoseRepeatAndReorderNoMessage) {
  RemodesMet met;
  ForEachSeed(1 + 250 * static_cast<uint64_t>(GetParam()), 250, [&](uint64_t seed) {
    return UpgradeUnderTraffic(seed, LossyWorld(), met, NoPreparation, CheckNoStorm);
  });
  met.ExpectAll();
}

INSTANTIATE_TEST_SUITE_P(Shard, LossyNetwork, ::testing::Range(0, 4));

// A connect takes four packets and their acks: here one in six is lost, damaged, late or doubled.
TEST(DreadfulNetwork, EveryConnectIsAnsweredDuringUpgrades) {
  WorldOptions options = LossyWorld();
  options.link.faults = {.loss = 0.1, .duplicate = 0.05, .reorder = 0.05, .corrupt = 0.02};
  RemodesMet met;
  ForEachSeed(1, 60, [&](uint64_t seed) {
    World world(seed, options);
    Mesh mesh(world, 3, {.messages = 1, .longest = 64});
    for (int host = 0; host < kHosts; ++host) {
      // Ones that come later, one after the other.
      for (int i = 0; i < 6; ++i) {
        const auto engine = static_cast<uint32_t>(i % world.host(host).engines());
        world.queue().At(world.random().Uniform(kMillisecond, 2 * kBusy), [&world, host, engine] {
          const Target target{.ip = World::Ip((host + 1) % kHosts), .service = 80, .messages = 1};
          world.AddClient(host, engine, {target});
        });
      }
    }
    const int planned = PlanUpgrades(world);
    PlanRemodes(world, kBusy + 10 * kMillisecond, met);
    world.Run(kLimit, [&] {
      return world.clients().size() == kHosts * 7 && mesh.done(world) && Upgraded(world, planned);
    });
    world.CheckSilence(15 * kSecond);
    world.CheckCards();
    mesh.CheckUnharmed(world);
    return world.verdict().first();
  });
  met.ExpectAll();
}

TEST(PerfectNetwork, UpgradesOnAllHostsLoseNoPacketAtAll) {
  uint64_t held = 0;
  RemodesMet met;
  ForEachSeed(1, 150, [&](uint64_t seed) {
    return UpgradeUnderTraffic(seed, PerfectWorld(), met, NoPreparation, [&](World& world) {
      CheckNothingLost(world);
      held += world.cards(regs::OwnerCounter::kHeld);
    });
  });
  ExpectMet(held, "a held packet");
  met.ExpectAll();
}

TEST(UnreliableCsrs, UpgradesEndEitherWayAndHurtNobody) {
  WorldOptions options = LossyWorld();
  options.hand_over.card_failure = 0.1;
  uint64_t completed = 0;
  RemodesMet met;
  ForEachSeed(1, 100, [&](uint64_t seed) {
    World world(seed, options);
    Mesh mesh(world, 2, {.messages = 8});
    PlanRemodes(world, kBusy + 10 * kMillisecond, met);
    for (int host = 0; host < kHosts; ++host) {
      UpgradeAt(world, host, world.random().Uniform(kMillisecond, kBusy));
    }
    world.Run(kLimit, [&] {
      for (int host = 0; host < kHosts; ++host) {
        const UpgradeCounts& upgrades = world.host(host).upgrades();
        if (upgrades.completed + upgrades.given_up + upgrades.taken_over == 0) return false;
        if (world.host(host).upgrading()) return false;
      }
      return mesh.done(world);
    });
    world.CheckSilence();
    world.CheckCards();
    mesh.CheckUnharmed(world);
    for (int host = 0; host < kHosts; ++host) completed += world.host(host).upgrades().completed;
    return world.verdict().first();
  });
  ExpectMet(completed, "an upgrade that completed");
  met.ExpectAll();
}

// How many of the first seeds the oracle finds fault with, on hosts with a slow bus.
int FaultsFound(const WorldOptions& options, const CardBreaks& breaks) {
  int found = 0;
  RemodesMet met;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto prepare = [&](World& world) {
      for (int host = 0; host < kHosts; ++host) {
        world.host(host).card().set_slowest_delivery(300 * kMicrosecond);
        world.host(host).card().set_breaks(breaks);
      }
    };
    found += !UpgradeUnderTraffic(seed, options, met, prepare, CheckNothingLost).empty();
  }
  return found;
}

// The oracle itself: it must find fault when there is one.

TEST(Oracle, FindsNoFaultWithASoundCard) { EXPECT_EQ(FaultsFound(PerfectWorld(), {}), 0); }

TEST(Oracle, FindsThatACardHoldsNothing) {
  WorldOptions options = PerfectWorld();
  options.daemon.quota_cells = 0;
  EXPECT_GT(FaultsFound(options, {}), 0);
}

TEST(Oracle, FindsThatMarksOvertakePackets) {
  EXPECT_GT(FaultsFound(PerfectWorld(), {.early_mark = true}), 0);
}

}  // namespace
}  // namespace farrier::sim
