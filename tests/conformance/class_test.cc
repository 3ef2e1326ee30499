// Pacing classes: token buckets for packets without a departure time.

#include <algorithm>
#include <map>

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint32_t kOneNsPerByte = 1 << 16;

class ClassTest : public CardTest {
 protected:
  void SetUp() override {
    CardTest::SetUp();
    Attach(1, {0, 0});
    Attach(2, {0, 1});
  }

  void SetRate(uint32_t number, uint32_t cost, uint32_t burst_ns = 0) {
    Write(regs::kRegClassCost(number), cost);
    Write(regs::kRegClassBurst(number), burst_ns);
    Run();
  }

  // Sends a frame of a class; runs. Returns its id.
  uint32_t SendOf(uint8_t number, size_t length = 1'000, uint32_t owner = 1,
                  int64_t departure = 0) {
    const uint32_t id = next_id_++;
    OfferHost(0, 0,
              TxPacket(static_cast<uint8_t>(owner), Row(owner).generation, id,
                       MakeFrame({.length = length, .id = id}),
                       {.departure = static_cast<uint64_t>(departure), .pacing_class = number}));
    Run();
    return id;
  }

  std::vector<uint32_t> TakeWireIds() {
    std::vector<uint32_t> ids;
    for (const Bytes& frame : TakeWire()) ids.push_back(FrameId(frame));
    return ids;
  }

  // Nothing leaves until `ns` from now, and then these do.
  void ExpectAfter(int64_t ns, const std::vector<uint32_t>& ids) {
    Advance(ns - 1);
    EXPECT_THAT(TakeWireIds(), IsEmpty());
    EXPECT_LE(card().NextEvent(), now() + 1);
    Advance(1);
    EXPECT_EQ(TakeWireIds(), ids);
  }
};
FARRIER_ON_EVERY_CARD(ClassTest);

TEST_P(ClassTest, Registers) {
  FARRIER_NEEDS(pacing);
  for (const uint32_t number : {0u, 1u, 63u}) {
    EXPECT_EQ(Read(regs::kRegClassCost(number)), 0u);
    EXPECT_EQ(Read(regs::kRegClassBurst(number)), 0u);
    SetRate(number, 0xFFFFFFF0 + number, 0x12345670 + number);
  }
  for (const uint32_t number : {0u, 1u, 63u}) {
    EXPECT_EQ(Read(regs::kRegClassCost(number)), 0xFFFFFFF0 + number);
    EXPECT_EQ(Read(regs::kRegClassBurst(number)), 0x12345670 + number);
  }
  EXPECT_EQ(Read(regs::kRegFunctionClass(0)), 0u);
  Write(regs::kRegFunctionClass(0), 63);
  EXPECT_EQ(Read(regs::kRegFunctionClass(0)), 63u);
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), 0u);
}

TEST_P(ClassTest, AClassWithoutACostIsUnlimited) {
  FARRIER_NEEDS(pacing);
  std::vector<uint32_t> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(SendOf(static_cast<uint8_t>(i)));
  EXPECT_EQ(TakeWireIds(), ids);
}

TEST_P(ClassTest, ThePaceIsTheCost) {
  FARRIER_NEEDS(pacing);
  SetRate(5, kOneNsPerByte / 2);
  std::vector<uint32_t> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(SendOf(5));
  EXPECT_THAT(TakeWireIds(), ElementsAre(ids[0])) << "the first is on time";
  for (int i = 1; i < 5; ++i) ExpectAfter(500, {ids[i]});
}

TEST_P(ClassTest, TheCostIsOfTheFrameAndRoundsDown) {
  FARRIER_NEEDS(pacing);
  SetRate(5, 5'243);  // 100 Gb/s
  SendOf(5, 61);      // 4.88 ns
  const uint32_t second = SendOf(5, 9'600);
  EXPECT_THAT(TakeWireIds(), SizeIs(1));
  ExpectAfter(4, {second});
  const uint32_t third = SendOf(5, 60);
  ExpectAfter(int64_t{9'600} * 5'243 / 65'536, {third});
}

TEST_P(ClassTest, LostTimeIsNotMadeUp) {
  FARRIER_NEEDS(pacing);
  SetRate(5, kOneNsPerByte);
  std::vector<uint32_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(SendOf(5));
  TakeWireIds();
  Advance(2'700);
  EXPECT_THAT(TakeWireIds(), ElementsAre(ids[1])) << "without a burst, one at a time";
  ExpectAfter(1'000, {ids[2]});
}

TEST_P(ClassTest, ABurstMayRunAhead) {
  FARRIER_NEEDS(pacing);
  SetRate(7, kOneNsPerByte, 2'000);
  std::vector<uint32_t> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(SendOf(7));
  EXPECT_THAT(TakeWireIds(), ElementsAre(ids[0], ids[1], ids[2]));
  ExpectAfter(1'000, {ids[3]});
  Advance(2'500);
  EXPECT_THAT(TakeWireIds(), ElementsAre(ids[4], ids[5])) << "what was saved is not lost";
}

TEST_P(ClassTest, AClassIsSharedByItsOwners) {
  FARRIER_NEEDS(pacing);
  SetRate(9, kOneNsPerByte);
  const uint32_t a = SendOf(9, 1'000, 1);
  const uint32_t b = SendOf(9, 1'000, 2);
  const uint32_t c = SendOf(9, 1'000, 1);
  EXPECT_THAT(TakeWireIds(), ElementsAre(a));
  ExpectAfter(1'000, {b});
  ExpectAfter(1'000, {c});
}

TEST_P(ClassTest, ATimeWinsOverTheClass) {
  FARRIER_NEEDS(pacing);
  SetRate(9, kOneNsPerByte);
  SendOf(9);
  const uint32_t waits = SendOf(9);
  const uint32_t timed = SendOf(9, 1'000, 1, now());
  EXPECT_THAT(TakeWireIds(), SizeIs(2));
  ExpectAfter(1'000, {waits});
  EXPECT_NE(timed, waits);
}

TEST_P(ClassTest, ClassesDoNotDelayEachOther) {
  FARRIER_NEEDS(pacing);
  SetRate(1, 0xFFFFFFFF);
  SetRate(2, kOneNsPerByte);
  SendOf(1, 9'000);
  const uint32_t never_soon = SendOf(1);
  SendOf(2);
  const uint32_t soon = SendOf(2);
  TakeWireIds();
  ExpectAfter(1'000, {soon});
  ExpectAfter(int64_t{9'000} * 0xFFFFFFFF / 65'536 - 1'000, {never_soon});
}

TEST_P(ClassTest, ClassesTakeTurns) {
  FARRIER_NEEDS(pacing);
  constexpr uint8_t kNumbers[] = {0, 17, 18, 63};
  constexpr size_t kEach = 6;
  std::map<uint32_t, uint8_t> class_of;
  for (const uint8_t number : kNumbers) {
    SetRate(number, kOneNsPerByte, 1'000 * kEach);
    for (size_t i = 0; i <= kEach; ++i) SendOf(number);
    for (size_t i = 0; i < kEach; ++i) class_of[SendOf(number)] = number;
  }
  EXPECT_THAT(TakeWire(), SizeIs(4 * (kEach + 1))) << "the burst";
  // All of them may go at one instant.
  Advance(1'000 * kEach);
  const auto ids = TakeWireIds();
  ASSERT_THAT(ids, SizeIs(4 * kEach));
  std::map<uint8_t, uint32_t> last;
  std::map<uint8_t, size_t> sent;
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint8_t number = class_of.at(ids[i]);
    ++sent[number];
    EXPECT_GT(ids[i], last[number]) << "first in, first out";
    last[number] = ids[i];
    // Nobody is ahead of another by more than one packet; who begins depends on whom time found in
    // the middle.
    const auto [least, most] =
        std::ranges::minmax(kNumbers, {}, [&](uint8_t n) { return sent[n]; });
    EXPECT_LE(sent[most], sent[least] + 1) << i;
  }
}

TEST_P(ClassTest, APacketThatWaitsTakesItsCells) {
  FARRIER_NEEDS(pacing);
  Write(regs::kRegOwnerTxQuota(1), 4);
  SetRate(3, kOneNsPerByte);
  SendOf(3);
  SendOf(3);
  SendOf(3);
  SendOf(3);
  EXPECT_EQ(Count(1, OwnerCounter::kTxFull), 1u);
  EXPECT_EQ(Read(regs::kRegOwnerTxTaken(1)), 6u);
  EXPECT_EQ(Read(regs::kRegOwnerTxReleased(1)), 2u);
  Advance(1'000);
  EXPECT_EQ(Read(regs::kRegOwnerTxReleased(1)), 4u);
  Advance(1'000);
}

TEST_P(ClassTest, ClassesThatDoNotExistAreABadPrefix) {
  FARRIER_NEEDS(pacing);
  for (const uint8_t number : {64, 128, 255}) {
    SendOf(number);
    SendOf(number, 60, 1, now() + 5);
  }
  EXPECT_THAT(TakeWireIds(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxBadPrefix), 6u);
  EXPECT_EQ(Read(regs::kRegOwnerTxSeen(1)), 0u);
}

TEST_P(ClassTest, ARawFunctionHasOneClass) {
  FARRIER_NEEDS(pacing);
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  SetRate(12, kOneNsPerByte);
  Write(regs::kRegFunctionClass(1), 12);
  std::vector<uint32_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(next_id_++);
    OfferHost(1, 0, MakeFrame({.length = 1'000, .id = ids.back()}));
    Run();
  }
  EXPECT_THAT(TakeWireIds(), ElementsAre(ids[0]));
  ExpectAfter(1'000, {ids[1]});
  ExpectAfter(1'000, {ids[2]});
  Write(regs::kRegFunctionTxQuota(1), 2);
  Run();
  for (int i = 0; i < 3; ++i) OfferHost(1, 0, MakeFrame({.length = 1'000}));
  Run();
  EXPECT_EQ(Count(GlobalCounter::kTxFull), 2u);
  Advance(10'000);
}

}  // namespace
}  // namespace farrier::conformance
