#include "hw/driver/resource_csr_window.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/card_info.h"
#include "hw/driver/owner_row.h"
#include "hw/driver/testing/fake_fpga.h"

namespace farrier::driver {
namespace {

using testing::HasSubstr;
using ResourceCsrWindowTest = FakeFpga;

TEST_F(ResourceCsrWindowTest, TheCardsRegistersBeginAtOneMebibyte) {
  const auto window = *ResourceCsrWindow::Open(Bar());
  EXPECT_EQ(*window->Read(regs::kRegMagic), regs::kMagic);
  ASSERT_TRUE(window->Write(regs::kRegScratch, 0x12345678).ok());
  EXPECT_EQ(Word(0x100000 + regs::kRegScratch), 0x12345678u);
  EXPECT_EQ(Word(regs::kRegScratch), 0u);
}

TEST_F(ResourceCsrWindowTest, TheDriverWorksOverIt) {
  const auto window = *ResourceCsrWindow::Open(Bar());
  const auto info = Identify(*window);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->functions, 2u);
  OwnerRow row(*window, runtime::OwnerId{3});
  // Memory has no generations: what was written is read back, as if a rival had written the same.
  const auto outcome = row.Switch(regs::SwitchWord{.state = 1, .function = 1, .generation = 0});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->row.function, 1u);
}

TEST_F(ResourceCsrWindowTest, LinkIsTheCmacs) {
  PutCsr(regs::kRegLink, 1);  // what the plugin says
  const auto window = *ResourceCsrWindow::Open(Bar());
  EXPECT_EQ(*window->Read(regs::kRegLink), 0u);
  PutWord(0x8204, 3);
  EXPECT_EQ(*window->Read(regs::kRegLink), 1u);
  PutWord(0x8204, 1);
  EXPECT_EQ(*window->Read(regs::kRegLink), 0u) << "receiving, but not aligned";
}

TEST_F(ResourceCsrWindowTest, AllOnesAreAValueWhileTheCardIsThere) {
  const auto window = *ResourceCsrWindow::Open(Bar());
  PutCsr(regs::kRegScratch, 0xFFFFFFFF);
  EXPECT_EQ(*window->Read(regs::kRegScratch), 0xFFFFFFFF);
}

TEST_F(ResourceCsrWindowTest, ACardThatHasGoneIsUnavailable) {
  const auto window = *ResourceCsrWindow::Open(Bar());
  // In place: the mapping sees it.
  for (uint32_t offset = 0; offset < 0x1000; offset += 4) PutCsr(offset, 0xFFFFFFFF);
  PutWord(0x8204, 0xFFFFFFFF);
  const auto value = window->Read(regs::kRegEpoch);
  EXPECT_TRUE(absl::IsUnavailable(value.status()));
  EXPECT_THAT(value.status().message(), HasSubstr("the card has gone"));
  EXPECT_EQ(*window->Read(regs::kRegLink), 0u);
}

TEST_F(ResourceCsrWindowTest, OffsetsOutsideTheWindowAreRefused) {
  const auto window = *ResourceCsrWindow::Open(Bar());
  for (const uint32_t offset : {1u, 2u, regs::kWindowBytes, 0xFFFFFFFCu}) {
    EXPECT_TRUE(absl::IsInvalidArgument(window->Read(offset).status())) << offset;
    EXPECT_TRUE(absl::IsInvalidArgument(window->Write(offset, 0))) << offset;
  }
}

TEST_F(ResourceCsrWindowTest, AMissingFileSaysWhatToLookFor) {
  const auto window = ResourceCsrWindow::Open(top_ / "nothing");
  EXPECT_TRUE(absl::IsNotFound(window.status()));
  EXPECT_THAT(window.status().message(), HasSubstr("lspci -d 10ee:"));
}

TEST_F(ResourceCsrWindowTest, AShortFileIsNoFarrierCard) {
  std::filesystem::resize_file(Bar(), 0x1FFFFC);
  const auto window = ResourceCsrWindow::Open(Bar());
  EXPECT_TRUE(absl::IsFailedPrecondition(window.status()));
  EXPECT_THAT(window.status().message(), HasSubstr("2097148 bytes"));
}

TEST_F(ResourceCsrWindowTest, WhatCannotBeMappedSaysWhy) {
  const auto window = ResourceCsrWindow::Open("/dev/null");
  EXPECT_FALSE(window.ok());
}

}  // namespace
}  // namespace farrier::driver
