#include "hw/driver/rss.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/fake_tables.h"

namespace farrier::driver {
namespace {

using ::testing::HasSubstr;

TEST(Rss, KeyAndTableAreStagedWholeAndThenCommitted) {
  FakeTables window;
  RssKey key{};
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  RssTable table = DefaultRssTable();
  table[0] = 5;
  table[511] = 9;
  ASSERT_TRUE(Rss(window, AbleCard()).Load(key, table).ok());
  EXPECT_EQ(window.csr[regs::kRegRssKey(0)], 0x00010203u);
  EXPECT_EQ(window.csr[regs::kRegRssKey(9)], 0x24252627u);
  EXPECT_EQ(window.csr[regs::kRegRssTable(0)], 0x76543215u);
  EXPECT_EQ(window.csr[regs::kRegRssTable(1)], 0xFEDCBA98u);
  EXPECT_EQ(window.csr[regs::kRegRssTable(63)], 0x9EDCBA98u);
  EXPECT_EQ(window.writes.size(), 10u + 64u + 1u);
  EXPECT_EQ(window.writes.back().first, regs::kRegRssCommit);
}

TEST(Rss, WhatCannotBeIsRefusedBeforeAnythingIsStaged) {
  FakeTables window;
  RssTable table = DefaultRssTable();
  table[100] = 16;
  const auto status = Rss(window, AbleCard()).Load(DefaultRssKey(), table);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("entry 100 is 16; there are 0 to 15"));
  EXPECT_EQ(Rss(window, PlainCard()).Load(DefaultRssKey(), DefaultRssTable()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(window.writes.empty());
}

TEST(Rss, NothingIsCommittedThatTheCardDidNotTake) {
  FakeTables window;
  window.stuck[regs::kRegRssTable(7)] = true;
  EXPECT_EQ(Rss(window, AbleCard()).Load(DefaultRssKey(), DefaultRssTable()).code(),
            absl::StatusCode::kInternal);
  EXPECT_NE(window.writes.back().first, regs::kRegRssCommit);
}

}  // namespace
}  // namespace farrier::driver
