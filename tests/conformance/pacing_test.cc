// When packets leave for the wire: departure times, and the room they take until then.

#include <algorithm>
#include <limits>
#include <random>

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kSlot = regs::kSlotNs;

class PacingTest : public CardTest {
 protected:
  void SetUp() override {
    CardTest::SetUp();
    for (uint32_t owner = 1; owner < 5; ++owner) Attach(owner, {0, owner});
    Advance(kSlot - now() % kSlot);  // to a slot's beginning
  }

  // Sends a frame of an owner that wants to leave at `departure`; runs. Returns its id.
  uint32_t SendAt(int64_t departure, size_t length = 60, uint32_t owner = 1) {
    const uint32_t id = next_id_++;
    const TxWish wish = {.departure = static_cast<uint64_t>(departure)};
    OfferHost(0, owner,
              TxPacket(static_cast<uint8_t>(owner), Row(owner).generation, id,
                       MakeFrame({.length = length, .id = id}), wish));
    Run();
    return id;
  }

  std::vector<uint32_t> TakeWireIds() {
    std::vector<uint32_t> ids;
    for (const Bytes& frame : TakeWire()) ids.push_back(FrameId(frame));
    return ids;
  }

  int64_t Horizon() { return kSlot * Read(regs::kRegPacingSlots); }
  uint32_t Taken(uint32_t owner) { return Read(regs::kRegOwnerTxTaken(owner)); }
  uint32_t Released(uint32_t owner) { return Read(regs::kRegOwnerTxReleased(owner)); }
};
FARRIER_ON_EVERY_CARD(PacingTest);

TEST_P(PacingTest, Identity) {
  FARRIER_NEEDS(pacing);
  EXPECT_GE(Read(regs::kRegPacingSlots), 4096u) << "256 us";
  EXPECT_GE(Read(regs::kRegTxCells), 4096u) << "2 MiB";
  EXPECT_EQ(Read(regs::kRegOwnerTxQuota(0)), 1024u);
  EXPECT_EQ(Read(regs::kRegOwnerTxQuota(255)), 1024u);
  Write(regs::kRegOwnerTxQuota(255), 77);
  EXPECT_EQ(Read(regs::kRegOwnerTxQuota(255)), 77u);
  EXPECT_EQ(Read(regs::kRegOwnerTxQuota(254)), 1024u);
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), 0u);
  Write(regs::kRegOwnerTxTaken(1), 5);
  Write(regs::kRegOwnerTxReleased(1), 5);
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), 2u) << "read only";
}

TEST_P(PacingTest, WithoutATimeAPacketLeavesAtOnce) {
  FARRIER_NEEDS(pacing);
  const uint32_t id = SendAt(0);
  EXPECT_THAT(TakeWireIds(), ElementsAre(id));
}

TEST_P(PacingTest, APacketLeavesWhenItsSlotBeginsAndNotBefore) {
  FARRIER_NEEDS(pacing);
  for (const int64_t ahead : {64, 65, 127, 128, 1000, 4096, 65'536, 100'003, 262'143 - 64}) {
    const int64_t departure = now() + ahead;
    const uint32_t id = SendAt(departure);
    const int64_t slot = departure / kSlot * kSlot;
    Advance(slot - 1 - now());
    EXPECT_THAT(TakeWireIds(), IsEmpty()) << ahead;
    EXPECT_EQ(card().NextEvent(), slot) << ahead;
    Advance(1);
    EXPECT_THAT(TakeWireIds(), ElementsAre(id)) << ahead;
  }
}

TEST_P(PacingTest, ThePastIsNow) {
  FARRIER_NEEDS(pacing);
  const uint32_t a = SendAt(1);
  const uint32_t b = SendAt(now() - 1);
  const uint32_t c = SendAt(now());
  const uint32_t d = SendAt(now() + kSlot - 1);
  EXPECT_THAT(TakeWireIds(), ElementsAre(a, b, c, d));
  EXPECT_EQ(Count(1, OwnerCounter::kTxClamped), 0u);
}

TEST_P(PacingTest, SlotsInOrderAndFirstInFirstOutWithinOne) {
  FARRIER_NEEDS(pacing);
  const int64_t t = now();
  const uint32_t a = SendAt(t + 10 * kSlot + 63);
  const uint32_t b = SendAt(t + 5 * kSlot, 60, 2);
  const uint32_t c = SendAt(t + 10 * kSlot, 60, 2);
  const uint32_t d = SendAt(t + 7 * kSlot);
  const uint32_t e = SendAt(t + 10 * kSlot + 1);
  Advance(100 * kSlot);
  EXPECT_THAT(TakeWireIds(), ElementsAre(b, d, a, c, e));
}

TEST_P(PacingTest, BeyondTheHorizonIsItsEnd) {
  FARRIER_NEEDS(pacing);
  const int64_t t = now();
  const uint32_t last = SendAt(t + Horizon() - 1);
  EXPECT_EQ(Count(1, OwnerCounter::kTxClamped), 0u);
  const uint32_t first_beyond = SendAt(t + Horizon());
  const uint32_t far = SendAt(std::numeric_limits<int64_t>::max());
  const uint32_t farthest = SendAt(-1);
  EXPECT_EQ(Count(1, OwnerCounter::kTxClamped), 3u);
  EXPECT_EQ(Count(1, OwnerCounter::kTx), 4u);
  Advance(Horizon() - kSlot - 1);
  EXPECT_THAT(TakeWireIds(), IsEmpty());
  Advance(1);
  EXPECT_THAT(TakeWireIds(), ElementsAre(last, first_beyond, far, farthest));
}

TEST_P(PacingTest, AnyDeparturesLeaveInTheirSlots) {
  FARRIER_NEEDS(pacing);
  std::mt19937 random(1);
  std::vector<std::pair<int64_t, uint32_t>> expected;  // slot and id
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 150; ++i) {
      const int64_t span = random() % 4 ? 2'000 : Horizon() - 1;
      const int64_t departure = now() + static_cast<int64_t>(random() % span);
      const uint32_t id = SendAt(departure, 60 + random() % 600, 1 + random() % 4);
      const int64_t slot = std::max(departure, now()) / kSlot;
      if (slot == now() / kSlot) {
        ASSERT_THAT(TakeWireIds(), ElementsAre(id)) << "of now";
      } else {
        expected.emplace_back(slot, id);
      }
    }
    std::ranges::stable_sort(expected, {}, &std::pair<int64_t, uint32_t>::first);
    // Every other round jumps far; the others go from event to event.
    const int64_t until = round == 5 ? now() + Horizon() : now() + 20'000;
    while (now() < until) {
      const int64_t next = round % 2 ? until : std::min(card().NextEvent(), until);
      Advance(std::max<int64_t>(next - now(), 1));
      std::vector<uint32_t> due;
      while (!expected.empty() && expected.front().first <= now() / kSlot) {
        due.push_back(expected.front().second);
        expected.erase(expected.begin());
      }
      ASSERT_EQ(TakeWireIds(), due);
    }
  }
  EXPECT_THAT(expected, IsEmpty());
  EXPECT_EQ(card().NextEvent(), std::numeric_limits<int64_t>::max());
}

TEST_P(PacingTest, TimeMayJumpByManyHorizons) {
  FARRIER_NEEDS(pacing);
  std::vector<uint32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(SendAt(now() + Horizon() / 20 * i + kSlot));
  Advance(100 * Horizon() + 17);
  EXPECT_EQ(TakeWireIds(), ids);
  const uint32_t id = SendAt(now() + Horizon() / 2);
  Advance(Horizon());
  EXPECT_THAT(TakeWireIds(), ElementsAre(id)) << "and the ring still works";
}

TEST_P(PacingTest, LongFramesWaitWhole) {
  FARRIER_NEEDS(pacing);
  std::vector<Bytes> frames;
  for (const size_t length : {9600, 511, 512, 513, 9599, 14, 1514}) {
    frames.push_back(MakeFrame({.length = length, .id = next_id_++}));
    OfferHost(
        0, 1,
        TxPacket(1, 1, 1, frames.back(), {.departure = static_cast<uint64_t>(now() + 5'000)}));
  }
  Run();
  EXPECT_THAT(TakeWire(), IsEmpty());
  Advance(5'000);
  EXPECT_EQ(TakeWire(), frames);
}

TEST_P(PacingTest, WhatWasAcceptedLeavesWhateverBecomesOfItsRow) {
  FARRIER_NEEDS(pacing);
  std::vector<uint32_t> ids = {SendAt(now() + 1'000)};
  Hold(1);
  ids.push_back(SendAt(now() + 2'000));
  Become(1, OwnerState::kDrop);
  Attach(1, {1, 0});
  Write(regs::kRegFunctionControl(0), 0);
  Advance(3'000);
  EXPECT_EQ(TakeWireIds(), ids);
}

TEST_P(PacingTest, TxSeenIsAboutArrivalNotDeparture) {
  FARRIER_NEEDS(pacing);
  const uint32_t id = SendAt(now() + 100'000);
  EXPECT_EQ(Read(regs::kRegOwnerTxSeen(1)), id);
  EXPECT_EQ(Count(1, OwnerCounter::kTx), 1u);
  EXPECT_EQ(Count(GlobalCounter::kTxPackets), 0u);
  Advance(100'000);
  EXPECT_EQ(Count(GlobalCounter::kTxPackets), 1u);
}

TEST_P(PacingTest, CellsAreTakenUntilThePacketHasLeft) {
  FARRIER_NEEDS(pacing);
  SendAt(now() + 1'000, 512);
  EXPECT_EQ(Taken(1), 1u);
  SendAt(now() + 2'000, 513);
  EXPECT_EQ(Taken(1), 3u) << "the frame's, without prefix";
  SendAt(now() + 3'000, 9600, 2);
  EXPECT_EQ(Taken(2), 19u);
  EXPECT_EQ(Released(1), 0u);
  Advance(1'000);
  EXPECT_EQ(Released(1), 1u);
  Advance(2'000);
  EXPECT_EQ(Released(1), 3u);
  EXPECT_EQ(Released(2), 19u);
  EXPECT_EQ(Taken(1), 3u);
  SendAt(0);
  EXPECT_EQ(Taken(1), 4u);
  EXPECT_EQ(Released(1), 4u);
}

TEST_P(PacingTest, AnOwnersQuotaIsItsLimit) {
  FARRIER_NEEDS(pacing);
  Write(regs::kRegOwnerTxQuota(1), 3);
  const int64_t then = now() + 10'000;
  const uint32_t a = SendAt(then, 1'000);
  const uint32_t too_long = SendAt(then, 1'000);
  const uint32_t b = SendAt(then, 500);
  const uint32_t too_many = SendAt(0);
  EXPECT_EQ(Count(1, OwnerCounter::kTxFull), 2u);
  EXPECT_EQ(Count(1, OwnerCounter::kTx), 2u);
  EXPECT_EQ(Count(GlobalCounter::kTxFull), 2u);
  EXPECT_EQ(Read(regs::kRegOwnerTxSeen(1)), too_many) << "it did reach the card";
  EXPECT_EQ(Taken(1), 3u);
  const uint32_t other = SendAt(then, 1'000, 2);
  Advance(10'000);
  EXPECT_THAT(TakeWireIds(), ElementsAre(a, b, other));
  const uint32_t again = SendAt(0, 1'500);
  EXPECT_THAT(TakeWireIds(), ElementsAre(again)) << "room again";
  Write(regs::kRegOwnerTxQuota(1), 0);
  SendAt(0);
  EXPECT_THAT(TakeWireIds(), IsEmpty());
  EXPECT_NE(too_long, too_many);
}

TEST_P(PacingTest, AFullMemoryDropsAndRecovers) {
  FARRIER_NEEDS(pacing);
  const uint32_t cells = Read(regs::kRegTxCells);
  for (uint32_t owner = 1; owner < 5; ++owner) Write(regs::kRegOwnerTxQuota(owner), 2 * cells);
  constexpr uint32_t kCellsEach = 19;
  const uint32_t offered = cells / kCellsEach + 10;
  const int64_t then = now() + 100'000;
  for (uint32_t i = 0; i < offered; ++i) SendAt(then, 9600, 1 + i % 4);
  uint64_t accepted = 0, full = 0;
  for (uint32_t owner = 1; owner < 5; ++owner) {
    accepted += Count(owner, OwnerCounter::kTx);
    full += Count(owner, OwnerCounter::kTxFull);
  }
  EXPECT_EQ(accepted + full, offered);
  EXPECT_EQ(full, Count(GlobalCounter::kTxFull));
  EXPECT_LE(accepted * kCellsEach, cells);
  EXPECT_GE((accepted + 2) * kCellsEach, cells) << "what passes takes little";
  Advance(100'000);
  EXPECT_THAT(TakeWire(), SizeIs(accepted));
  const uint32_t id = SendAt(0, 9600);
  EXPECT_THAT(TakeWireIds(), ElementsAre(id));
}

TEST_P(PacingTest, TheRxPrefixTellsWhatWasReleased) {
  FARRIER_NEEDS(pacing);
  Serve(7000, 1, {0, 1});
  SendAt(0, 1'500);
  SendAt(now() + 1'000, 600);
  Send(7000);
  EXPECT_EQ(TakeHost().at(0).tx_released(), 3u);
  Advance(1'000);
  Hold(1);
  EXPECT_EQ(TakeHost().at(0).tx_released(), 5u) << "a MARK too";
}

TEST_P(PacingTest, RawFunctionsHaveAQuotaOfTheirOwn) {
  FARRIER_NEEDS(pacing);
  EXPECT_EQ(Read(regs::kRegFunctionTxQuota(1)), 512u);
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  Write(regs::kRegFunctionTxQuota(1), 2);
  EXPECT_EQ(Read(regs::kRegFunctionTxQuota(1)), 2u);
  OfferHost(1, 0, MakeFrame({.length = 1'025}));
  Run();
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxFull), 1u);
  EXPECT_EQ(Count(0, OwnerCounter::kTxFull), 0u) << "nobody's in particular";
  OfferHost(1, 0, MakeFrame({.length = 1'024}));
  Run();
  EXPECT_THAT(TakeWire(), SizeIs(1));
  OfferHost(1, 0, MakeFrame({.length = 1'024}));
  Run();
  EXPECT_THAT(TakeWire(), SizeIs(1)) << "given back";
}

}  // namespace
}  // namespace farrier::conformance
