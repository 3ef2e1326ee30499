// Draining and credits: parked packets on their way out, MARKs that wait.

#include "tests/conformance/moving_owner_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kGapNs = 1'000'000;

class DrainTest : public MovingOwnerTest {
 protected:
  // Holds owner 1 and parks `count` packets; returns their ids.
  std::vector<uint32_t> Park(int count) {
    Hold(1);
    TakeMark(kOld);
    return SendMany(7000, count);
  }

  // With a gap: moves on until another packet (or MARK) has come; returns all that came.
  std::vector<RxPacket> NextPackets() {
    for (int i = 0; i < 10'000; ++i) {
      const int64_t next = card().NextEvent();
      EXPECT_LE(next, now() + 2 * kGapNs) << "left alone, the card would be late";
      Advance(std::clamp<int64_t>(next - now(), 1, 2 * kGapNs));
      if (auto packets = TakeHost(); !packets.empty()) return packets;
    }
    return {};
  }
};
FARRIER_ON_EVERY_CARD(DrainTest);

TEST_P(DrainTest, TheGapIsKeptBetweenParkedPackets) {
  Write(regs::kRegDrainGapNs, kGapNs);
  const auto ids = Park(5);
  Grant(1, 5, kManyCredits);
  const int64_t start = now();
  Attach(1, kNew);
  std::vector<uint32_t> seen;
  for (const auto& packet : TakeHost()) seen.push_back(FrameId(packet.bytes));
  EXPECT_LE(seen.size(), 1u);
  EXPECT_EQ(Status(1).draining, 1u);
  while (seen.size() < ids.size()) {
    const auto packets = NextPackets();
    ASSERT_THAT(packets, SizeIs(1));
    seen.push_back(FrameId(packets[0].bytes));
    EXPECT_GE(now() - start, static_cast<int64_t>(seen.size() - 1) * kGapNs);
  }
  EXPECT_EQ(seen, ids);
  EXPECT_LE(now() - start, 10 * kGapNs);
  EXPECT_EQ(Status(1).draining, 0u);
}

TEST_P(DrainTest, TheGapHoldsHoweverFarTimeJumps) {
  Write(regs::kRegDrainGapNs, kGapNs);
  Park(5);
  Grant(1, 5, kManyCredits);
  Attach(1, kNew);
  TakeHost();
  const uint32_t before = Parked(1);
  Advance(100 * kGapNs);
  EXPECT_EQ(TakeHost().size(), 1u);
  EXPECT_EQ(Parked(1), before - 1);
}

TEST_P(DrainTest, TheGapIsOneOwnersOwn) {
  Write(regs::kRegDrainGapNs, kGapNs);
  Serve(7001, 2, {0, 4});
  Grant(1, 5, kManyCredits);
  Grant(1, 6, kManyCredits);
  Park(2);
  Hold(2);
  TakeMark({0, 4});
  SendMany(7001, 2);
  WriteSwitch(1, OwnerState::kAttached, kNew, 1);
  WriteSwitch(2, OwnerState::kAttached, {1, 6}, 1);
  Run();
  Advance(2 * kGapNs);
  Advance(2 * kGapNs);
  EXPECT_THAT(TakeHost(), SizeIs(4));
}

TEST_P(DrainTest, ArrivalsWhileDrainingQueueBehind) {
  Write(regs::kRegDrainGapNs, kGapNs);
  auto ids = Park(3);
  Grant(1, 5, kManyCredits);
  Attach(1, kNew);
  const auto more = SendMany(7000, 3);
  ids.insert(ids.end(), more.begin(), more.end());
  EXPECT_GE(Parked(1), 5u);
  Write(regs::kRegDrainGapNs, 0);
  Advance(kGapNs);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(6));
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(FrameId(packets[i].bytes), ids[i]);
    EXPECT_EQ(packets[i].sequence(), i);
    EXPECT_TRUE(packets[i].was_held());
  }
  const uint32_t after = Send(7000);
  const auto last = TakeHost();
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_EQ(FrameId(last[0].bytes), after);
  EXPECT_FALSE(last[0].was_held());
  EXPECT_EQ(last[0].sequence(), 6u);
}

TEST_P(DrainTest, TheQuotaCountsWhileDrainingToo) {
  SetQuota(1, 3);
  Write(regs::kRegDrainGapNs, kGapNs);
  Park(3);
  Attach(1, kNew);  // no credit there: nothing leaves
  SendMany(7000, 2);
  EXPECT_EQ(Count(1, OwnerCounter::kDropQuota), 2u);
  Grant(1, 5, kManyCredits);
  Advance(2 * kGapNs);
  EXPECT_THAT(TakeHost(), SizeIs(1));
  Send(7000);
  EXPECT_EQ(Count(1, OwnerCounter::kDropQuota), 2u);
  EXPECT_EQ(Parked(1), 3u);
}

TEST_P(DrainTest, HeldWhileDrainingCutsAtTheOldestParked) {
  Write(regs::kRegDrainGapNs, kGapNs);
  auto sent = Park(4);
  Grant(1, 5, kManyCredits);
  Attach(1, kNew);
  std::vector<uint32_t> seen;
  for (const auto& packet : TakeHost()) seen.push_back(FrameId(packet.bytes));
  while (seen.size() < 2) {
    for (const auto& packet : NextPackets()) seen.push_back(FrameId(packet.bytes));
  }
  Hold(1);
  const RxPacket mark = TakeMark(kNew);
  EXPECT_EQ(mark.sequence(), 2u);
  EXPECT_EQ(mark.generation(), 2u);
  EXPECT_EQ(Read(regs::kRegOwnerCut(1)), 2u);
  EXPECT_EQ(Parked(1), 2u);
  EXPECT_EQ(Status(1).draining, 0u);
  sent.push_back(Send(7000));
  Advance(10 * kGapNs);
  EXPECT_THAT(TakeHost(), IsEmpty());
  Write(regs::kRegDrainGapNs, 0);
  Attach(1, kOld);
  for (const uint32_t id : TakeIds(kOld)) seen.push_back(id);
  EXPECT_EQ(seen, sent);
  EXPECT_EQ(Count(1, OwnerCounter::kHeld), 5u);
  EXPECT_EQ(Count(1, OwnerCounter::kDelivered), 5u);
}

TEST_P(DrainTest, AttachedWhileDrainingGoesOnElsewhere) {
  Write(regs::kRegDrainGapNs, kGapNs);
  const auto ids = Park(4);
  Grant(1, 5, kManyCredits);
  Attach(1, kNew);
  Advance(2 * kGapNs);
  auto first = TakeHost();
  Attach(1, kOld);  // the gap still holds the next one back
  Write(regs::kRegDrainGapNs, 0);
  Advance(kGapNs);
  auto second = TakeIds(kOld);
  std::vector<uint32_t> seen;
  for (const auto& packet : first) seen.push_back(FrameId(packet.bytes));
  EXPECT_THAT(second, testing::Not(IsEmpty()));
  seen.insert(seen.end(), second.begin(), second.end());
  EXPECT_EQ(seen, ids);
}

TEST_P(DrainTest, DropAndDetachedWhileDrainingDiscard) {
  for (const OwnerState state : {OwnerState::kDetached, OwnerState::kDrop}) {
    Park(3);
    Attach(1, kNew);  // no credit there
    ASSERT_EQ(Status(1).draining, 1u);
    const uint64_t before = Count(1, OwnerCounter::kDropDiscarded);
    Become(1, state);
    EXPECT_EQ(Parked(1), 0u);
    EXPECT_EQ(Status(1).draining, 0u);
    EXPECT_EQ(Count(1, OwnerCounter::kDropDiscarded), before + 3);
    Attach(1, kOld);
    EXPECT_THAT(TakeHost(), IsEmpty());
  }
}

TEST_P(DrainTest, DrainingWaitsForCreditAndDropsNothing) {
  const auto ids = Park(4);
  Attach(1, kNew);
  EXPECT_THAT(TakeHost(), IsEmpty());
  Grant(1, 5, 1);  // MARK's
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
  Grant(1, 5, 2);
  Run();
  EXPECT_THAT(TakeIds(kNew), ElementsAre(ids[0], ids[1]));
  Grant(1, 5, 10);
  Run();
  EXPECT_THAT(TakeIds(kNew), ElementsAre(ids[2], ids[3]));
  EXPECT_EQ(Count(1, OwnerCounter::kDropNoCredit), 0u);
}

TEST_P(DrainTest, AnOwnerWithoutCreditStopsNobodyElsesDrain) {
  Serve(7001, 2, {0, 4});
  Grant(1, 6, kManyCredits);
  Park(3);
  Hold(2);
  TakeMark({0, 4});
  const auto ids = SendMany(7001, 3);
  Attach(1, kNew);  // no credit there
  Attach(2, {1, 6});
  EXPECT_EQ(TakeIds({1, 6}), ids);
  EXPECT_EQ(Parked(1), 3u);
}

TEST_P(DrainTest, ADisabledFunctionIsNotDrainedTo) {
  const auto ids = Park(2);
  Grant(1, 5, 100);
  Write(regs::kRegFunctionControl(1), 0);
  Attach(1, kNew);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Parked(1), 2u);
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1}.Pack());
  Run();
  EXPECT_EQ(TakeIds(kNew), ids);
}

// MARK's credit.

TEST_P(DrainTest, MarkHasACreditHoweverFullTheQueueWas) {
  Listen(7001, 2);
  Grant(1, 0, 4);
  Attach(2, {1, 0});
  SendMany(7001, 10);
  EXPECT_THAT(TakeIds({1, 0}), SizeIs(3));
  Hold(2);
  EXPECT_EQ(TakeMark({1, 0}).sequence(), 3u);
  EXPECT_EQ(Status(2).mark_pending, 0u);
}

TEST_P(DrainTest, MarkWaitsForACredit) {
  Attach(2, {1, 0, 1});  // two queues without a buffer
  Hold(2);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Status(2).mark_pending, 1u);
  Grant(1, 1, 1);
  Run();
  TakeMark({1, 1});
  EXPECT_EQ(Status(2).mark_pending, 1u);
  Grant(1, 0, 1);
  Run();
  TakeMark({1, 0});
  EXPECT_EQ(Status(2).mark_pending, 0u);
  Grant(1, 0, 5);
  Grant(1, 1, 5);
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
}

TEST_P(DrainTest, AWaitingMarkStopsNobody) {
  Attach(2, {1, 0});
  Hold(2);
  EXPECT_EQ(Status(2).mark_pending, 1u);
  const uint32_t id = Send(7000);
  EXPECT_THAT(TakeIds(kOld), ElementsAre(id));
}

TEST_P(DrainTest, AMarkOfADisabledFunctionWaits) {
  Write(regs::kRegFunctionControl(0), 0);
  Hold(1);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Status(1).mark_pending, 1u);
  Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1}.Pack());
  Run();
  TakeMark(kOld);
}

TEST_P(DrainTest, AWaitingMarkIsWithdrawnWhenTheRowLeavesHeld) {
  // The old host has died: its queue will never have a credit again.
  Write(regs::kRegFunctionControl(0),
        regs::FunctionControl{.enable = 1, .reset_credits = 1}.Pack());
  Grant(1, 5, 100);
  for (const OwnerState state : {OwnerState::kAttached, OwnerState::kDrop, OwnerState::kDetached}) {
    Attach(1, kOld);
    Hold(1);
    ASSERT_EQ(Status(1).mark_pending, 1u);
    const uint32_t id = Send(7000);
    WriteSwitch(1, state, kNew, Row(1).generation);
    Run();
    EXPECT_EQ(Status(1).mark_pending, 0u);
    if (state == OwnerState::kAttached) {
      EXPECT_THAT(TakeIds(kNew), ElementsAre(id));
    }
  }
  Grant(0, 3, 100);
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
}

TEST_P(DrainTest, TheWatchdogWithdrawsAWaitingMark) {
  Attach(2, {1, 0});
  Hold(2);
  ASSERT_EQ(Status(2).mark_pending, 1u);
  Advance(60'000'000'000);
  EXPECT_EQ(Status(2).mark_pending, 0u);
  Grant(1, 0, 5);
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
}

TEST_P(DrainTest, HoldAndReleaseManyTimes) {
  Grant(1, 5, kManyCredits);
  std::vector<uint32_t> sent;
  std::vector<uint32_t> seen;
  int marks = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 3; ++i) sent.push_back(Send(7000, 60 + 37 * static_cast<size_t>(round)));
    Hold(1);
    for (int i = 0; i < 3; ++i) sent.push_back(Send(7000, 60 + 41 * static_cast<size_t>(round)));
    Attach(1, round % 2 ? kOld : kNew);
    for (const auto& packet : TakeHost()) {
      if (packet.is_mark()) {
        ++marks;
        EXPECT_EQ(packet.sequence(), 6u * round + 3);
        continue;
      }
      EXPECT_EQ(packet.sequence(), seen.size());
      seen.push_back(FrameId(packet.bytes));
    }
  }
  EXPECT_EQ(seen, sent);
  EXPECT_EQ(marks, 50);
}

}  // namespace
}  // namespace farrier::conformance
