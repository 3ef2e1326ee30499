// Both sides of a hand-over against each other, on virtual time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "upgrade/testing/world.h"

namespace farrier::upgrade {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::World;
using enum World::Who;

constexpr uint64_t kSeeds = 25;

World::Who Other(World::Who who) { return who == kOld ? kNew : kOld; }

// Long limits: nothing expires but where a test wants it.
World::Options Patient(uint64_t seed, EngineIndex engines = 2) {
  World::Options options;
  options.seed = seed;
  options.engines = engines;
  options.old_side.blackout_limit = 50 * runtime::kSecond;
  options.new_side.blackout_silence = 100 * runtime::kSecond;
  return options;
}

void ExpectAllIn(const World& world, World::Who who, EngineIndex engines) {
  for (EngineIndex i = 0; i < engines; ++i) {
    EXPECT_TRUE(world.RunsIn(who, i)) << "engine " << i;
    EXPECT_TRUE(world.IsWhole(i)) << "engine " << i;
  }
}

TEST(Handover, MovesEveryEngineWithItsState) {
  for (const EngineIndex engines : {0, 1, 2, 5}) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      SCOPED_TRACE(seed);
      World world(Patient(seed, engines));
      world.Begin();
      ASSERT_TRUE(world.Run());
      ASSERT_THAT(world.errors(), IsEmpty());
      EXPECT_EQ(world.side(kOld).outcome(), Outcome::kCompleted);
      EXPECT_EQ(world.side(kNew).outcome(), Outcome::kCompleted);
      ExpectAllIn(world, kNew, engines);
      for (EngineIndex i = 0; i < engines; ++i) EXPECT_FALSE(world.WasRecovered(i));
    }
  }
}

TEST(Handover, ReportsEachStepInItsOrder) {
  World world(Patient(1));
  world.Begin();
  ASSERT_TRUE(world.Run());
  const Report& report = world.side(kOld).report();
  EXPECT_EQ(report.build_before(), "1.0");
  EXPECT_EQ(report.build_after(), "2.0");
  EXPECT_EQ(report.failure(), "");
  Nanoseconds last = report.brownout_ended_at();
  EXPECT_GT(last, report.ready_at());
  for (const EngineReport& engine : report.engines()) {
    EXPECT_EQ(engine.fate(), EngineReport::MOVED);
    EXPECT_GT(engine.snapshot_bytes(), 0u);
    EXPECT_GT(engine.delta_bytes(), 0u);
    for (const Nanoseconds at : {engine.hold_at(), engine.held_at(), engine.marked_at(),
                                 engine.stopped_at(), engine.delta_at(), engine.applied_at(),
                                 engine.won_at(), engine.running_at(), engine.released_at()}) {
      EXPECT_GT(at, last);
      last = at;
    }
    EXPECT_GT(engine.tx_drained_at(), engine.stopped_at());
    EXPECT_LT(engine.tx_drained_at(), engine.won_at());
  }
  EXPECT_GE(report.ended_at(), last);
}

TEST(Handover, GoesOnAndOn) {
  World world(Patient(7, 3));
  world.Begin();
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(world.Run());
    ASSERT_THAT(world.errors(), IsEmpty());
    ASSERT_EQ(world.side(kNew).outcome(), Outcome::kCompleted);
    ExpectAllIn(world, kNew, 3);
    world.NextRound();
  }
}

class Death : public ::testing::TestWithParam<std::tuple<World::Who, uint64_t>> {};

// The victim dies before its first thing, its second, ... until it gets through to the end.
TEST_P(Death, AtAnyStepLeavesEachEngineWithTheSurvivor) {
  const auto [victim, seed] = GetParam();
  const World::Who survivor = Other(victim);
  int nth = 0;
  for (bool died = true; died; ++nth) {
    SCOPED_TRACE(nth);
    World world(Patient(seed, 2));
    world.Begin();
    world.DieAt(victim, nth);
    ASSERT_TRUE(world.Run());
    ASSERT_THAT(world.errors(), IsEmpty());
    died = world.reached(victim, nth);
    if (!died) break;
    if (victim == kOld && !world.PrepareWasSent()) {
      // The new process lacks what it takes; this is a crash like any other.
      EXPECT_EQ(world.side(kNew).outcome(), Outcome::kGivenUp);
      continue;
    }
    EXPECT_EQ(world.side(survivor).outcome(),
              victim == kOld ? Outcome::kCompleted : Outcome::kGivenUp);
    for (EngineIndex i = 0; i < 2; ++i) {
      EXPECT_TRUE(world.RunsIn(survivor, i)) << "engine " << i;
      EXPECT_TRUE(world.IsWhole(i)) << "engine " << i;
      // State is lost only if it was nowhere else.
      const bool state_survives = victim == kNew ? world.RowWasOf(kOld, i)
                                                 : world.RowWasOf(kNew, i) || world.DeltaWasSent(i);
      EXPECT_EQ(world.WasRecovered(i), !state_survives) << "engine " << i;
      const EngineReport::Fate fate = world.side(survivor).report().engines(i).fate();
      EXPECT_EQ(fate == EngineReport::RECOVERED, world.WasRecovered(i)) << "engine " << i;
    }
  }
  EXPECT_GT(nth, 20);  // there are many steps to die at
}

// As kill -STOP. The other process must not wait for ever, nor let it come back to what it lost.
TEST_P(Death, HangingAtAnyStepIsNoBetter) {
  const auto [victim, seed] = GetParam();
  int nth = 0;
  for (bool hung = true; hung; ++nth) {
    SCOPED_TRACE(nth);
    World::Options options = Patient(seed, 2);
    options.old_side.blackout_limit = runtime::kSecond;
    options.new_side.blackout_silence = 3 * runtime::kSecond;
    World world(options);
    world.Begin();
    world.HangAt(victim, nth);
    ASSERT_TRUE(world.Run());
    ASSERT_THAT(world.errors(), IsEmpty());
    hung = world.reached(victim, nth);
    if (!hung) break;
    // Either it was killed and the survivor has everything, or it goes on when it is woken: as if
    // nothing had been, with a last word to say, or as the daemon that it was by then.
    if (world.alive(victim)) {
      world.Wake(victim);
      ASSERT_TRUE(world.Run());
      ASSERT_THAT(world.errors(), IsEmpty());
    }
    const World::Who owner = world.alive(kNew) ? kNew : kOld;
    EXPECT_EQ(world.side(owner).outcome(), owner == kNew ? Outcome::kCompleted : Outcome::kGivenUp);
    for (EngineIndex i = 0; i < 2; ++i) {
      EXPECT_TRUE(world.RunsIn(owner, i)) << "engine " << i;
      EXPECT_TRUE(world.IsWhole(i)) << "engine " << i;
    }
  }
  EXPECT_GT(nth, 20);
}

INSTANTIATE_TEST_SUITE_P(EitherSide, Death,
                         ::testing::Combine(::testing::Values(kOld, kNew),
                                            ::testing::Range<uint64_t>(1, 9)));

// Anything may fail, be late or die, and the card may not answer; what must hold holds anyway.
TEST(Handover, RandomMisfortune) {
  int completed = 0, given_up = 0, recovered = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto roll = [&](uint64_t sides) { return random() % sides; };
    World::Options options;
    options.seed = seed;
    options.engines = 1 + roll(3);
    options.row_failures = roll(2) == 0 ? 0 : 0.3;
    // Some blackouts are longer than this.
    options.old_side.blackout_limit = (roll(3) == 0 ? 1 : 100) * runtime::kMillisecond;
    options.new_side.blackout_silence = 3 * options.old_side.blackout_limit;
    const uint64_t doomed = roll(400);
    uint64_t actions = 0;
    options.fails = [&](World::Who, const Action& action) {
      // Starting empty, and ending a process, cannot fail.
      return ++actions == doomed && !std::holds_alternative<StartFresh>(action) &&
             !std::holds_alternative<KillPeer>(action) &&
             !std::holds_alternative<ReadRow>(action) && !std::holds_alternative<WriteRow>(action);
    };
    World world(options);
    world.Begin();
    const World::Who victim = roll(2) == 0 ? kOld : kNew;
    if (roll(2) == 0) world.DieAt(victim, static_cast<int>(roll(80)));
    ASSERT_TRUE(world.Run());
    ASSERT_THAT(world.errors(), IsEmpty());
    const bool moved = world.side(kNew).outcome() == Outcome::kCompleted && world.alive(kNew);
    if (!moved && !world.alive(kOld)) continue;  // both are dead: a crash like any other
    ++(moved ? completed : given_up);
    for (EngineIndex i = 0; i < options.engines; ++i) {
      EXPECT_TRUE(world.RunsIn(moved ? kNew : kOld, i)) << "engine " << i;
      EXPECT_TRUE(world.IsWhole(i)) << "engine " << i;
      if (world.WasRecovered(i)) ++recovered;
    }
    if (HasFailure()) return;
  }
  // All of it must have been met.
  EXPECT_GT(completed, 500);
  EXPECT_GT(given_up, 500);
  EXPECT_GT(recovered, 100);
}

TEST(Handover, ABlackoutThatTakesTooLongIsRolledBackAndALaterUpgradeSucceeds) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World::Options options = Patient(seed, 1);
    options.old_side.blackout_limit = 100 * runtime::kMicrosecond;
    World world(options);
    world.Begin();
    ASSERT_TRUE(world.Run());
    ASSERT_THAT(world.errors(), IsEmpty());
    ASSERT_EQ(world.side(kOld).outcome(), Outcome::kGivenUp);
    EXPECT_THAT(world.side(kOld).report().failure(), HasSubstr("did not move in time"));
    EXPECT_FALSE(world.alive(kNew));
    ExpectAllIn(world, kOld, 1);
    EXPECT_FALSE(world.WasRecovered(0));

    world.old_side().blackout_limit = 50 * runtime::kSecond;
    world.NextRound();
    ASSERT_TRUE(world.Run());
    ASSERT_THAT(world.errors(), IsEmpty());
    EXPECT_EQ(world.side(kOld).outcome(), Outcome::kCompleted);
    ExpectAllIn(world, kNew, 1);
    EXPECT_FALSE(world.WasRecovered(0));
  }
}

TEST(Handover, TheNewSideIsAsPatientAsTheOldOneIsSlow) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World::Options options = Patient(seed, 2);
    options.new_side.blackout_silence = 1;
    World world(options);
    world.Begin();
    ASSERT_TRUE(world.Run());
    ASSERT_THAT(world.errors(), IsEmpty());
    EXPECT_EQ(world.side(kOld).outcome(), Outcome::kCompleted);
    ExpectAllIn(world, kNew, 2);
    EXPECT_FALSE(world.WasRecovered(0) || world.WasRecovered(1));
  }
}

TEST(Handover, AProcessThatCannotReadTheStateIsRefusedBeforeAnythingMoves) {
  for (const uint32_t newest : {0u, 3u}) {
    World::Options options = Patient(1);
    options.old_side.kinds = {};
    VersionRange& schemas = options.new_side.kinds["counter"];
    schemas.set_oldest(newest == 0 ? 0 : 2);
    schemas.set_newest(newest);
    World world(options);
    world.Begin();
    ASSERT_TRUE(world.Run());
    EXPECT_EQ(world.side(kOld).outcome(), Outcome::kGivenUp);
    EXPECT_THAT(world.side(kOld).report().failure(), HasSubstr("counter"));
    EXPECT_THAT(world.side(kOld).report().failure(), HasSubstr("this one writes 1"));
    EXPECT_EQ(world.side(kNew).outcome(), Outcome::kGivenUp);
    EXPECT_EQ(world.side(kOld).report().engines(0).hold_at(), 0);
    ExpectAllIn(world, kOld, 2);
  }
}

TEST(Handover, ADeltaThatIsRefusedIsRolledBack) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World::Options options = Patient(seed, 1);
    int restores = 0;
    options.fails = [&](World::Who, const Action& action) {
      return std::holds_alternative<Restore>(action) && ++restores == 4;  // 3 parts, then the delta
    };
    World world(options);
    world.Begin();
    ASSERT_TRUE(world.Run());
    ASSERT_THAT(world.errors(), IsEmpty());
    EXPECT_EQ(world.side(kOld).outcome(), Outcome::kGivenUp);
    EXPECT_THAT(world.side(kOld).report().failure(), HasSubstr("injected"));
    EXPECT_EQ(world.side(kOld).report().engines(0).fate(), EngineReport::ROLLED_BACK);
    ExpectAllIn(world, kOld, 1);
    EXPECT_FALSE(world.WasRecovered(0));
  }
}

}  // namespace
}  // namespace farrier::upgrade
