#include <Vcredits.h>

#include <algorithm>
#include <array>
#include <bit>
#include <deque>

#include "hw/rtl/test/bench.h"

namespace farrier::rtl {
namespace {

constexpr int kQueues = 64;
constexpr int64_t kMost = 65'535;

class CreditsBench {
 protected:
  CreditsBench() {
    credits_->clear_i = 1;
    for (int queue = 0; queue < kQueues; ++queue) {
      credits_->clear_queue_i = static_cast<uint8_t>(queue);
      credits_.Tick();
    }
    credits_->clear_i = 0;
  }

  // Asks about a queue, and takes from it if it has `least` credits; whether it did.
  bool Take(int queue, int64_t least) {
    credits_->read_i = 1;
    credits_->queue_i = static_cast<uint8_t>(queue);
    credits_.Tick();
    credits_->read_i = 0;
    const bool take = least == 1 ? credits_->one_o : credits_->two_o;
    credits_->take_i = take;
    credits_.Tick();
    credits_->take_i = 0;
    return take;
  }

  void Grant(int queue, uint32_t count) {
    credits_->grant_i = 1;
    credits_->grant_queue_i = static_cast<uint8_t>(queue);
    credits_->grant_count_i = static_cast<uint16_t>(count);
    do {
      credits_.Settle();
    } while (!credits_->ready_o && (credits_.Tick(), true));
    credits_.Tick();
    credits_->grant_i = 0;
    credits_.Tick();  // now the next question sees it
  }

  int Drain(int queue) {
    int taken = 0;
    while (Take(queue, 1)) ++taken;
    return taken;
  }

  Bench<Vcredits> credits_;
};

class CreditsTest : public testing::Test, protected CreditsBench {};
class CreditsRandomTest : public SeededTest, protected CreditsBench {};

TEST_F(CreditsTest, NobodyHasAnyAtFirst) {
  for (int queue = 0; queue < kQueues; ++queue) EXPECT_FALSE(Take(queue, 1)) << queue;
  EXPECT_EQ(credits_->any_o, 0u);
}

TEST_F(CreditsTest, WhatIsBeyondTheMostIsLost) {
  Grant(9, 65'535);
  Grant(9, 65'535);
  EXPECT_EQ(Drain(9), 65'535);
  Grant(9, 65'530);
  Grant(9, 10);
  EXPECT_EQ(Drain(9), 65'535);
  EXPECT_EQ(Drain(8), 0);
}

TEST_F(CreditsTest, ResettingIsAFunctionsOwn) {
  for (int queue = 0; queue < kQueues; ++queue) Grant(queue, 3);
  credits_->reset_i = 0b0100;
  credits_.Tick();
  credits_->reset_i = 0;
  Grant(32, 1);  // waits until the reset is through
  EXPECT_EQ(Drain(32), 1);
  for (int queue = 0; queue < kQueues; ++queue) {
    const int left = queue / 16 == 2 ? 0 : 3;
    EXPECT_EQ(Drain(queue), queue == 32 ? 0 : left) << queue;
  }
}

// Grants, takes and resets in every cycle. A queue never has more than it should; it may have less
// only for the moment that a grant takes.
TEST_P(CreditsRandomTest, NoCreditIsInventedOrLost) {
  Random random(GetParam());
  std::array<int64_t, kQueues> has{};    // granted, as seen by now
  std::array<int64_t, kQueues> comes{};  // ... and what is on its way
  struct Grant {
    int due;
    int queue;
    int64_t count;
  };
  std::deque<Grant> on_its_way;
  int asked = -1;
  int takes = 0, resets = 0;
  int settled = 0;  // the cycle from which a reset is through
  for (int cycle = 0; cycle < 60'000; ++cycle) {
    const int few = static_cast<int>(random.Below(4)) * 16 + static_cast<int>(random.Below(2));
    credits_->grant_i = random.Chance(20);
    credits_->grant_queue_i = static_cast<uint8_t>(few);
    credits_->grant_count_i = static_cast<uint16_t>(random.Below(5));
    credits_->doorbell_i = random.Chance(5);
    credits_->doorbell_queue_i = static_cast<uint8_t>(random.Below(4) * 16);
    credits_->doorbell_count_i = static_cast<uint16_t>(random.Below(3));
    credits_->reset_i = random.Chance(1) && random.Chance(10) ? 1u << random.Below(4) : 0;
    credits_.Settle();
    if (credits_->doorbell_i || credits_->grant_i) {
      if (credits_->ready_o) {
        const int queue =
            credits_->doorbell_i ? credits_->doorbell_queue_i : credits_->grant_queue_i;
        const int64_t count =
            credits_->doorbell_i ? credits_->doorbell_count_i : credits_->grant_count_i;
        on_its_way.push_back({cycle + 3, queue, count});
      }
    }
    while (!on_its_way.empty() && on_its_way.front().due <= cycle) {
      auto& queue = has[on_its_way.front().queue];
      queue = std::min(queue + on_its_way.front().count, kMost);
      on_its_way.pop_front();
    }
    // The answer about the queue that was asked about.
    credits_->take_i = 0;
    if (asked >= 0) {
      comes = has;
      for (const Grant& grant : on_its_way) comes[grant.queue] += grant.count;
      const int64_t shown = credits_->two_o ? 2 : credits_->one_o;
      ASSERT_LE(shown, comes[asked]) << "cycle " << cycle;
      if (cycle > settled) {
        ASSERT_GE(shown, std::min<int64_t>(has[asked], 2)) << "cycle " << cycle;
      }
      const bool mark = random.Chance(10);
      if (mark ? credits_->one_o : credits_->two_o) {
        credits_->take_i = random.Chance(90);
        has[asked] -= credits_->take_i;
        takes += credits_->take_i;
      }
    }
    if (credits_->reset_i != 0) {
      ++resets;
      const int function = std::countr_zero(uint32_t{credits_->reset_i});
      for (int queue = 0; queue < 16; ++queue) has[16 * function + queue] = 0;
      for (Grant& grant : on_its_way) {
        if (grant.queue / 16 == function) grant.count = 0;
      }
      settled = cycle + 80;
    }
    asked = random.Chance(90) ? few ^ (random.Chance(30) ? 1 : 0) : -1;
    credits_->read_i = asked >= 0;
    credits_->queue_i = static_cast<uint8_t>(std::max(asked, 0));
    credits_.Tick();
  }
  credits_->grant_i = credits_->doorbell_i = credits_->read_i = credits_->take_i = 0;
  for (int i = 0; i < 80; ++i) credits_.Tick();
  for (const Grant& grant : on_its_way) has[grant.queue] += grant.count;
  EXPECT_FALSE(credits_->busy_o);
  for (int queue = 0; queue < kQueues; ++queue) {
    EXPECT_EQ(credits_->any_o >> queue & 1, has[queue] > 0) << queue;
    EXPECT_EQ(Drain(queue), has[queue]) << queue;
  }
  EXPECT_GT(takes, 5'000);
  EXPECT_GT(resets, 10);
}

FARRIER_SEEDS(CreditsRandomTest);

}  // namespace
}  // namespace farrier::rtl
