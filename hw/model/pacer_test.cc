#include "hw/model/pacer.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace farrier::model {
namespace {

using Admission = Pacer::Admission;

constexpr int64_t kNow = 1'000'000;
constexpr uint32_t kCells = 16;

class PacerTest : public testing::Test {
 protected:
  Admission Admit(size_t bytes, const TxInfo& who, const Pacer::Wish& wish, int64_t now = kNow) {
    TxInfo info = who;
    info.length = static_cast<uint16_t>(bytes);
    return pacer_.Admit(std::vector<uint8_t>(bytes, 7), info, wish, now);
  }

  Pacer pacer_{kCells, 128};
  uint8_t out_[regs::kMaxPacketBytes];
};

TEST_F(PacerTest, CellsAreTakenUntilThePacketHasLeft) {
  ASSERT_EQ(pacer_.NextDue(kNow, out_), std::nullopt);
  const TxInfo who = {.owner = 3};
  EXPECT_EQ(Admit(513, who, {.departure_ns = kNow + 1000}), Admission::kParked);
  EXPECT_EQ(pacer_.owner_account(3).taken, 2u);
  EXPECT_EQ(pacer_.owner_account(3).released, 0u);
  EXPECT_LE(pacer_.NextDeparture(), kNow + 1000);
  const auto info = pacer_.NextDue(kNow + 1000, out_);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->length, 513);
  EXPECT_EQ(out_[512], 7);
  pacer_.Released(*info);
  EXPECT_EQ(pacer_.owner_account(3).released, 2u);
}

TEST_F(PacerTest, QuotasAreEachOwnersAndEachFunctions) {
  ASSERT_EQ(pacer_.NextDue(kNow, out_), std::nullopt);
  pacer_.owner_account(1).quota = 3;
  pacer_.function_account(1).quota = 2;
  const Pacer::Wish later = {.departure_ns = kNow + 1000};
  EXPECT_EQ(Admit(1024, {.owner = 1}, later), Admission::kParked);
  EXPECT_EQ(Admit(513, {.owner = 1}, later), Admission::kFull);
  EXPECT_EQ(Admit(512, {.owner = 1}, later), Admission::kParked);
  EXPECT_EQ(Admit(60, {.owner = 1}, {}), Admission::kFull) << "even if it would leave at once";
  EXPECT_EQ(Admit(60, {.owner = 2}, later), Admission::kParked);
  const TxInfo raw = {.owner = 1, .function = 1, .raw = true};
  EXPECT_EQ(Admit(1025, raw, {}), Admission::kFull);
  EXPECT_EQ(Admit(1024, raw, {}), Admission::kLeaving);
  EXPECT_EQ(pacer_.owner_account(1).taken, 3u);
}

TEST_F(PacerTest, TheMemoryIsShared) {
  ASSERT_EQ(pacer_.NextDue(kNow, out_), std::nullopt);
  const Pacer::Wish later = {.departure_ns = kNow + 1000};
  EXPECT_EQ(Admit(7 * 512, {.owner = 1}, later), Admission::kParked);
  EXPECT_EQ(Admit(8 * 512, {.owner = 2}, later), Admission::kParked);
  EXPECT_EQ(Admit(513, {.owner = 3}, {}), Admission::kFull);
  EXPECT_EQ(Admit(512, {.owner = 3}, {}), Admission::kLeaving);
  EXPECT_EQ(pacer_.owner_account(3).taken, 1u);
}

TEST_F(PacerTest, OnlyPacketsWithoutATimeAreTheirClasss) {
  ASSERT_EQ(pacer_.NextDue(kNow, out_), std::nullopt);
  ASSERT_TRUE(pacer_.classes().Write(regs::kRegClassCost(9), 1 << 16));
  EXPECT_EQ(Admit(1000, {}, {.pacing_class = 9}), Admission::kLeaving);
  EXPECT_EQ(Admit(1000, {}, {.pacing_class = 9}), Admission::kParked);
  EXPECT_EQ(Admit(1000, {}, {.departure_ns = 1, .pacing_class = 9}), Admission::kLeaving);
  EXPECT_EQ(pacer_.NextDeparture(), kNow + 1000);
  EXPECT_EQ(pacer_.NextDue(kNow + 999, out_), std::nullopt);
  EXPECT_TRUE(pacer_.NextDue(kNow + 1000, out_));
}

// Whatever is admitted leaves, once, and its cells come back.
TEST_F(PacerTest, NothingIsLost) {
  std::mt19937 random(1);
  for (uint32_t number = 0; number < 4; ++number) {
    pacer_.classes().Write(regs::kRegClassCost(number), number << 14);
  }
  int64_t now = kNow;
  int parked = 0, full = 0;
  for (int i = 0; i < 20'000; ++i) {
    now += random() % 500;
    while (const auto info = pacer_.NextDue(now, out_)) {
      pacer_.Released(*info);
      --parked;
    }
    ASSERT_GT(pacer_.NextDeparture(), now);
    const TxInfo who = {.owner = static_cast<uint8_t>(random() % 4), .raw = random() % 4 == 0};
    const size_t bytes = 14 + random() % 1500;
    switch (Admit(bytes, who,
                  {.departure_ns = random() % 2 ? 0 : now + random() % 20'000,
                   .pacing_class = static_cast<uint8_t>(random() % 4)},
                  now)) {
      case Admission::kFull:
        ++full;
        break;
      case Admission::kLeaving: {
        TxInfo info = who;
        info.length = static_cast<uint16_t>(bytes);
        pacer_.Released(info);
        break;
      }
      default:
        ++parked;
    }
  }
  EXPECT_GT(full, 100);
  while (const auto info = pacer_.NextDue(now + 1'000'000'000, out_)) {
    pacer_.Released(*info);
    --parked;
    now = pacer_.NextDeparture();
    if (now == std::numeric_limits<int64_t>::max()) break;
  }
  EXPECT_EQ(parked, 0);
  for (uint32_t owner = 0; owner < 4; ++owner) {
    EXPECT_EQ(pacer_.owner_account(owner).taken, pacer_.owner_account(owner).released);
  }
  EXPECT_EQ(pacer_.function_account(0).taken, pacer_.function_account(0).released);
}

}  // namespace
}  // namespace farrier::model
