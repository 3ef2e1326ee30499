#include "hw/driver/pacing_classes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/fake_tables.h"

namespace farrier::driver {
namespace {

using ::testing::HasSubstr;

TEST(PacingClasses, ARateIsRoundedDownToWhatTheCardCounts) {
  FakeTables window;
  PacingClasses classes(window, AbleCard());
  ASSERT_TRUE(classes.Set(3, {.bits_per_second = 100e9, .burst = 1000}).ok());
  EXPECT_EQ(window.csr[regs::kRegClassCost(3)], 5243u);
  EXPECT_EQ(window.csr[regs::kRegClassBurst(3)], 1000u);
  const auto now = classes.Get(3);
  ASSERT_TRUE(now.ok());
  EXPECT_LE(now->bits_per_second, 100e9);
  EXPECT_GT(now->bits_per_second, 99.98e9);
  EXPECT_EQ(now->burst, 1000);
  ASSERT_TRUE(classes.Set(3, {}).ok());
  EXPECT_EQ(classes.Get(3)->bits_per_second, 0);
}

TEST(PacingClasses, WhatCannotBeIsRefusedWithWhatWouldBeRight) {
  FakeTables window;
  PacingClasses classes(window, AbleCard());
  EXPECT_THAT(classes.Set(64, {}).message(), HasSubstr("there are 0 to 63"));
  for (const double rate : {-1.0, 100e3, std::nan("")}) {
    const auto status = classes.Set(0, {.bits_per_second = rate});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << rate;
    EXPECT_THAT(status.message(), HasSubstr("it can have 122071 b/s or more"));
  }
  EXPECT_THAT(classes.Set(0, {.burst = -1}).message(), HasSubstr("0 to 4294967295"));
  EXPECT_EQ(PacingClasses(window, PlainCard()).Get(0).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(window.writes.empty());
}

TEST(PacingClasses, ACardThatDoesNotTakeOneIsFoundOut) {
  FakeTables window;
  window.stuck[regs::kRegClassCost(1)] = true;
  EXPECT_EQ(PacingClasses(window, AbleCard()).Set(1, {.bits_per_second = 1e9}).code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace farrier::driver
