#include "hw/driver/tx_guard.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/fake_tables.h"

namespace farrier::driver {
namespace {

using ::testing::HasSubstr;

const GuardEntry kMac = GuardEntry::Mac({0x02, 0, 0, 0, 0, 0x07});
const GuardEntry kIp = GuardEntry::Ipv4(0x0A000007);

bool Guarded(FakeTables& window, uint32_t function) {
  return regs::FunctionControl::Unpack(window.csr[regs::kRegFunctionControl(function)]).guard;
}

TEST(TxGuard, AllowsWhatIsGivenAndNothingElse) {
  FakeTables window;
  window.csr[regs::kRegFunctionControl(1)] = regs::FunctionControl{.enable = 1, .raw = 1}.Pack();
  TxGuard guard(window, AbleCard());
  ASSERT_TRUE(guard.Enable(1, std::vector{kMac, kIp, GuardEntry::Ipv6({1, 2, 3, 4})}).ok());
  EXPECT_EQ(window.csr[regs::kRegFunctionControl(1)],
            (regs::FunctionControl{.enable = 1, .raw = 1, .guard = 1}.Pack()));
  EXPECT_EQ((window.guard[{1, 0}]), (std::pair{1u, std::vector<uint32_t>{0x0200, 7, 0, 0}}));
  EXPECT_EQ((window.guard[{1, 1}]), (std::pair{2u, std::vector<uint32_t>{0x0A000007, 0, 0, 0}}));
  EXPECT_EQ((window.guard[{1, 2}]), (std::pair{3u, std::vector<uint32_t>{1, 2, 3, 4}}));
  ASSERT_TRUE(guard.Enable(1, std::vector{kIp}).ok());
  EXPECT_EQ((window.guard[{1, 0}].first), 2u);
  for (uint32_t i = 1; i < 8; ++i) EXPECT_EQ((window.guard[{1, i}].first), 0u) << i;
  ASSERT_TRUE(guard.Disable(1).ok());
  EXPECT_FALSE(Guarded(window, 1));
}

TEST(TxGuard, NeverLetsThroughWhatNeitherTheOldNorTheNewEntriesAllow) {
  FakeTables window;
  TxGuard guard(window, AbleCard());
  ASSERT_TRUE(guard.Enable(0, std::vector{kMac}).ok());
  window.after_write = [&](uint32_t) {
    EXPECT_TRUE(Guarded(window, 0));
    bool old_one = false, new_one = false;
    for (uint32_t i = 0; i < 8; ++i) {
      old_one |= window.guard[{0, i}].first == 1;
      new_one |= window.guard[{0, i}].first == 2;
    }
    EXPECT_FALSE(old_one && new_one);
  };
  ASSERT_TRUE(guard.Enable(0, std::vector{kIp}).ok());
}

TEST(TxGuard, WhatCannotBeIsRefused) {
  FakeTables window;
  TxGuard guard(window, AbleCard());
  EXPECT_THAT(guard.Enable(2, {}).message(), HasSubstr("function 2; the card has 0 to 1"));
  EXPECT_THAT(guard.Enable(0, std::vector<GuardEntry>(9, kIp)).message(),
              HasSubstr("9 addresses; a function has 8"));
  EXPECT_THAT(guard.Enable(0, std::vector{GuardEntry::Mac({0x01, 0, 0x5E, 0, 0, 1})}).message(),
              HasSubstr("group MAC"));
  EXPECT_EQ(TxGuard(window, PlainCard()).Disable(0).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(window.writes.empty());
}

TEST(TxGuard, ACardThatDoesNotTakeAnEntryIsFoundOut) {
  FakeTables window;
  window.stuck[regs::kRegGuardValue(0)] = true;
  EXPECT_EQ(TxGuard(window, AbleCard()).Enable(0, std::vector{kIp}).code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace farrier::driver
