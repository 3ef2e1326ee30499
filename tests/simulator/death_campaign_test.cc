// Processes that die, at any moment, under traffic.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/simulator/campaign.h"

namespace farrier::sim {
namespace {

using Which = SimHost::Which;

constexpr int kHosts = 3;
constexpr int kVictim = 0;
constexpr Nanoseconds kLimit = 60 * kSecond;  // of virtual time

regs::SwitchWord Row(World& world, uint32_t engine) {
  return regs::SwitchWord::Unpack(
      world.host(kVictim).card().ReadCsr(regs::kRegOwnerSwitch(engine + 1)));
}

// One seed: an upgrade of the victim begins under traffic, and something happens to it in the
// midst.
class Accident {
 public:
  explicit Accident(uint64_t seed) : Accident(seed, Options()) {}
  Accident(uint64_t seed, const WorldOptions& options)
      : world_(seed, options), mesh_(world_, 2, {.messages = 8}) {
    PlanRemodes(world_, 30 * kMillisecond, remodes_);
  }

  // `card_failure`: chance that a process cannot reach a row, which may end an upgrade by itself.
  static WorldOptions Options(double card_failure = 0) {
    WorldOptions options{.hosts = kHosts};
    options.link.faults = BadNetwork();
    options.hand_over.card_failure = card_failure;
    return options;
  }

  World& world() { return world_; }
  SimHost& victim() { return world_.host(kVictim); }

  // Begins an upgrade at a random moment, and goes on to a random moment in it: anywhere, or close
  // to an engine's HELD, or close to its COMMIT. False if the upgrade was over by then.
  bool GoIntoUpgrade() {
    Random& random = world_.random();
    world_.RunFor(random.Uniform(kMillisecond, 15 * kMillisecond));
    world_.Run(kLimit, [&] { return victim().StartUpgrade(); });
    for (uint32_t engine = 0; engine < victim().engines(); ++engine) {
      before_.push_back(Row(world_, engine).function);
    }
    const auto engine = static_cast<uint32_t>(random.Uniform(0, victim().engines() - 1));
    const auto kind = random.Uniform(0, 2);
    if (kind > 0) {
      world_.Run(kLimit, [&] {
        const bool held =
            Row(world_, engine).state == static_cast<uint32_t>(regs::OwnerState::kHeld);
        return !victim().upgrading() || Committed(engine) || (kind == 1 && held);
      });
    }
    world_.RunFor(random.Uniform(0, kind == 0 ? 10 * kMillisecond : 300 * kMicrosecond));
    return victim().upgrading();
  }

  // The new process has been given the row since the upgrade began.
  bool Committed(uint32_t engine) { return Row(world_, engine).function != before_[engine]; }

  // Goes on until all is well again, and checks what must always hold; what went wrong.
  std::string Finish() {
    world_.Run(kLimit, [&] {
      return mesh_.done(world_) && !victim().upgrading() && victim().daemon() != nullptr;
    });
    world_.CheckSilence();
    world_.CheckCards();
    mesh_.CheckUnharmed(world_);
    for (int host = 0; host < kHosts; ++host) {
      for (uint32_t engine = 0; host != kVictim && engine < world_.host(host).engines(); ++engine) {
        if (world_.host(host).restarts(engine) != 0) {
          world_.verdict().Fail("an engine of another host began anew");
        }
      }
    }
    return world_.verdict().first();
  }

 private:
  RemodesMet remodes_;
  World world_;
  Mesh mesh_;
  std::vector<uint32_t> before_;  // functions, by engine
};

class NewProcessDies : public ::testing::TestWithParam<int> {};

TEST_P(NewProcessDies, EnginesItHadNotCommittedGoOnUnharmedInTheOldOne) {
  uint64_t early = 0;
  uint64_t late = 0;
  ForEachSeed(1 + 100 * static_cast<uint64_t>(GetParam()), 100, [&](uint64_t seed) {
    Accident accident(seed);
    const bool under_way = accident.GoIntoUpgrade();
    std::vector<bool> committed;
    for (uint32_t engine = 0; engine < accident.victim().engines(); ++engine) {
      committed.push_back(accident.Committed(engine));
      ++(committed.back() ? late : early);
    }
    if (under_way) accident.victim().Kill(Which::kNew);
    const std::string wrong = accident.Finish();
    if (!wrong.empty()) return wrong;
    for (uint32_t engine = 0; engine < accident.victim().engines(); ++engine) {
      const int expected = under_way && committed[engine] ? 1 : 0;
      if (accident.victim().restarts(engine) != expected) {
        return absl::StrCat("engine ", engine, " began anew ", accident.victim().restarts(engine),
                            " times, expected ", expected);
      }
    }
    return wrong;
  });
  ExpectMet(early, "an engine that had not moved");
  ExpectMet(late, "an engine that had moved");
}

INSTANTIATE_TEST_SUITE_P(Shard, NewProcessDies, ::testing::Range(0, 2));

class OldProcessDies : public ::testing::TestWithParam<int> {};

TEST_P(OldProcessDies, EnginesItHadGivenAwayGoOnUnharmedInTheNewOne) {
  uint64_t given = 0;
  uint64_t taken_over = 0;
  ForEachSeed(1 + 100 * static_cast<uint64_t>(GetParam()), 100, [&](uint64_t seed) {
    Accident accident(seed);
    const bool under_way = accident.GoIntoUpgrade();
    std::vector<bool> committed;
    for (uint32_t engine = 0; engine < accident.victim().engines(); ++engine) {
      committed.push_back(accident.Committed(engine));
      given += committed.back();
    }
    if (under_way) accident.victim().Kill(Which::kOld);
    const std::string wrong = accident.Finish();
    if (!wrong.empty()) return wrong;
    taken_over += accident.victim().upgrades().taken_over;
    for (uint32_t engine = 0; engine < accident.victim().engines(); ++engine) {
      if (committed[engine] && accident.victim().restarts(engine) != 0) {
        return absl::StrCat("engine ", engine, " had moved and began anew nevertheless");
      }
    }
    return wrong;
  });
  ExpectMet(given, "an engine that had moved");
  ExpectMet(taken_over, "a take-over");
}

INSTANTIATE_TEST_SUITE_P(Shard, OldProcessDies, ::testing::Range(0, 2));

TEST(FrozenProcess, IsReplacedOrGoesOnButNeverSharesAnEngine) {
  ForEachSeed(1, 100, [&](uint64_t seed) {
    Accident accident(seed, Accident::Options(0.01));
    accident.GoIntoUpgrade();
    Random& random = accident.world().random();
    const auto which = random.Chance(0.5) ? Which::kOld : Which::kNew;
    // About the limit of a blackout, about that of its silence; shorter than peers' patience.
    const Nanoseconds longest = random.Chance(0.5) ? 2 * kSecond : 8 * kSecond;
    accident.victim().Freeze(which, random.Uniform(kMillisecond, longest));
    return accident.Finish();
  });
}

TEST(WholeDaemonDies, WhileTheCardHoldsPacketsAndWorkGoesOnAfterItsRestart) {
  uint64_t held = 0;
  ForEachSeed(1, 100, [&](uint64_t seed) {
    Accident accident(seed, Accident::Options(0.01));
    accident.GoIntoUpgrade();
    Random& random = accident.world().random();
    // Now and then one after the other, within the time that a hand-over's messages take.
    accident.victim().Kill(Which::kOld);
    if (random.Chance(0.5)) accident.world().RunFor(random.Uniform(0, 300 * kMicrosecond));
    accident.victim().Kill(Which::kOld);
    const std::string wrong = accident.Finish();
    held += accident.world().cards(regs::OwnerCounter::kHeld);
    for (uint32_t engine = 0; engine < accident.victim().engines(); ++engine) {
      if (wrong.empty() && accident.victim().restarts(engine) == 0) {
        return absl::StrCat("engine ", engine, " survived the death of its daemon");
      }
    }
    return wrong;
  });
  ExpectMet(held, "a held packet");
}

TEST(WholeDaemonDies, AgainAndAgainAndWorkGoesOn) {
  ForEachSeed(1, 50, [&](uint64_t seed) {
    Accident accident(seed, Accident::Options(0.01));
    for (int i = 0; i < 4; ++i) {
      accident.world().RunFor(accident.world().random().Uniform(0, 20 * kMillisecond));
      accident.victim().Kill(Which::kOld);
    }
    return accident.Finish();
  });
}

// Both processes want the row at the same time: the old one's patience ends in the midst of a
// blackout.
std::string RollBackRace(uint64_t seed, bool ignore_generation, int* rolled_back) {
  WorldOptions options = Accident::Options();
  options.blackout_limit = Random(seed).LogUniform(50 * kMicrosecond, kMillisecond);
  Accident accident(seed, options);
  accident.victim().card().set_breaks({.ignore_generation = ignore_generation});
  accident.GoIntoUpgrade();
  const std::string wrong = accident.Finish();
  *rolled_back += accident.victim().upgrades().given_up;
  return wrong;
}

TEST(RollBackRaces, TheRowDecidesWhoHasTheEngine) {
  int rolled_back = 0;
  ForEachSeed(1, 100, [&](uint64_t seed) { return RollBackRace(seed, false, &rolled_back); });
  ExpectMet(rolled_back, "a rollback");
}

TEST(Oracle, FindsThatACardIgnoresGenerations) {
  int found = 0;
  int rolled_back = 0;
  for (uint64_t seed = 1; seed <= 300 && found == 0; ++seed) {
    found += RollBackRace(seed, true, &rolled_back).find("is polled with") != std::string::npos;
  }
  EXPECT_GT(found, 0) << "among " << rolled_back << " races";
}

}  // namespace
}  // namespace farrier::sim
