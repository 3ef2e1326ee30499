#include "engines/runtime/adaptive_spin.h"

#include <gtest/gtest.h>

namespace farrier::runtime {
namespace {

constexpr Nanoseconds kLongest = 10 * kMicrosecond;

// How long it looks from `idle` on.
Nanoseconds Looks(AdaptiveSpin& spin, Nanoseconds idle) {
  Nanoseconds now = idle;
  while (spin.Idle(now)) now += 100;
  return now - idle;
}

TEST(AdaptiveSpin, LooksForTheLongestTimeAtFirst) {
  AdaptiveSpin spin(kLongest);
  EXPECT_EQ(Looks(spin, 0), kLongest);
}

TEST(AdaptiveSpin, LooksForShorterWhereItWouldHaveLookedInVain) {
  AdaptiveSpin spin(kLongest);
  Nanoseconds now = 0;
  for (int i = 0; i < 10; ++i) {
    Looks(spin, now);
    spin.Busy(now += kMillisecond);
  }
  EXPECT_EQ(Looks(spin, now), kMicrosecond);
}

TEST(AdaptiveSpin, LooksForLongerAgainWhereInputCameSoonAfterItSlept) {
  AdaptiveSpin spin(kLongest);
  Nanoseconds now = 0;
  for (int i = 0; i < 10; ++i) {
    Looks(spin, now);
    spin.Busy(now += kMillisecond);
  }
  for (int i = 0; i < 10; ++i) {
    Looks(spin, now);
    spin.Busy(now += kLongest - 1);
  }
  EXPECT_EQ(Looks(spin, now), kLongest);
}

TEST(AdaptiveSpin, NeverLooksWhereItMayNot) {
  AdaptiveSpin spin(0);
  for (Nanoseconds now = 0; now < 10; ++now) {
    EXPECT_FALSE(spin.Idle(now));
    spin.Busy(now);
  }
}

TEST(AdaptiveSpin, AWakeInVainDoesNotBeginAnew) {
  AdaptiveSpin spin(kLongest);
  Looks(spin, 0);
  EXPECT_FALSE(spin.Idle(kMillisecond));
}

}  // namespace
}  // namespace farrier::runtime
