// Engines whose polls do not end, and what becomes of those beside them: the group's own detector
// and seizure on virtual time.
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/simulator/sim_group.h"

namespace farrier::sim {
namespace {

using How = LongPoll::How;
using runtime::EngineCondition;
using runtime::GroupMode;
using runtime::GroupOptions;

constexpr GroupMode kModes[] = {GroupMode::kDedicating, GroupMode::kSpreading,
                                GroupMode::kCompacting};
constexpr Nanoseconds kHangLimit = 200 * kMillisecond;
// Until it is seen that an engine hangs, and those beside it are polled elsewhere: the watchdog
// looks every 10 ms and begins to count at a look.
constexpr Nanoseconds kRescued = kHangLimit + 25 * kMillisecond;

// Has an input every millisecond.
class Ticking final : public runtime::Engine {
 public:
  std::string_view kind() const override { return "ticking"; }
  int Poll(Nanoseconds now, int) override {
    if (now < next_) return 0;
    next_ = now + kMillisecond;
    ++ticks;
    return 1;
  }
  void PrepareWait(Nanoseconds, runtime::WaitSet& wait) override { wait.deadline = next_; }
  Nanoseconds OldestInput(Nanoseconds) override { return kNever; }
  bool Snapshot(runtime::StateSink&, int) override { return true; }
  void Delta(runtime::StateSink&) override {}
  absl::Status Restore(runtime::StateSource&) override { return absl::OkStatus(); }

  int ticks = 0;

 private:
  Nanoseconds next_ = 0;
};

class SimWatchdogTest : public ::testing::Test {
 protected:
  // No engine but one that hangs itself is to wait longer than `patience`.
  void Make(GroupMode mode, int threads, size_t engines, Nanoseconds patience = kRescued,
            uint64_t seed = 1) {
    const GroupOptions options{.mode = mode, .threads = threads, .hang_limit = kHangLimit};
    group_ = std::make_unique<SimGroup>(queue_, Random(seed),
                                        SimGroupOptions{.group = options, .patience = patience},
                                        [this](const std::string& what) { failure_ = what; });
    engines_ = std::vector<Ticking>(engines);
    for (Ticking& engine : engines_) group_->Add(engine);
    Pass(100 * kMillisecond);
  }
  void Pass(Nanoseconds time) { queue_.RunUntil(queue_.Now() + time); }
  EngineCondition condition(size_t engine) {
    return group_->slot(engines_[engine]).condition.load();
  }
  // Ticks of each engine in `time`.
  std::vector<int> TicksIn(Nanoseconds time) {
    std::vector<int> ticks;
    for (const Ticking& engine : engines_) ticks.push_back(-engine.ticks);
    Pass(time);
    for (size_t i = 0; i < engines_.size(); ++i) ticks[i] += engines_[i].ticks;
    return ticks;
  }
  void TearDown() override { EXPECT_EQ(failure_, ""); }

  EventQueue queue_;
  std::string failure_;
  std::vector<Ticking> engines_;
  std::unique_ptr<SimGroup> group_;
};

class AnyHang : public SimWatchdogTest,
                public ::testing::WithParamInterface<std::tuple<GroupMode, How>> {};

TEST_P(AnyHang, IsFoundAndTheOthersGoOnElsewhere) {
  const auto [mode, how] = GetParam();
  Make(mode, 1, 3);
  group_->Stay(engines_[0], {.how = how, .time = kSecond});
  Pass(kHangLimit - 5 * kMillisecond);
  EXPECT_EQ(condition(0), EngineCondition::kRunning);
  Pass(kRescued - kHangLimit + 5 * kMillisecond);
  EXPECT_EQ(condition(0), EngineCondition::kHung);
  EXPECT_EQ(group_->quarantines(), 1u);
  const std::vector<int> ticks = TicksIn(500 * kMillisecond);
  EXPECT_EQ(ticks[0], 0);
  EXPECT_GT(ticks[1], 400);
  EXPECT_GT(ticks[2], 400);
  EXPECT_NE(group_->thread_of(engines_[1]), group_->thread_of(engines_[0]));
  EXPECT_NE(group_->thread_of(engines_[2]), group_->thread_of(engines_[0]));
}

TEST_P(AnyHang, ThatEndsIsForgiven) {
  const auto [mode, how] = GetParam();
  Make(mode, 1, 3);
  group_->Stay(engines_[0], {.how = how, .time = kSecond});
  Pass(kSecond + 5 * kMillisecond);
  EXPECT_EQ(condition(0), EngineCondition::kRunning);
  for (int ticks : TicksIn(500 * kMillisecond)) EXPECT_GT(ticks, 400);
  EXPECT_EQ(group_->quarantines(), 1u);
  EXPECT_EQ(group_->slot(engines_[0]).overruns.load(), 1u);
  EXPECT_EQ(group_->slot(engines_[0]).blocks.load(), how == How::kSleeps ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, AnyHang,
                         ::testing::Combine(::testing::ValuesIn(kModes),
                                            ::testing::Values(How::kComputes, How::kSleeps)));

TEST_F(SimWatchdogTest, AThreadWithoutItsCoreIsNotStuck) {
  Make(GroupMode::kCompacting, 1, 2, /*patience=*/2 * kSecond);
  group_->Stay(engines_[0], {.how = How::kWaitsForItsCore, .time = kSecond});
  Pass(kSecond + 5 * kMillisecond);
  EXPECT_EQ(group_->quarantines(), 0u);
  EXPECT_EQ(group_->slot(engines_[0]).overruns.load(), 0u);
}

TEST_F(SimWatchdogTest, AShorterPollIsNoHang) {
  Make(GroupMode::kCompacting, 1, 2);
  for (How how : {How::kComputes, How::kSleeps}) {
    group_->Stay(engines_[0], {.how = how, .time = kHangLimit - 5 * kMillisecond});
    Pass(kSecond);
  }
  EXPECT_EQ(group_->quarantines(), 0u);
  EXPECT_EQ(group_->slot(engines_[0]).overruns.load(), 2u);
}

TEST_F(SimWatchdogTest, AGroupMayEndWhileAnEngineHangs) {
  Make(GroupMode::kDedicating, 1, 3);
  group_->Stay(engines_[0], {.how = How::kComputes, .time = kSecond});
  Pass(20 * kMillisecond);
  const int ticks = engines_[1].ticks;
  group_.reset();
  EXPECT_EQ(engines_[1].ticks, ticks);
}

// Several hang, at times that overlap, in groups of all kinds; nobody else waits for them.
TEST_F(SimWatchdogTest, OthersAreNeverForgottenWhoeverHangs) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const auto count = static_cast<size_t>(random.Uniform(2, 6));
    // Who was rescued to the thread of one that hangs next waits for another rescue.
    Make(kModes[random.Uniform(0, 2)], static_cast<int>(random.Uniform(1, 3)), count, 3 * kRescued,
         seed);
    const auto hangs = static_cast<size_t>(random.Uniform(1, 3));
    for (size_t i = 0; i < std::min(hangs, count); ++i) {
      const How how = random.Chance(0.5) ? How::kComputes : How::kSleeps;
      group_->Stay(engines_[i], {.how = how, .time = random.Uniform(kMillisecond, 2 * kSecond)});
      Pass(random.Uniform(0, 400 * kMillisecond));
    }
    Pass(3 * kSecond);
    for (int ticks : TicksIn(200 * kMillisecond)) EXPECT_GT(ticks, 150);
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(condition(i), EngineCondition::kRunning);
    ASSERT_EQ(failure_, "") << "seed " << seed;
    group_.reset();
  }
}

}  // namespace
}  // namespace farrier::sim
