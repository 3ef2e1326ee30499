#include "hw/model/heartbeat.h"

#include <gtest/gtest.h>

#include <vector>

namespace farrier::model {
namespace {

class HeartbeatTest : public testing::Test {
 protected:
  std::vector<uint32_t> Missed(int64_t now_ns) {
    std::vector<uint32_t> missed;
    heartbeat_.Expire(now_ns, [&](uint32_t function) { missed.push_back(function); });
    return missed;
  }
  void Beat(uint32_t function) { ASSERT_TRUE(heartbeat_.Write(regs::kRegHeartbeat(function), 0)); }
  void SetLimit(uint32_t function, uint32_t us) {
    ASSERT_TRUE(heartbeat_.Write(regs::kRegHeartbeatUs(function), us));
  }

  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  Heartbeat heartbeat_{2};
};

using Functions = std::vector<uint32_t>;

TEST_F(HeartbeatTest, AMissComesOnce) {
  SetLimit(1, 10);
  EXPECT_EQ(Missed(1'000'000), Functions()) << "not armed";
  EXPECT_EQ(heartbeat_.NextExpiry(1'000'000), kNever);
  Beat(1);
  EXPECT_EQ(heartbeat_.NextExpiry(1'000'000), 1'000'000) << "to be stamped";
  EXPECT_EQ(Missed(2'000'000), Functions()) << "the beat counts from here";
  EXPECT_EQ(heartbeat_.NextExpiry(2'000'000), 2'010'001);
  EXPECT_EQ(Missed(2'010'000), Functions());
  EXPECT_EQ(Missed(2'010'001), Functions({1}));
  EXPECT_EQ(Missed(9'000'000), Functions());
}

TEST_F(HeartbeatTest, EachBeatBeginsAnew) {
  SetLimit(0, 10);
  Beat(0);
  Missed(0);
  Beat(0);
  Missed(9'000);
  EXPECT_EQ(Missed(19'000), Functions());
  EXPECT_EQ(Missed(19'001), Functions({0}));
}

TEST_F(HeartbeatTest, AnotherLimitDisarms) {
  SetLimit(0, 10);
  Beat(0);
  Missed(0);
  SetLimit(0, 5);
  EXPECT_EQ(Missed(1'000'000), Functions());
  EXPECT_EQ(heartbeat_.Read(regs::kRegHeartbeatUs(0)), 5u);
  Beat(0);
  Missed(1'000'000);
  EXPECT_EQ(Missed(1'005'001), Functions({0}));
}

TEST_F(HeartbeatTest, WithoutALimitNothingIsMissed) {
  Beat(0);
  Missed(0);
  EXPECT_EQ(Missed(int64_t{1} << 60), Functions());
}

TEST_F(HeartbeatTest, OtherOffsetsAreRefused) {
  EXPECT_EQ(heartbeat_.Read(regs::kRegHeartbeat(0)), std::nullopt);
  EXPECT_EQ(heartbeat_.Read(regs::kRegHeartbeatUs(2)), std::nullopt);
  EXPECT_FALSE(heartbeat_.Write(regs::kRegHeartbeat(2), 0));
  EXPECT_FALSE(heartbeat_.Write(regs::kRegHeartbeatUs(0) + 1, 0));
}

}  // namespace
}  // namespace farrier::model
