#include "hw/driver/card_lock.h"

#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/testing/fake_fpga.h"

namespace farrier::driver {
namespace {

using testing::HasSubstr;
using CardLockTest = FakeFpga;

TEST_F(CardLockTest, OneHasItAtATime) {
  const auto first = CardLock::Take(top_, "0000:81:00", absl::ZeroDuration());
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = CardLock::Take(top_, "0000:81:00", absl::Milliseconds(50));
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(second.status().message(), HasSubstr(absl::StrCat("process ", getpid(), " ")));
}

TEST_F(CardLockTest, EachCardHasItsOwn) {
  const auto first = CardLock::Take(top_, "0000:81:00", absl::ZeroDuration());
  EXPECT_TRUE(CardLock::Take(top_, "0000:82:00", absl::ZeroDuration()).ok());
}

TEST_F(CardLockTest, WhoWaitsGetsItWhenItIsFree) {
  std::optional<absl::StatusOr<CardLock>> first =
      CardLock::Take(top_, "0000:81:00", absl::ZeroDuration());
  std::thread holder([&] {
    absl::SleepFor(absl::Milliseconds(50));
    first.reset();
  });
  EXPECT_TRUE(CardLock::Take(top_, "0000:81:00", absl::Seconds(30)).ok());
  holder.join();
}

TEST_F(CardLockTest, TheDirectoryIsMade) {
  EXPECT_TRUE(CardLock::Take(top_ / "a/b", "0000:81:00", absl::ZeroDuration()).ok());
}

TEST_F(CardLockTest, ALinkInItsPlaceIsNotFollowed) {
  std::filesystem::create_symlink(top_ / "elsewhere", top_ / "farrier-card-0000:81:00");
  EXPECT_FALSE(CardLock::Take(top_, "0000:81:00", absl::ZeroDuration()).ok());
  EXPECT_FALSE(std::filesystem::exists(top_ / "elsewhere"));
}

}  // namespace
}  // namespace farrier::driver
