#include "hw/driver/heartbeat.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/fake_tables.h"

namespace farrier::driver {
namespace {

using Writes = std::vector<std::pair<uint32_t, uint32_t>>;

TEST(Heartbeat, ArmingBeatsOnce) {
  FakeTables window;
  Heartbeat heartbeat(window, AbleCard(), 1);
  ASSERT_TRUE(heartbeat.Arm(50 * runtime::kMillisecond).ok());
  ASSERT_TRUE(heartbeat.Beat().ok());
  ASSERT_TRUE(heartbeat.Disarm().ok());
  EXPECT_EQ(window.writes, (Writes{{regs::kRegHeartbeatUs(1), 50'000},
                                   {regs::kRegHeartbeat(1), 1},
                                   {regs::kRegHeartbeat(1), 1},
                                   {regs::kRegHeartbeatUs(1), 0}}));
}

TEST(Heartbeat, WhatCannotBeIsRefused) {
  FakeTables window;
  Heartbeat heartbeat(window, AbleCard(), 0);
  EXPECT_EQ(heartbeat.Arm(999).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(heartbeat.Arm(5000 * runtime::kSecond).code(), absl::StatusCode::kInvalidArgument);
  Heartbeat none(window, PlainCard(), 0);
  EXPECT_EQ(none.Arm(runtime::kSecond).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(none.Beat().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(window.writes.empty());
}

TEST(Heartbeat, ACardThatDoesNotTakeItIsFoundOutAndNotBeaten) {
  FakeTables window;
  window.stuck[regs::kRegHeartbeatUs(0)] = true;
  Heartbeat heartbeat(window, AbleCard(), 0);
  EXPECT_EQ(heartbeat.Arm(runtime::kSecond).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(window.writes.size(), 1u);
}

}  // namespace
}  // namespace farrier::driver
