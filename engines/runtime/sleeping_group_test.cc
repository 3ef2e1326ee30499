#include "engines/runtime/sleeping_group.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace farrier::runtime {
namespace {

constexpr Nanoseconds kPatience = 20 * kSecond;

// Counts the doorbell rings it takes; waits by eventfd and, if asked, by deadline.
class DoorbellEngine final : public Engine {
 public:
  DoorbellEngine() : doorbell_(eventfd(0, EFD_NONBLOCK)) {}
  ~DoorbellEngine() override { close(doorbell_); }

  std::string_view kind() const override { return "doorbell"; }
  int Poll(Nanoseconds now, int budget) override {
    ++polls;
    touched = std::this_thread::get_id();
    if (deadline != kNever && now >= deadline) {
      deadline = kNever;
      ++fired;
      return 1;
    }
    int taken = 0;
    eventfd_t one;
    while (taken < budget && input > 0) {
      --input;
      ++taken;
    }
    if (taken == 0) eventfd_read(doorbell_, &one);
    total += taken;
    return taken;
  }
  void PrepareWait(Nanoseconds, WaitSet& wait) override {
    wait.fds.push_back(doorbell_);
    wait.deadline = deadline;
    wait.busy = input > 0;
  }
  Nanoseconds OldestInput(Nanoseconds) override { return kNever; }
  bool Snapshot(StateSink&, int) override { return true; }
  void Delta(StateSink&) override {}
  absl::Status Restore(StateSource&) override { return absl::OkStatus(); }

  void Ring(int inputs) {
    input += inputs;
    eventfd_write(doorbell_, 1);
  }

  std::atomic<int> input = 0, total = 0, fired = 0;
  std::atomic<Nanoseconds> deadline = kNever;
  // Of the thread that may touch the engine.
  uint64_t polls = 0;
  std::thread::id touched;

 private:
  const int doorbell_;
};

class SleepingGroupTest : public testing::Test {
 protected:
  void SetUp() override { group_ = *StartSleepingGroup(Options()); }

  SleepingGroupOptions Options() {
    return {.name = "group", .clock = &clock_, .cpu_clock = &cpu_clock_};
  }

  template <typename Condition>
  bool Eventually(Condition condition) {
    const Nanoseconds end = clock_.Now() + kPatience;
    while (!condition()) {
      if (clock_.Now() > end) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
  }

  MonotonicClock clock_;
  ThreadCpuClock cpu_clock_;
  DoorbellEngine engine_;
  std::unique_ptr<Mailbox> mailbox_ = *Mailbox::Create(clock_);
  std::unique_ptr<EngineGroup> group_;  // ends first
};

TEST_F(SleepingGroupTest, PollsWhatItWasGiven) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  engine_.Ring(1000);
  EXPECT_TRUE(Eventually([&] { return engine_.total == 1000; }));
}

TEST_F(SleepingGroupTest, SleepsWhenIdleAndWakesByDoorbell) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_LT(group_->Usage(engine_)->polls, 100u);
  engine_.Ring(1);
  EXPECT_TRUE(Eventually([&] { return engine_.total == 1; }));
}

TEST_F(SleepingGroupTest, WakesAtTheEnginesDeadline) {
  engine_.deadline = clock_.Now() + 30 * kMillisecond;
  const Nanoseconds due = engine_.deadline;
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  ASSERT_TRUE(Eventually([&] { return engine_.fired == 1; }));
  EXPECT_GE(clock_.Now(), due);
  EXPECT_LT(group_->Usage(engine_)->polls, 200u);
}

TEST_F(SleepingGroupTest, AMailboxWakesASleepingEngine) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  for (int i = 0; i < 20; ++i) {
    if (i % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::thread::id thread;
    ASSERT_TRUE(mailbox_->Run([&] { thread = std::this_thread::get_id(); }, kPatience).ok());
    EXPECT_NE(thread, std::this_thread::get_id());
  }
}

TEST_F(SleepingGroupTest, ARemovedEngineIsLeftAlone) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  engine_.Ring(10);
  ASSERT_TRUE(group_->Remove(engine_).ok());
  const uint64_t polls = engine_.polls;
  const int total = engine_.total;
  engine_.Ring(10);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(engine_.polls, polls);
  EXPECT_EQ(engine_.total, total);
  EXPECT_TRUE(absl::IsUnavailable(mailbox_->Run([] {}, kPatience)));
}

TEST_F(SleepingGroupTest, AnEngineMovesBetweenGroupsUnderTraffic) {
  auto other = *StartSleepingGroup(Options());
  std::atomic<bool> end = false;
  std::atomic<int> rung = 0;
  std::thread traffic([&] {
    while (!end) {
      engine_.Ring(3);
      rung += 3;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  });
  std::thread control([&] {
    while (!end) {
      const absl::Status status = mailbox_->Run([&] { ++engine_.polls; }, kPatience);
      EXPECT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
    }
  });
  for (int i = 0; i < 100; ++i) {
    EngineGroup& group = i % 2 == 0 ? *group_ : *other;
    ASSERT_TRUE(group.Add(engine_, *mailbox_).ok());
    if (i % 8 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(group.Remove(engine_).ok());
    EXPECT_NE(engine_.touched, std::this_thread::get_id());  // reads what the thread wrote last
  }
  end = true;
  traffic.join();
  control.join();
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  EXPECT_TRUE(Eventually([&] { return engine_.total == rung; }));
}

TEST_F(SleepingGroupTest, AnIdleEngineDoesNotSleepWhileItsNeighborHasWork) {
  DoorbellEngine neighbor;
  auto mailbox = *Mailbox::Create(clock_);
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  ASSERT_TRUE(group_->Add(neighbor, *mailbox).ok());
  neighbor.Ring(100'000);
  engine_.Ring(1);
  EXPECT_TRUE(Eventually([&] { return neighbor.total == 100'000 && engine_.total == 1; }));
  ASSERT_TRUE(group_->Remove(neighbor).ok());
}

TEST_F(SleepingGroupTest, TellsAStrangerAndATwin) {
  EXPECT_TRUE(absl::IsNotFound(group_->Remove(engine_)));
  EXPECT_TRUE(absl::IsNotFound(group_->Usage(engine_).status()));
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(group_->Add(engine_, *mailbox_)));
}

TEST_F(SleepingGroupTest, AccountsCpuTimeToWhoUsedIt) {
  DoorbellEngine idle;
  auto mailbox = *Mailbox::Create(clock_);
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  ASSERT_TRUE(group_->Add(idle, *mailbox).ok());
  ASSERT_TRUE(mailbox_
                  ->Run(
                      [&] {
                        ThreadCpuClock cpu;
                        const Nanoseconds end = cpu.Now() + 20 * kMillisecond;
                        while (cpu.Now() < end) {
                        }
                      },
                      kPatience)
                  .ok());
  EXPECT_GE(group_->Usage(engine_)->cpu, 19 * kMillisecond);
  EXPECT_LT(group_->Usage(idle)->cpu, 10 * kMillisecond);
  ASSERT_TRUE(group_->Remove(idle).ok());
}

TEST_F(SleepingGroupTest, AnEngineThatHangsIsAnErrorNotAHang) {
  SleepingGroupOptions options = Options();
  options.control_timeout = 10 * kMillisecond;
  auto group = *StartSleepingGroup(options);
  ASSERT_TRUE(group->Add(engine_, *mailbox_).ok());
  std::atomic<bool> hung = true;
  std::thread poster([&] {
    EXPECT_TRUE(mailbox_
                    ->Run(
                        [&] {
                          while (hung) std::this_thread::yield();
                        },
                        kPatience)
                    .ok());
  });
  // Once it hangs, nothing gets through any more.
  EXPECT_TRUE(Eventually([&] { return absl::IsDeadlineExceeded(group->Usage(engine_).status()); }));
  EXPECT_TRUE(absl::IsDeadlineExceeded(group->Remove(engine_)));
  hung = false;
  poster.join();
  EXPECT_TRUE(Eventually([&] { return group->Remove(engine_).ok(); }));
}

TEST_F(SleepingGroupTest, EndsWithEnginesStillInIt) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_).ok());
  group_.reset();
  EXPECT_TRUE(absl::IsUnavailable(mailbox_->Run([] {}, kPatience)));
}

TEST_F(SleepingGroupTest, RunsItsHooksOnItsThread) {
  std::atomic<int> started = 0, ended = 0;
  SleepingGroupOptions options = Options();
  options.on_thread_start = [&] {
    ++started;
    return absl::OkStatus();
  };
  options.on_thread_end = [&] { ++ended; };
  auto group = *StartSleepingGroup(options);
  EXPECT_EQ(started, 1);
  EXPECT_EQ(ended, 0);
  group.reset();
  EXPECT_EQ(ended, 1);
}

TEST_F(SleepingGroupTest, FailsToStartAsItsHookSays) {
  SleepingGroupOptions options = Options();
  options.on_thread_start = [] { return absl::ResourceExhaustedError("no more lcores"); };
  options.on_thread_end = [] { ADD_FAILURE(); };
  EXPECT_TRUE(absl::IsResourceExhausted(StartSleepingGroup(options).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(StartSleepingGroup({.name = "timeless"}).status()));
}

}  // namespace
}  // namespace farrier::runtime
