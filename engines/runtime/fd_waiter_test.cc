#include "engines/runtime/fd_waiter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace farrier::runtime {
namespace {

constexpr Nanoseconds kLong = 20 * kSecond;  // a test that sleeps so long has failed
constexpr Nanoseconds kShort = 50 * kMillisecond;

class FdWaiterTest : public testing::Test {
 protected:
  void SetUp() override {
    first_ = eventfd(0, EFD_NONBLOCK);
    second_ = eventfd(0, EFD_NONBLOCK);
  }
  void TearDown() override {
    close(first_);
    close(second_);
  }

  // How long it slept.
  Nanoseconds Wait(std::vector<WaitFd> fds, Nanoseconds timeout) {
    const Nanoseconds before = clock_.Now();
    waiter_.Wait(fds, timeout);
    return clock_.Now() - before;
  }

  MonotonicClock clock_;
  FdWaiter waiter_;
  int first_, second_;
};

TEST_F(FdWaiterTest, SleepsUntilTheTimeIsOver) {
  EXPECT_GE(Wait({{.fd = first_}}, kShort), kShort);
}

TEST_F(FdWaiterTest, WakesForAnyOfItsFds) {
  eventfd_write(second_, 1);
  EXPECT_LT(Wait({{.fd = first_}, {.fd = second_}}, kLong), kLong);
}

TEST_F(FdWaiterTest, SeesAnFdThatJoinsAnUnchangedSet) {
  eventfd_write(second_, 1);
  EXPECT_GE(Wait({{.fd = first_}}, kShort), kShort);
  EXPECT_LT(Wait({{.fd = first_}, {.fd = second_}}, kLong), kLong);
  EXPECT_GE(Wait({{.fd = first_}}, kShort), kShort);
}

TEST_F(FdWaiterTest, AnEdgeWakesOnceThoughNobodyReads) {
  eventfd_write(first_, 1);
  EXPECT_LT(Wait({{.fd = first_, .edge_triggered = true}}, kLong), kLong);
  EXPECT_GE(Wait({{.fd = first_, .edge_triggered = true}}, kShort), kShort);
  eventfd_write(first_, 1);
  EXPECT_LT(Wait({{.fd = first_, .edge_triggered = true}}, kLong), kLong);
}

TEST_F(FdWaiterTest, TheSameFdOfTwoEnginesIsOne) {
  EXPECT_GE(Wait({{.fd = first_}, {.fd = first_}}, kShort), kShort);
  eventfd_write(first_, 1);
  EXPECT_LT(Wait({{.fd = first_}, {.fd = first_}}, kLong), kLong);
}

// The hazard: a number closed and given out again between two sleeps looks like the same set.
TEST_F(FdWaiterTest, ForgettingMakesAReusedNumberMeanTheNewFile) {
  EXPECT_GE(Wait({{.fd = first_}}, kShort), kShort);
  const int elsewhere = dup(first_);  // as an app does: the old file lives on
  const int fresh = eventfd(0, EFD_NONBLOCK);
  dup2(fresh, first_);
  waiter_.Forget();
  eventfd_write(elsewhere, 1);
  EXPECT_GE(Wait({{.fd = first_}}, kShort), kShort);
  eventfd_write(fresh, 1);
  EXPECT_LT(Wait({{.fd = first_}}, kLong), kLong);
  close(elsewhere);
  close(fresh);
}

TEST_F(FdWaiterTest, AnFdThatCannotBeWaitedForBoundsTheSleep) {
  const int file = open("/proc/self/exe", O_RDONLY);
  EXPECT_LT(Wait({{.fd = first_}, {.fd = file}}, kLong), kLong);
  EXPECT_LT(Wait({{.fd = -1}}, kLong), kLong);
  close(file);
}

}  // namespace
}  // namespace farrier::runtime
