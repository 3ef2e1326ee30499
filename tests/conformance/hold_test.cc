// HELD: the cut, MARKs, parking, quota, discard.

#include "tests/conformance/moving_owner_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class HoldTest : public MovingOwnerTest {
 protected:
  void SetUp() override {
    MovingOwnerTest::SetUp();
    Grant(kNew.function, kNew.queue, kManyCredits);
  }
};
FARRIER_ON_EVERY_CARD(HoldTest);

TEST_P(HoldTest, MarkComesBehindTheLastPacketAndNothingAfterIt) {
  const auto ids = SendMany(7000, 3);
  WriteSwitch(1, OwnerState::kHeld, kOld, 1);
  SendMany(7000, 3);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(4));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(FrameId(packets[i].bytes), ids[i]);
  EXPECT_TRUE(packets[3].is_mark());
  EXPECT_EQ(packets[3].sequence(), 3u);
  EXPECT_EQ(Read(regs::kRegOwnerCut(1)), 3u);
  EXPECT_EQ(RxNext(1), 6u);
}

TEST_P(HoldTest, TheCutFallsBetweenTwoPacketsHoweverCloseTheyAre) {
  // Packets still on their way in when the word is written may fall on either side, but not on both
  // or none.
  for (int ahead = 0; ahead < 6; ++ahead) {
    std::vector<uint32_t> sent;
    for (int i = 0; i < 8; ++i) {
      if (i == ahead) WriteSwitch(1, OwnerState::kHeld, kOld, Row(1).generation);
      sent.push_back(next_id_++);
      Offer(MakeFrame({.dst4 = kIp, .dst_port = 7000, .length = 200, .id = sent.back()}));
    }
    Run();
    auto packets = TakeHost();
    ASSERT_FALSE(packets.empty());
    ASSERT_TRUE(packets.back().is_mark());
    const uint32_t cut = packets.back().sequence();
    EXPECT_EQ(cut, Read(regs::kRegOwnerCut(1)));
    packets.pop_back();
    if (!packets.empty()) {
      EXPECT_EQ(packets.back().sequence(), cut - 1);
    }
    EXPECT_EQ(packets.size() + Parked(1), sent.size());
    std::vector<uint32_t> seen;
    for (const auto& packet : packets) seen.push_back(FrameId(packet.bytes));
    Attach(1, kNew);
    const auto released = TakeHost();
    if (!released.empty()) {
      EXPECT_EQ(released[0].sequence(), cut);
    }
    for (const auto& packet : released) seen.push_back(FrameId(packet.bytes));
    EXPECT_EQ(seen, sent);
    Attach(1, kOld);
  }
}

TEST_P(HoldTest, EveryByteOfAMarkIsAsDescribed) {
  for (int i = 0; i < 3; ++i) Send(7000);
  TakeHost();
  Hold(1);
  const RxPacket mark = TakeMark(kOld);
  ASSERT_EQ(mark.bytes.size(), regs::kMarkBytes);
  Bytes expected(regs::kMarkBytes);
  expected[12] = 0x08;
  expected[14] = 0x45;
  expected[26] = expected[27] = 1;  // queue 3
  expected[34] = 2;                 // MARK
  expected[36] = 1;                 // owner
  expected[38] = 1;                 // generation
  expected[40] = 3;                 // the cut
  for (size_t i = 0; i < 8; ++i) {
    expected[48 + i] = static_cast<uint8_t>(static_cast<uint64_t>(now()) >> (8 * i));
  }
  EXPECT_EQ(mark.bytes, expected);
}

TEST_P(HoldTest, EveryQueueOfTheRowGetsItsMark) {
  for (uint32_t log2 = 0; (1u << log2) <= queues() && log2 <= 4; ++log2) {
    const uint32_t count = 1u << log2;
    const Place place = {1, queues() - count, log2};
    for (uint32_t i = 0; i < count; ++i) Grant(1, place.queue + i, 100);
    Attach(2, place);
    Hold(2);
    std::set<int> marked;
    for (const auto& packet : TakeHost()) {
      EXPECT_TRUE(packet.is_mark());
      EXPECT_EQ(packet.owner(), 2);
      EXPECT_EQ(packet.function, 1);
      EXPECT_GE(packet.queue, static_cast<int>(place.queue));
      for (uint32_t bit = 0; bit < 4; ++bit) {
        EXPECT_EQ(packet.bytes[26 + bit], (packet.queue >> bit) & 1);
      }
      EXPECT_TRUE(marked.insert(packet.queue).second);
    }
    EXPECT_EQ(marked.size(), count);
    EXPECT_EQ(Status(2).mark_pending, 0u);
  }
}

TEST_P(HoldTest, ArrivalsAreParked) {
  Send(7000);
  Hold(1);
  TakeHost();
  SendMany(7000, 5, 100);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Parked(1), 5u);
  EXPECT_EQ(Status(1), regs::OwnerStatus{});
  EXPECT_EQ(Count(1, OwnerCounter::kIn), 6u);
  EXPECT_EQ(Count(1, OwnerCounter::kDelivered), 1u);
  EXPECT_EQ(Count(1, OwnerCounter::kParked), 5u);
  EXPECT_EQ(Count(1, OwnerCounter::kHeld), 5u);
}

TEST_P(HoldTest, ParkedPacketsComeFirstAtTheNewPlace) {
  Send(7000);
  Hold(1);
  TakeHost();
  const int64_t arrival = now();
  auto ids = SendMany(7000, 4);
  Advance(7'000'000);
  Attach(1, kNew);
  ids.push_back(Send(7000));
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(5));
  for (uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(packets[i].function, 1);
    EXPECT_EQ(packets[i].queue, 5);
    EXPECT_EQ(FrameId(packets[i].bytes), ids[i]);
    EXPECT_EQ(packets[i].sequence(), 1 + i);
    EXPECT_EQ(packets[i].generation(), 2u);
    EXPECT_EQ(packets[i].was_held(), i < 4);
    EXPECT_EQ(packets[i].l3_offset(), 14);
    EXPECT_EQ(packets[i].l4_offset(), 34);
    EXPECT_EQ(packets[i].time(), i < 4 ? arrival : now());
  }
  EXPECT_EQ(Parked(1), 0u);
  EXPECT_EQ(Count(1, OwnerCounter::kParked), 0u);
  EXPECT_EQ(Count(1, OwnerCounter::kDelivered), 6u);
  EXPECT_EQ(Count(1, OwnerCounter::kHeld), 4u);
}

TEST_P(HoldTest, RollbackDeliversAtTheOldPlace) {
  Hold(1);
  TakeMark(kOld);
  const auto ids = SendMany(7000, 4);
  Attach(1, kOld);
  EXPECT_EQ(TakeIds(kOld), ids);
}

TEST_P(HoldTest, HeldFramesOfEveryLengthComeBackByteForByte) {
  SetQuota(1, 2000);
  Hold(1);
  TakeMark(kOld);
  std::vector<size_t> lengths = {14, 15, 59};
  for (size_t length = 60; length <= 76; ++length) lengths.push_back(length);
  for (const size_t length : {127, 128, 129,  447,  448,  449,  511,  512,  513,  575,
                              576, 577, 1023, 1024, 1025, 1536, 1537, 5000, 9599, 9600}) {
    lengths.push_back(length);
  }
  // Below 60 the headers are cut off, so the default owner has them.
  SetDefaultOwner(1);
  std::vector<Bytes> sent;
  for (const size_t length : lengths) {
    sent.push_back(MakeFrame(
        {.dst4 = kIp, .dst_port = 7000, .length = length, .id = static_cast<uint32_t>(length)}));
    Offer(sent.back());
  }
  Run();
  EXPECT_EQ(Parked(1), lengths.size());
  Attach(1, kNew);
  const auto packets = TakeHost();
  ASSERT_EQ(packets.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(packets[i].frame(), sent[i]) << lengths[i] << " bytes";
    EXPECT_TRUE(packets[i].was_held());
  }
}

TEST_P(HoldTest, AnotherHoldChangesNothing) {
  Send(7000);
  Hold(1);
  TakeHost();
  Send(7000);
  WriteSwitch(1, OwnerState::kHeld, kNew, 1);
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Row(1).function, kOld.function);
  EXPECT_EQ(Row(1).queue_base, kOld.queue);
  EXPECT_EQ(Read(regs::kRegOwnerCut(1)), 1u);
  EXPECT_EQ(Parked(1), 1u);
  EXPECT_EQ(Refused(1), 0u);
}

TEST_P(HoldTest, ARowThatNeverDeliveredCanBeHeld) {
  Listen(7005, 9);
  Grant(1, 1, 10);
  WriteSwitch(9, OwnerState::kHeld, {1, 1}, 0);
  Run();
  const RxPacket mark = TakeMark({1, 1});
  EXPECT_EQ(mark.sequence(), 0u);
  EXPECT_EQ(mark.generation(), 0u);
  const auto ids = SendMany(7005, 3);
  EXPECT_EQ(Parked(9), 3u);
  Attach(9, {1, 1});
  EXPECT_EQ(TakeIds({1, 1}), ids);
}

TEST_P(HoldTest, AHeldDefaultOwnerParksForDetachedOwners) {
  Listen(7005, 9);
  Grant(1, 1, 10);
  Attach(0, {1, 1});
  Hold(0);
  TakeMark({1, 1});
  const uint32_t unmatched = Send(9999);
  const uint32_t detached = Send(7005);
  EXPECT_EQ(Parked(0), 2u);
  EXPECT_EQ(Parked(9), 0u);
  Attach(9, {1, 1});  // what is parked stays the default owner's
  EXPECT_THAT(TakeHost(), IsEmpty());
  Attach(0, {1, 1});
  EXPECT_THAT(TakeIds({1, 1}), ElementsAre(unmatched, detached));
}

TEST_P(HoldTest, OtherOwnersNeverWaitForAHeldOne) {
  Serve(7001, 2, kOld);  // even on the same queue
  Serve(7002, 3, {1, 0});
  Hold(1);
  TakeMark(kOld);
  for (int i = 0; i < 20; ++i) {
    Send(7000);
    const uint32_t second = Send(7001);
    EXPECT_THAT(TakeIds(kOld), ElementsAre(second));
    const uint32_t third = Send(7002);
    EXPECT_THAT(TakeIds({1, 0}), ElementsAre(third));
  }
  EXPECT_EQ(Parked(1), 20u);
}

TEST_P(HoldTest, SeveralOwnersAreHeldAtOnce) {
  constexpr uint32_t kOwners = 8;
  for (uint32_t i = 0; i < kOwners; ++i) {
    Serve(static_cast<uint16_t>(7100 + i), 10 + i, {0, i});
    Grant(1, i, 100);
    Hold(10 + i);
  }
  TakeHost();
  std::array<std::vector<uint32_t>, kOwners> sent;
  for (uint32_t i = 0; i < 5 * kOwners; ++i) {
    const uint32_t which = i * 3 % kOwners;
    sent[which].push_back(Send(static_cast<uint16_t>(7100 + which), 60 + 90 * which));
  }
  for (uint32_t i = kOwners; i-- > 0;) {
    Attach(10 + i, {1, i});
    EXPECT_EQ(TakeIds({1, i}), sent[i]);
  }
}

// Quota.

TEST_P(HoldTest, QuotaIsCountedInCellsOfTheFrame) {
  SetQuota(1, 5);
  EXPECT_EQ(Read(regs::kRegOwnerQuota(1)), 5u);
  Hold(1);
  TakeMark(kOld);
  const uint32_t two = Send(7000, 513);    // 2 cells
  const uint32_t one = Send(7000, 512);    // 1
  Send(7000, 1025);                        // 3: one too many
  const uint32_t last = Send(7000, 1024);  // 2: full now
  Send(7000, 60);
  EXPECT_EQ(Parked(1), 3u);
  EXPECT_EQ(Count(1, OwnerCounter::kDropQuota), 2u);
  EXPECT_EQ(Count(1, OwnerCounter::kHeld), 3u);
  EXPECT_EQ(RxNext(1), 3u);
  Attach(1, kNew);
  EXPECT_THAT(TakeIds(kNew), ElementsAre(two, one, last));
}

TEST_P(HoldTest, AQuotaOfNothingParksNothing) {
  SetQuota(1, 0);
  Hold(1);
  TakeMark(kOld);
  SendMany(7000, 3);
  EXPECT_EQ(Parked(1), 0u);
  EXPECT_EQ(Count(1, OwnerCounter::kDropQuota), 3u);
  Attach(1, kNew);
  EXPECT_THAT(TakeHost(), IsEmpty());
}

TEST_P(HoldTest, QuotaIsFixedWhileHeldOrDraining) {
  const uint64_t bad = Count(GlobalCounter::kCsrBadAccess);
  Hold(1);
  SetQuota(1, 7);
  EXPECT_EQ(Read(regs::kRegOwnerQuota(1)), 64u);
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), bad + 1);
  Send(7000);
  Send(7000);
  Write(regs::kRegDrainGapNs, 1'000'000);
  Attach(1, kNew);
  ASSERT_EQ(Status(1).draining, 1u);
  SetQuota(1, 7);
  EXPECT_EQ(Read(regs::kRegOwnerQuota(1)), 64u);
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), bad + 2);
  Advance(10'000'000);
  Advance(10'000'000);
  ASSERT_EQ(Status(1).draining, 0u);
  SetQuota(1, 7);
  EXPECT_EQ(Read(regs::kRegOwnerQuota(1)), 7u);
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), bad + 2);
}

TEST_P(HoldTest, FullPacketMemoryIsCountedForTheWholeCard) {
  SetQuota(1, ~0u);
  const uint32_t cells = Read(regs::kRegHoldCells);
  Hold(1);
  TakeMark(kOld);
  const uint32_t per_frame = (9600 + regs::kCellBytes - 1) / regs::kCellBytes;
  const auto frames = static_cast<int>(cells / per_frame + 3);
  const auto ids = SendMany(7000, frames, 9600);
  const uint32_t parked = Parked(1);
  EXPECT_LE(parked, cells / per_frame);
  EXPECT_GE(parked, cells / per_frame / 2);  // the card may keep some of it for itself
  EXPECT_EQ(Count(GlobalCounter::kRxMemoryFull), frames - parked);
  EXPECT_EQ(Count(1, OwnerCounter::kIn), parked);
  Attach(1, kNew);
  EXPECT_EQ(TakeIds(kNew), (std::vector(ids.begin(), ids.begin() + parked)));
  const uint32_t after = Send(7000);
  EXPECT_THAT(TakeIds(kNew), ElementsAre(after));
}

// Leaving HELD otherwise.

TEST_P(HoldTest, DetachedAndDropDiscardWhatIsParked) {
  for (const OwnerState state : {OwnerState::kDetached, OwnerState::kDrop}) {
    NewCard();
    HoldTest::Serve(7000, 1, kOld);
    Hold(1);
    TakeMark(kOld);
    SendMany(7000, 6, 700);
    Become(1, state);
    EXPECT_EQ(Parked(1), 0u);
    EXPECT_EQ(Status(1), regs::OwnerStatus{});
    EXPECT_EQ(Count(1, OwnerCounter::kDropDiscarded), 6u);
    EXPECT_EQ(RxNext(1), 6u);
    Attach(1, kOld);
    EXPECT_THAT(TakeHost(), IsEmpty());
    const uint32_t id = Send(7000);
    const auto packets = TakeHost();
    ASSERT_THAT(packets, SizeIs(1));
    EXPECT_EQ(FrameId(packets[0].bytes), id);
    EXPECT_EQ(packets[0].sequence(), 6u);
  }
}

TEST_P(HoldTest, DiscardedCellsAreFreeAgain) {
  SetQuota(1, ~0u);
  const uint32_t cells = Read(regs::kRegHoldCells);
  const auto per_round = static_cast<int>(cells / 19 / 3);
  for (int round = 0; round < 8; ++round) {
    WriteSwitch(1, OwnerState::kHeld, kOld, Row(1).generation);
    SendMany(7000, per_round, 9600);
    Become(1, OwnerState::kDrop);
  }
  EXPECT_EQ(Count(1, OwnerCounter::kDropDiscarded), 8u * per_round);
  EXPECT_EQ(Count(GlobalCounter::kRxMemoryFull), 0u);
}

}  // namespace
}  // namespace farrier::conformance
