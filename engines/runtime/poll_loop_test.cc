#include "engines/runtime/poll_loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <numeric>

namespace farrier::runtime {
namespace {

// The thread's own time: it passes while an engine works.
class VirtualThread final : public ThreadMeter {
 public:
  Nanoseconds CpuTime() const override { return cpu; }
  uint64_t Blocks() const override { return blocks; }
  void Work(Nanoseconds time) {
    cpu += time;
    cycles.Advance(time);
  }
  void BePreempted(Nanoseconds time) { cycles.Advance(time); }
  void Block(Nanoseconds time) {
    cycles.Advance(time);
    ++blocks;
  }
  Nanoseconds cpu = 0;
  uint64_t blocks = 0;
  ManualClock cycles;
};

// Has as many inputs as it is given, each of which takes a time.
class WorkingEngine final : public Engine {
 public:
  explicit WorkingEngine(VirtualThread& thread) : thread_(thread) {}
  std::string_view kind() const override { return "working"; }
  int Poll(Nanoseconds, int budget) override {
    budgets.push_back(budget);
    if (on_poll) on_poll();
    const int taken = std::min(inputs, budget);
    inputs -= taken;
    thread_.Work(taken > 0 ? taken * cost : 20);
    return taken;
  }
  void PrepareWait(Nanoseconds, WaitSet& wait) override {
    wait.deadline = deadline;
    wait.busy = inputs > 0;
  }
  Nanoseconds OldestInput(Nanoseconds) override { return oldest; }
  bool Snapshot(StateSink&, int) override { return true; }
  void Delta(StateSink&) override {}
  absl::Status Restore(StateSource&) override { return absl::OkStatus(); }

  int inputs = 0;
  Nanoseconds cost = kMicrosecond;
  Nanoseconds oldest = kNever;
  Nanoseconds deadline = kNever;
  std::function<void()> on_poll;
  std::vector<int> budgets;

 private:
  VirtualThread& thread_;
};

class PollLoopTest : public ::testing::Test {
 protected:
  PollLoopTest() { loop_.Begin(Now()); }
  Nanoseconds Now() const { return thread_.cycles.Now(); }

  WorkingEngine& Add(int weight = 1) {
    engines_.push_back(std::make_unique<WorkingEngine>(thread_));
    mailboxes_.push_back(*Mailbox::Create(thread_.cycles));
    slots_.push_back(
        std::make_unique<EngineSlot>("engine", *engines_.back(), *mailboxes_.back(), weight));
    loop_.Adopt(*slots_.back(), Now());
    return *engines_.back();
  }
  bool Round() {
    const bool busy = loop_.Round(Now());
    if (loop_.AccountDue(Now())) loop_.Account(Now());
    return busy;
  }
  void Run(
      Nanoseconds time, const std::function<void()>& before_round = [] {}) {
    for (const Nanoseconds end = Now() + time; Now() < end;) {
      before_round();
      Round();
      thread_.Work(30);
    }
    loop_.Account(Now());
  }

  VirtualThread thread_;
  PollLoop loop_{{.cycles = &thread_.cycles, .meter = &thread_}};
  std::vector<std::unique_ptr<WorkingEngine>> engines_;
  std::vector<std::unique_ptr<Mailbox>> mailboxes_;
  std::vector<std::unique_ptr<EngineSlot>> slots_;
};

TEST_F(PollLoopTest, BatchesGrowWhileTheyAreFullAndShrinkAgain) {
  WorkingEngine& engine = Add();
  engine.inputs = 16 + 32 + 64 + 64 + 10;
  while (Round()) {
  }
  EXPECT_EQ(engine.budgets, (std::vector<int>{16, 32, 64, 64, 64, 32}));
  engine.inputs = 1;
  Round();
  EXPECT_EQ(engine.budgets.back(), 16);
}

TEST_F(PollLoopTest, SharesTheThreadByWeightHoweverDearTheInputs) {
  WorkingEngine& light = Add(1);
  WorkingEngine& heavy = Add(3);
  heavy.cost = 4 * kMicrosecond;
  Run(100 * kMillisecond, [&] { light.inputs = heavy.inputs = 1000; });
  const double ratio = static_cast<double>(slots_[1]->cpu) / static_cast<double>(slots_[0]->cpu);
  EXPECT_NEAR(ratio, 3, 0.1);
}

TEST_F(PollLoopTest, AnIdleEngineSavesUpNothing) {
  WorkingEngine& sleeper = Add();
  WorkingEngine& worker = Add();
  Run(100 * kMillisecond, [&] { worker.inputs = 1000; });
  const Nanoseconds before = slots_[1]->cpu;
  Run(10 * kMillisecond, [&] { sleeper.inputs = worker.inputs = 1000; });
  EXPECT_NEAR(static_cast<double>(slots_[1]->cpu - before), 5 * kMillisecond, 0.3 * kMillisecond);
}

TEST_F(PollLoopTest, ABusyEngineDoesNotKeepAnIdleOneFromItsInput) {
  WorkingEngine& busy = Add(100);
  WorkingEngine& quiet = Add(1);
  Run(10 * kMillisecond, [&] { busy.inputs = 1000; });
  quiet.inputs = 1;
  busy.inputs = 1000;
  Round();
  EXPECT_EQ(quiet.inputs, 0);
}

TEST_F(PollLoopTest, ChargesAllOfTheThreadsTime) {
  Add();
  WorkingEngine& worker = Add();
  Run(50 * kMillisecond, [&] { worker.inputs = 7; });
  const Nanoseconds sum = slots_[0]->cpu + slots_[1]->cpu;
  EXPECT_NEAR(static_cast<double>(sum), static_cast<double>(thread_.cpu), 0.001 * thread_.cpu);
  EXPECT_LT(slots_[0]->cpu, slots_[1]->cpu / 20);
}

TEST_F(PollLoopTest, LoadIsTimeInPollsThatFoundInput) {
  WorkingEngine& engine = Add();
  Nanoseconds next = 0;
  Run(100 * kMillisecond, [&] {
    if (Now() < next) return;
    next = Now() + 20 * kMicrosecond;
    engine.inputs = 5;
  });
  EXPECT_NEAR(loop_.load(), 0.25, 0.02);
  Run(100 * kMillisecond);
  EXPECT_LT(loop_.load(), 0.01);
}

TEST_F(PollLoopTest, DelayIsTheAgeOfTheOldestInput) {
  WorkingEngine& engine = Add();
  thread_.Work(kMillisecond);
  engine.inputs = 1;
  engine.oldest = Now() - 300 * kMicrosecond;
  Round();
  EXPECT_EQ(loop_.delay(), 300 * kMicrosecond);
}

TEST_F(PollLoopTest, AnEngineThatDoesNotKnowTheAgeHasTheTimeSinceItWasPolled) {
  WorkingEngine& engine = Add();
  Round();
  thread_.Work(70 * kMicrosecond);
  engine.inputs = 1;
  Round();
  EXPECT_NEAR(static_cast<double>(loop_.delay()), 70 * kMicrosecond, 100);
}

TEST_F(PollLoopTest, TimeAsleepIsNoDelay) {
  WorkingEngine& engine = Add();
  Round();
  std::vector<WaitFd> fds;
  Nanoseconds deadline = kNever;
  ASSERT_TRUE(loop_.PrepareSleep(Now(), fds, deadline));
  thread_.Block(kSecond);
  loop_.EndSleep(Now());
  engine.inputs = 1;
  Round();
  EXPECT_LT(loop_.delay(), kMicrosecond);
}

TEST_F(PollLoopTest, SleepsUntilTheEarliestDeadlineAndNotOnInput) {
  WorkingEngine& first = Add();
  WorkingEngine& second = Add();
  first.deadline = 700;
  second.deadline = 500;
  std::vector<WaitFd> fds;
  Nanoseconds deadline = kNever;
  ASSERT_TRUE(loop_.PrepareSleep(Now(), fds, deadline));
  EXPECT_EQ(deadline, 500);
  EXPECT_EQ(fds.size(), 2u) << "the mailboxes";
  loop_.EndSleep(Now());
  second.inputs = 1;
  EXPECT_FALSE(loop_.PrepareSleep(Now(), fds, deadline));
}

TEST_F(PollLoopTest, CountsAnOverrunButNotPreemption) {
  WorkingEngine& engine = Add();
  const auto poll = [&](std::function<void()> what) {
    engine.on_poll = std::move(what);
    Round();
    engine.on_poll = nullptr;
    Run(2 * kMillisecond);
  };
  poll([&] { thread_.BePreempted(10 * kMillisecond); });
  EXPECT_EQ(slots_[0]->overruns, 0u);
  poll([&] { thread_.Work(10 * kMillisecond); });
  EXPECT_EQ(slots_[0]->overruns, 1u);
  EXPECT_EQ(slots_[0]->blocks, 0u);
  poll([&] { thread_.Block(10 * kMillisecond); });
  EXPECT_EQ(slots_[0]->overruns, 2u);
  EXPECT_EQ(slots_[0]->blocks, 1u);
}

TEST_F(PollLoopTest, PreemptionIsNotChargedToWhoeverWasBeingPolled) {
  WorkingEngine& unlucky = Add();
  WorkingEngine& lucky = Add();
  int polls = 0;
  unlucky.on_poll = [&] {
    if (++polls % 20 == 0) thread_.BePreempted(4 * kMillisecond);
  };
  Run(kSecond, [&] { unlucky.inputs = lucky.inputs = 1000; });
  const double ratio = static_cast<double>(slots_[1]->cpu) / static_cast<double>(slots_[0]->cpu);
  EXPECT_NEAR(ratio, 1, 0.1);
}

TEST_F(PollLoopTest, AnEngineThatThrowsIsDroppedAndTheOthersArePolled) {
  WorkingEngine& first = Add();
  WorkingEngine& second = Add();
  first.on_poll = [] { throw 1; };
  mailboxes_[0]->Open();
  second.inputs = 1;
  Round();
  EXPECT_EQ(second.inputs, 0);
  EXPECT_EQ(loop_.engines().size(), 1u);
  EXPECT_EQ(slots_[0]->condition, EngineCondition::kFailed);
  EXPECT_TRUE(absl::IsUnavailable(mailboxes_[0]->Run([] {}, kSecond)));
}

TEST_F(PollLoopTest, KnowsHowMuchOfItsCoreOthersHave) {
  Add();
  Run(10 * kMillisecond, [&] { thread_.BePreempted(30); });
  EXPECT_NEAR(loop_.shared(), 30.0 / 80, 0.05);
  Run(10 * kMillisecond);
  EXPECT_NEAR(loop_.shared(), 0, 0.01);
}

}  // namespace
}  // namespace farrier::runtime
