#include "hw/model/class_queues.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace farrier::model {
namespace {

constexpr uint32_t kOneNsPerByte = 1 << 16;

class ClassQueuesTest : public testing::Test {
 protected:
  void SetRate(uint32_t number, uint32_t cost, uint32_t burst_ns) {
    ASSERT_TRUE(classes_.Write(regs::kRegClassCost(number), cost));
    ASSERT_TRUE(classes_.Write(regs::kRegClassBurst(number), burst_ns));
  }

  void Insert(uint32_t number, size_t bytes) {
    classes_.Insert(memory_, number, std::vector<uint8_t>(bytes), {});
  }

  // Classes whose packets leave at `now_ns`, in order.
  std::vector<uint32_t> Leaving(uint64_t now_ns) {
    std::vector<uint32_t> left;
    TxInfo info;
    while (const auto number = classes_.Next(now_ns)) {
      const size_t bytes = memory_.Pop(classes_.queue(*number), out_, info);
      classes_.Popped(*number, bytes, now_ns);
      left.push_back(*number);
    }
    return left;
  }

  TxMemory memory_{1000};
  ClassQueues classes_;
  uint8_t out_[regs::kMaxPacketBytes];
};

using Classes = std::vector<uint32_t>;

TEST_F(ClassQueuesTest, ThePaceIsTheCost) {
  SetRate(5, kOneNsPerByte / 2, 0);
  EXPECT_TRUE(classes_.Limits(5));
  EXPECT_FALSE(classes_.Limits(4));
  for (int i = 0; i < 3; ++i) Insert(5, 1000);
  EXPECT_EQ(Leaving(10'000), Classes({5}));
  EXPECT_EQ(classes_.NextDeparture(), 10'500);
  EXPECT_EQ(Leaving(10'499), Classes());
  EXPECT_EQ(Leaving(10'500), Classes({5}));
  EXPECT_FALSE(classes_.MayPass(5, 11'000)) << "one waits";
  EXPECT_EQ(Leaving(11'200), Classes({5})) << "late";
  EXPECT_FALSE(classes_.MayPass(5, 11'699)) << "the rate counts from when it really left";
  EXPECT_TRUE(classes_.MayPass(5, 11'700));
  EXPECT_EQ(classes_.NextDeparture(), std::numeric_limits<int64_t>::max());
}

TEST_F(ClassQueuesTest, ABurstMayRunAhead) {
  SetRate(0, kOneNsPerByte, 2'000);
  for (int i = 0; i < 6; ++i) Insert(0, 1000);
  EXPECT_EQ(Leaving(1'000'000), Classes({0, 0, 0}));
  EXPECT_EQ(Leaving(1'000'999), Classes());
  EXPECT_EQ(Leaving(1'001'000), Classes({0}));
  EXPECT_EQ(Leaving(1'003'000), Classes({0, 0}));
}

TEST_F(ClassQueuesTest, ClassesTakeTurns) {
  for (const uint32_t number : {3, 7, 63}) {
    SetRate(number, 1, 1'000'000);
    for (int i = 0; i < 3; ++i) Insert(number, 60);
  }
  EXPECT_EQ(Leaving(1), Classes({3, 7, 63, 3, 7, 63, 3, 7, 63}));
  Insert(3, 60);
  Insert(7, 60);
  EXPECT_EQ(Leaving(2), Classes({3, 7}));
  Insert(3, 60);
  Insert(63, 60);
  EXPECT_EQ(Leaving(3), Classes({63, 3})) << "behind the one that was last";
}

TEST_F(ClassQueuesTest, AClassThatMayNotGoStopsNobody) {
  SetRate(1, 0xFFFFFFFF, 0);
  SetRate(2, 1, 1'000'000);
  for (int i = 0; i < 3; ++i) {
    Insert(1, 9600);
    Insert(2, 60);
  }
  EXPECT_EQ(Leaving(1), Classes({1, 2, 2, 2}));
  EXPECT_EQ(classes_.NextDeparture(), 1 + int64_t{9600} * 0xFFFFFFFF / 65'536);
}

TEST_F(ClassQueuesTest, Registers) {
  SetRate(63, 5, 6);
  EXPECT_EQ(classes_.Read(regs::kRegClassCost(63)), 5u);
  EXPECT_EQ(classes_.Read(regs::kRegClassBurst(63)), 6u);
  EXPECT_EQ(classes_.Read(regs::kRegClassCost(62)), 0u);
  EXPECT_EQ(classes_.Read(regs::kRegClassCost(64)), std::nullopt);
  EXPECT_EQ(classes_.Read(regs::kRegClassCost(0) + 2), std::nullopt);
  EXPECT_FALSE(classes_.Write(regs::kRegClassCost(0) - 4, 1));
}

}  // namespace
}  // namespace farrier::model
