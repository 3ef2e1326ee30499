// Signs of life of the host: what happens when they stay away.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class HeartbeatTest : public CardTest {
 protected:
  // Owners 1 and 2 are function 0's, owner 3 is function 1's.
  void SetUp() override {
    CardTest::SetUp();
    Serve(7000, 1, {0, 0});
    Serve(7001, 2, {0, 1, 1});
    Serve(7002, 3, {1, 0});
  }

  void SetLimit(uint32_t function, uint32_t us) {
    Write(regs::kRegHeartbeatUs(function), us);
    Run();
  }
  void Beat(uint32_t function) {
    Write(regs::kRegHeartbeat(function), 1);
    Run();
  }
};
FARRIER_ON_EVERY_CARD(HeartbeatTest);

TEST_P(HeartbeatTest, AMissHoldsWhatIsAttachedToTheFunction) {
  FARRIER_NEEDS(heartbeat);
  SetLimit(0, 100);
  Beat(0);
  Advance(100'000);
  EXPECT_EQ(State(1), OwnerState::kAttached) << "not yet";
  EXPECT_EQ(card().NextEvent(), now() + 1);
  Advance(1);
  for (const uint32_t owner : {1u, 2u}) {
    EXPECT_EQ(State(owner), OwnerState::kHeld);
    EXPECT_EQ(Status(owner).heartbeat, 1u);
    EXPECT_EQ(Row(owner).generation, 1u) << "as any HELD";
  }
  EXPECT_EQ(State(3), OwnerState::kAttached);
  EXPECT_EQ(Status(3).heartbeat, 0u);
  EXPECT_EQ(State(0), OwnerState::kDetached);
  const auto marks = TakeHost();
  ASSERT_THAT(marks, SizeIs(3)) << "one per queue";
  for (const RxPacket& mark : marks) EXPECT_TRUE(mark.is_mark());
}

TEST_P(HeartbeatTest, WhatArrivesIsParkedAndReleased) {
  FARRIER_NEEDS(heartbeat);
  SetLimit(0, 100);
  Beat(0);
  SendMany(7000, 3);
  TakeHost();
  Advance(200'000);
  EXPECT_EQ(TakeHost().at(0).sequence(), 3u) << "the cut";
  EXPECT_EQ(Read(regs::kRegOwnerCut(1)), 3u);
  const auto ids = SendMany(7000, 4);
  EXPECT_EQ(Parked(1), 4u);
  Attach(1, {1, 0});
  EXPECT_EQ(TakeIds({1, 0}), ids);
  EXPECT_EQ(Status(1).heartbeat, 0u) << "cleared by an accepted ATTACHED";
  EXPECT_EQ(Status(2).heartbeat, 1u);
}

TEST_P(HeartbeatTest, BeatsKeepItAway) {
  FARRIER_NEEDS(heartbeat);
  SetLimit(0, 100);
  for (int i = 0; i < 20; ++i) {
    Beat(0);
    Advance(90'000);
  }
  EXPECT_EQ(State(1), OwnerState::kAttached);
  Advance(10'001);
  EXPECT_EQ(State(1), OwnerState::kHeld);
}

TEST_P(HeartbeatTest, AMissDisarms) {
  FARRIER_NEEDS(heartbeat);
  SetLimit(0, 100);
  Beat(0);
  Advance(100'001);
  Attach(1, {0, 0});
  Advance(1'000'000);
  EXPECT_EQ(State(1), OwnerState::kAttached) << "until it beats again";
  Beat(0);
  Advance(100'001);
  EXPECT_EQ(State(1), OwnerState::kHeld);
}

TEST_P(HeartbeatTest, WithoutABeatNothingIsMissed) {
  FARRIER_NEEDS(heartbeat);
  SetLimit(0, 100);
  Advance(1'000'000);
  EXPECT_EQ(State(1), OwnerState::kAttached);
}

TEST_P(HeartbeatTest, WithoutALimitNothingIsMissed) {
  FARRIER_NEEDS(heartbeat);
  EXPECT_EQ(Read(regs::kRegHeartbeatUs(0)), 0u);
  Beat(0);
  Advance(10'000'000'000);
  EXPECT_EQ(State(1), OwnerState::kAttached);
}

TEST_P(HeartbeatTest, WritingTheLimitDisarms) {
  FARRIER_NEEDS(heartbeat);
  SetLimit(0, 100);
  Beat(0);
  SetLimit(0, 50);
  EXPECT_EQ(Read(regs::kRegHeartbeatUs(0)), 50u);
  Advance(1'000'000);
  EXPECT_EQ(State(1), OwnerState::kAttached);
  Beat(0);
  Advance(50'001);
  EXPECT_EQ(State(1), OwnerState::kHeld);
}

TEST_P(HeartbeatTest, FunctionsAreToldApart) {
  FARRIER_NEEDS(heartbeat);
  SetLimit(0, 100);
  SetLimit(1, 300);
  Beat(0);
  Beat(1);
  Advance(150'000);
  EXPECT_EQ(State(1), OwnerState::kHeld);
  EXPECT_EQ(State(3), OwnerState::kAttached);
  Advance(150'001);
  EXPECT_EQ(State(3), OwnerState::kHeld);
}

TEST_P(HeartbeatTest, BothMayMissAtOnce) {
  FARRIER_NEEDS(heartbeat);
  SetLimit(0, 100);
  SetLimit(1, 100);
  Beat(0);
  Beat(1);
  Advance(5'000'000);
  for (const uint32_t owner : {1u, 2u, 3u}) EXPECT_EQ(State(owner), OwnerState::kHeld);
}

TEST_P(HeartbeatTest, TheWatchdogGoesOnFromThere) {
  FARRIER_NEEDS(heartbeat);
  Write(regs::kRegWatchdogUs, 1'000);
  SetLimit(0, 100);
  Beat(0);
  Advance(100'001);
  SendMany(7000, 2);
  Advance(1'000'000);
  EXPECT_EQ(State(1), OwnerState::kHeld);
  Advance(1);
  EXPECT_EQ(State(1), OwnerState::kDrop);
  EXPECT_EQ(Status(1).watchdog, 1u);
  EXPECT_EQ(Status(1).heartbeat, 1u);
  EXPECT_EQ(Count(1, OwnerCounter::kDropDiscarded), 2u);
}

TEST_P(HeartbeatTest, ADrainingRowIsHeldToo) {
  FARRIER_NEEDS(heartbeat);
  Hold(1);
  const auto ids = SendMany(7000, 5);
  Write(regs::kRegDrainGapNs, 60'000);
  SetLimit(0, 100);
  Beat(0);
  Attach(1, {0, 0});
  Advance(60'000);
  TakeHost();
  Advance(40'001);
  EXPECT_EQ(State(1), OwnerState::kHeld);
  EXPECT_EQ(Read(regs::kRegOwnerCut(1)), 2u) << "the oldest that is parked";
  EXPECT_EQ(Parked(1), 3u);
  Write(regs::kRegDrainGapNs, 0);
  TakeHost();
  Attach(1, {0, 0});
  EXPECT_EQ(TakeIds({0, 0}), std::vector<uint32_t>(ids.begin() + 2, ids.end()));
}

TEST_P(HeartbeatTest, OtherRowsOfTheFunctionStay) {
  FARRIER_NEEDS(heartbeat);
  Become(2, OwnerState::kDrop);
  SetLimit(0, 100);
  Beat(0);
  Advance(200'000);
  EXPECT_EQ(State(2), OwnerState::kDrop);
  EXPECT_EQ(Status(2).heartbeat, 0u);
}

TEST_P(HeartbeatTest, FunctionsThatAreNotBuiltInHaveNone) {
  FARRIER_NEEDS(heartbeat);
  uint64_t bad = Count(GlobalCounter::kCsrBadAccess);
  EXPECT_EQ(Read(regs::kRegHeartbeat(0)), 0u) << "write only";
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
  for (uint32_t function = functions(); function < 4; ++function) {
    Write(regs::kRegHeartbeat(function), 1);
    Write(regs::kRegHeartbeatUs(function), 1);
    EXPECT_EQ(Read(regs::kRegHeartbeatUs(function)), 0u);
    bad += 3;
    EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), bad);
  }
}

}  // namespace
}  // namespace farrier::conformance
