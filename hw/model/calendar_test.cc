#include "hw/model/calendar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace farrier::model {
namespace {

constexpr int64_t kSlot = regs::kSlotNs;
constexpr uint32_t kSlots = 128;

class CalendarTest : public testing::Test {
 protected:
  // Whether it was clamped.
  bool Insert(uint64_t departure_ns, uint32_t id) {
    const auto place = calendar_.PlaceFor(departure_ns);
    calendar_.Insert(memory_, place, std::vector<uint8_t>(60), {.sequence = id});
    return place.clamped;
  }

  // Ids of what leaves by `now_ns`, in order.
  std::vector<uint32_t> Leaving(int64_t now_ns) {
    std::vector<uint32_t> ids;
    while (TxMemory::Queue* const slot = calendar_.DueSlot(now_ns)) ids.push_back(Pop(*slot));
    return ids;
  }

  uint32_t Pop(TxMemory::Queue& slot) {
    TxInfo info;
    memory_.Pop(slot, out_, info);
    calendar_.Popped();
    return info.sequence;
  }

  TxMemory memory_{1000};
  Calendar calendar_{kSlots};
  uint8_t out_[regs::kMaxPacketBytes];
};

using Ids = std::vector<uint32_t>;

TEST_F(CalendarTest, SlotOrderAndFirstInFirstOutWithinOne) {
  calendar_.DueSlot(1000 * kSlot);
  Insert(1005 * kSlot + 63, 1);
  Insert(1003 * kSlot, 2);
  Insert(1005 * kSlot, 3);
  EXPECT_EQ(calendar_.NextDeparture(), 1003 * kSlot);
  EXPECT_EQ(Leaving(1003 * kSlot - 1), Ids());
  EXPECT_EQ(Leaving(1003 * kSlot), Ids({2}));
  EXPECT_EQ(calendar_.NextDeparture(), 1005 * kSlot);
  EXPECT_EQ(Leaving(1005 * kSlot), Ids({1, 3}));
  EXPECT_EQ(calendar_.NextDeparture(), std::numeric_limits<int64_t>::max());
}

TEST_F(CalendarTest, ThePastAndNowAreNow) {
  calendar_.DueSlot(1000 * kSlot + 5);
  EXPECT_EQ(calendar_.PlaceFor(0).slot, 1000u);
  EXPECT_EQ(calendar_.PlaceFor(1).slot, 1000u);
  EXPECT_EQ(calendar_.PlaceFor(1000 * kSlot + 60).slot, 1000u);
  EXPECT_TRUE(calendar_.IsDue(calendar_.PlaceFor(999 * kSlot)));
  EXPECT_FALSE(calendar_.IsDue(calendar_.PlaceFor(1001 * kSlot)));
}

TEST_F(CalendarTest, BeyondTheHorizonIsItsEnd) {
  calendar_.DueSlot(1000 * kSlot);
  EXPECT_FALSE(Insert((1000 + kSlots) * kSlot - 1, 1));
  EXPECT_TRUE(Insert((1000 + kSlots) * kSlot, 2));
  EXPECT_TRUE(Insert(~uint64_t{0}, 3));
  EXPECT_EQ(Leaving((1000 + kSlots - 1) * kSlot - 1), Ids());
  EXPECT_EQ(Leaving((1000 + kSlots - 1) * kSlot), Ids({1, 2, 3}));
}

TEST_F(CalendarTest, TheDrainPointerStaysAtAnOccupiedSlot) {
  calendar_.DueSlot(1000 * kSlot);
  Insert(1010 * kSlot, 1);
  // Time jumps; the packet is still there: the horizon counts from it.
  ASSERT_NE(calendar_.DueSlot(1100 * kSlot), nullptr);
  EXPECT_EQ(calendar_.PlaceFor(1005 * kSlot).slot, 1010u) << "the past: the drain pointer's slot";
  EXPECT_EQ(calendar_.PlaceFor(0).slot, 1100u);
  EXPECT_TRUE(calendar_.PlaceFor((1010 + kSlots) * kSlot).clamped);
  EXPECT_EQ(Leaving(1100 * kSlot), Ids({1}));
  EXPECT_FALSE(calendar_.PlaceFor((1010 + kSlots) * kSlot).clamped);
}

TEST_F(CalendarTest, AnyJumpOfTimeKeepsTheOrder) {
  std::mt19937 random(1);
  int64_t now = 1'000'000;
  calendar_.DueSlot(now);
  std::vector<std::pair<uint64_t, uint32_t>> expected;  // slot and id
  uint32_t id = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 3 != 0 && expected.size() < 900) {
      const int64_t ahead = static_cast<int64_t>(random() % (kSlots * kSlot));
      Insert(static_cast<uint64_t>(now + ahead), ++id);
      const uint64_t last = static_cast<uint64_t>(now / kSlot) + kSlots - 1;
      expected.emplace_back(std::min<uint64_t>((now + ahead) / kSlot, last), id);
    } else {
      now += random() % 8 == 0 ? random() % 100'000 : random() % 200;
      std::ranges::stable_sort(expected, {}, &std::pair<uint64_t, uint32_t>::first);
      Ids due;
      while (!expected.empty() && expected.front().first <= static_cast<uint64_t>(now / kSlot)) {
        due.push_back(expected.front().second);
        expected.erase(expected.begin());
      }
      ASSERT_EQ(Leaving(now), due);
    }
  }
}

}  // namespace
}  // namespace farrier::model
