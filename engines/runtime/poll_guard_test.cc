#include "engines/runtime/poll_guard.h"

#include <gtest/gtest.h>

#include <thread>

#include "engines/runtime/cpu_relax.h"
#include "engines/runtime/engine_slot.h"
#include "engines/runtime/testing/doorbell_engine.h"

namespace farrier::runtime {
namespace {

class PollGuardTest : public ::testing::Test {
 protected:
  MonotonicClock clock_;
  testing::DoorbellEngine engine_;
  std::unique_ptr<Mailbox> mailbox_ = *Mailbox::Create(clock_);
  EngineSlot slot_{"engine", engine_, *mailbox_, 1};
  PollGuard guard_;
};

TEST_F(PollGuardTest, SaysWhereTheThreadIs) {
  EXPECT_EQ(guard_.Read().slot, nullptr);
  guard_.Enter(slot_);
  EXPECT_EQ(guard_.Read().slot, &slot_);
  guard_.Exit();
  EXPECT_EQ(guard_.Read().slot, nullptr);
}

TEST_F(PollGuardTest, IsNotRaisedOnAThreadThatHasMovedOn) {
  guard_.Enter(slot_);
  const PollGuard::Reading reading = guard_.Read();
  guard_.Exit();
  EXPECT_FALSE(guard_.Raise(reading));
  guard_.Enter(slot_);
  EXPECT_FALSE(guard_.Raise(reading)) << "another stay in the same engine";
  guard_.Exit();
  EXPECT_FALSE(guard_.TakeSeized());
}

TEST_F(PollGuardTest, StopsTheThreadAtItsWayOutAndTellsIt) {
  guard_.Enter(slot_);
  ASSERT_TRUE(guard_.Raise(guard_.Read()));
  std::atomic<bool> out = false;
  std::thread thread([&] {
    guard_.Exit();
    out = true;
    EXPECT_TRUE(guard_.TakeSeized());
    EXPECT_FALSE(guard_.TakeSeized());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(out);
  guard_.Release(/*seized=*/true);
  thread.join();
}

// While the guard is raised, what the thread works on outside of engines is the watchdog's alone.
TEST_F(PollGuardTest, NeverLetsBothWorkOnTheLoop) {
  std::atomic<bool> end = false;
  int of_the_loop = 0;  // a data race if both could touch it
  std::thread thread([&] {
    while (!end) {
      guard_.Enter(slot_);
      guard_.Exit();
      ++of_the_loop;
    }
  });
  int raised = 0;
  const Nanoseconds stop = clock_.Now() + 20 * kSecond;
  while (raised < 200 && clock_.Now() < stop) {
    if (!guard_.Raise(guard_.Read())) continue;
    const int before = ++of_the_loop;
    for (int i = 0; i < 1000; ++i) CpuRelax();
    EXPECT_EQ(of_the_loop, before);
    ++raised;
    guard_.Release(/*seized=*/false);
  }
  end = true;
  thread.join();
  EXPECT_EQ(raised, 200);
}

}  // namespace
}  // namespace farrier::runtime
