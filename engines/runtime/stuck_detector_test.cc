#include "engines/runtime/stuck_detector.h"

#include <gtest/gtest.h>

#include "engines/runtime/engine_slot.h"
#include "engines/runtime/testing/doorbell_engine.h"

namespace farrier::runtime {
namespace {

using Verdict = StuckDetector::Verdict;
constexpr Nanoseconds kLimit = 200 * kMillisecond;
constexpr Nanoseconds kTick = 10 * kMillisecond;

class StuckDetectorTest : public ::testing::Test {
 protected:
  // Looks every 10 ms for a second at a thread that is in stay `sequence` and takes `cpu` of each.
  Verdict Look(bool inside, Nanoseconds cpu, bool asleep, bool moves = false) {
    Verdict verdict = Verdict::kFine;
    for (int i = 0; i < 100 && verdict == Verdict::kFine; ++i) {
      now_ += kTick;
      cpu_ += cpu;
      if (moves) sequence_ += 2;
      const PollGuard::Reading reading{.slot = inside ? &slot_ : nullptr,
                                       .sequence = sequence_ + (inside ? 1 : 0)};
      verdict = detector_.Check(now_, reading, cpu_, [&] { return asleep; });
    }
    return verdict;
  }

  MonotonicClock clock_;
  testing::DoorbellEngine engine_;
  std::unique_ptr<Mailbox> mailbox_ = *Mailbox::Create(clock_);
  EngineSlot slot_{"engine", engine_, *mailbox_, 1};
  StuckDetector detector_{kLimit};
  Nanoseconds now_ = kSecond;
  Nanoseconds cpu_ = 0;
  uint64_t sequence_ = 0;
};

TEST_F(StuckDetectorTest, AThreadThatPollsOnIsFine) {
  EXPECT_EQ(Look(true, kTick, false, /*moves=*/true), Verdict::kFine);
}

TEST_F(StuckDetectorTest, AThreadThatSleepsOutsideOfEnginesIsFine) {
  EXPECT_EQ(Look(false, 0, true), Verdict::kFine);
}

TEST_F(StuckDetectorTest, OneThatComputesInOneStayForTooLongSpins) {
  EXPECT_EQ(Look(true, kTick, false), Verdict::kSpins);
  EXPECT_GE(detector_.time_in(now_), kLimit);
  EXPECT_LE(detector_.time_in(now_), kLimit + 2 * kTick);
}

TEST_F(StuckDetectorTest, OneThatSleepsInOneStayBlocks) {
  EXPECT_EQ(Look(true, 0, true), Verdict::kBlocks);
}

TEST_F(StuckDetectorTest, OneThatIsNotGivenTheCpuIsNotStuck) {
  EXPECT_EQ(Look(true, 0, false), Verdict::kFine);
}

TEST(LostThreadDetector, FindsWhatIsReadyAndNotRun) {
  LostThreadDetector detector;
  Nanoseconds now = kSecond;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(detector.Check(now += kTick, i, [] { return false; }));
  int asked = 0;
  const auto asleep = [&asked] { return ++asked > 0; };
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(detector.Check(now += kTick, 99, asleep));
  EXPECT_NEAR(asked, 33, 2);  // it costs a look into /proc
  EXPECT_FALSE(detector.suspects());
  int looks = 0;
  while (!detector.Check(now += kTick, 99, [] { return false; })) ++looks;
  EXPECT_GE(looks, 2);
  EXPECT_LE(looks, 5);
  EXPECT_TRUE(detector.suspects());
  EXPECT_FALSE(detector.Check(now += kTick, 100, [] { return false; }));
  EXPECT_FALSE(detector.suspects());
}

TEST(StarvationGuard, FindsWhatTakesAlmostAllOfATenthOfASecond) {
  StarvationGuard guard;
  Nanoseconds now = kSecond, cpu = 0;
  const auto look = [&](Nanoseconds used) { return guard.Check(now += kTick, cpu += used); };
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(look(kTick * 8 / 10));
  int found = 0;
  for (int i = 0; i < 100; ++i) found += look(kTick) ? 1 : 0;
  EXPECT_NEAR(found, 10, 1);
}

}  // namespace
}  // namespace farrier::runtime
