// The watchdog on HELD rows: when it acts, and on what.

#include "tests/conformance/moving_owner_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WatchdogTest : public MovingOwnerTest {
 protected:
  void SetUp() override {
    MovingOwnerTest::SetUp();
    Grant(kNew.function, kNew.queue, kManyCredits);
  }
};
FARRIER_ON_EVERY_CARD(WatchdogTest);

TEST_P(WatchdogTest, TheWatchdogDropsWhatIsHeldTooLong) {
  Write(regs::kRegWatchdogUs, 5000);
  Hold(1);
  TakeMark(kOld);
  SendMany(7000, 3);
  Advance(4'900'000);
  EXPECT_EQ(State(1), OwnerState::kHeld);
  EXPECT_EQ(Status(1).watchdog, 0u);
  Advance(200'000);
  EXPECT_EQ(State(1), OwnerState::kDrop);
  EXPECT_EQ(Row(1).generation, 1u);
  EXPECT_EQ(Status(1).watchdog, 1u);
  EXPECT_EQ(Parked(1), 0u);
  EXPECT_EQ(Count(1, OwnerCounter::kDropDiscarded), 3u);
  Send(7000);
  EXPECT_EQ(Count(1, OwnerCounter::kDropState), 1u);
  EXPECT_THAT(TakeHost(), IsEmpty());
  Become(1, OwnerState::kDetached);
  EXPECT_EQ(Status(1).watchdog, 1u) << "only an accepted ATTACHED clears it";
  WriteSwitch(1, OwnerState::kAttached, kNew, 0);
  EXPECT_EQ(Status(1).watchdog, 1u) << "a refused one does not";
  Attach(1, kNew);
  EXPECT_EQ(Status(1).watchdog, 0u);
  const uint32_t id = Send(7000);
  EXPECT_THAT(TakeIds(kNew), ElementsAre(id));
}

TEST_P(WatchdogTest, TheWatchdogMayBeSetWhileRowsAreHeld) {
  // The card looks at one row after another: the register changes in the middle of one or the other
  // look.
  constexpr uint32_t kRows = 13;
  for (uint32_t owner = 1; owner <= kRows; ++owner) {
    Attach(owner, kOld);
    Hold(owner);
  }
  Advance(1'000);
  for (int between = 0; between < 20; ++between) {
    card().WriteCsr(regs::kRegWatchdogUs, 0);
    for (int i = 0; i < between; ++i) card().ReadCsr(regs::kRegMagic);
    card().WriteCsr(regs::kRegWatchdogUs, 5'000);
    Run();
    for (uint32_t owner = 1; owner <= kRows; ++owner) {
      ASSERT_EQ(State(owner), OwnerState::kHeld)
          << "owner " << owner << ", " << between << " reads";
    }
  }
  EXPECT_LE(card().NextEvent(), now() + 5'000'000);
  Advance(5'000'000);
  for (uint32_t owner = 1; owner <= kRows; ++owner) EXPECT_EQ(State(owner), OwnerState::kDrop);
}

TEST_P(WatchdogTest, TheWatchdogActsHoweverFarTimeJumps) {
  EXPECT_EQ(Read(regs::kRegWatchdogUs), 10'000'000u);
  Hold(1);
  TakeMark(kOld);
  Send(7000);
  Advance(3'600'000'000'000);
  EXPECT_EQ(State(1), OwnerState::kDrop);
}

TEST_P(WatchdogTest, NoWatchdogHoldsForever) {
  Write(regs::kRegWatchdogUs, 0);
  Hold(1);
  TakeMark(kOld);
  const uint32_t id = Send(7000);
  Advance(3'600'000'000'000);
  EXPECT_EQ(State(1), OwnerState::kHeld);
  Attach(1, kNew);
  EXPECT_THAT(TakeIds(kNew), ElementsAre(id));
}

TEST_P(WatchdogTest, EachHoldHasItsOwnTime) {
  Write(regs::kRegWatchdogUs, 5000);
  for (int i = 0; i < 4; ++i) {
    Hold(1);
    Advance(3'000'000);
    Hold(1);  // the same hold: its time runs on
    Advance(1'000'000);
    EXPECT_EQ(State(1), OwnerState::kHeld);
    Attach(1, kOld);
    Advance(3'000'000);
  }
  EXPECT_EQ(State(1), OwnerState::kAttached);
  EXPECT_EQ(Row(1).generation, 5u);
}

TEST_P(WatchdogTest, ARepeatedHoldDoesNotFeedTheWatchdog) {
  Write(regs::kRegWatchdogUs, 5000);
  Hold(1);
  Advance(3'000'000);
  Hold(1);
  Advance(3'000'000);
  EXPECT_EQ(State(1), OwnerState::kDrop);
}

TEST_P(WatchdogTest, AHoldAfterAnIdleTimeStartsThen) {
  // The card may have been left alone for long when the word is written.
  Write(regs::kRegWatchdogUs, 5000);
  Advance(1'000'000'000);
  Hold(1);
  Advance(4'000'000);
  EXPECT_EQ(State(1), OwnerState::kHeld);
}

TEST_P(WatchdogTest, TheWatchdogIsAnEventInTime) {
  Write(regs::kRegWatchdogUs, 5000);
  Hold(1);
  const int64_t start = now();
  for (int i = 0; i < 10'000 && State(1) == OwnerState::kHeld; ++i) {
    const int64_t next = card().NextEvent();
    ASSERT_LE(next, start + 5'100'000) << "left alone, the card would miss it";
    Advance(std::max<int64_t>(next - now(), 1));
  }
  EXPECT_EQ(Status(1).watchdog, 1u);
}

}  // namespace
}  // namespace farrier::conformance
