#include "tests/simulator/engine_runner.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

// Has some inputs, then sleeps on an eventfd and until a deadline.
class FakeEngine final : public runtime::Engine {
 public:
  FakeEngine() : fd(eventfd(0, EFD_NONBLOCK)) {}
  ~FakeEngine() override { close(fd); }
  std::string_view kind() const override { return "fake"; }
  int Poll(Nanoseconds, int budget) override {
    ++polls;
    const int taken = std::min(inputs, budget);
    inputs -= taken;
    return taken;
  }
  void PrepareWait(Nanoseconds, runtime::WaitSet& wait) override {
    ++waits;
    wait.fds.push_back(fd);
    wait.deadline = deadline;
    wait.busy = inputs > 0;
  }
  Nanoseconds OldestInput(Nanoseconds) override { return kNever; }
  bool Snapshot(runtime::StateSink&, int) override { return true; }
  void Delta(runtime::StateSink&) override {}
  absl::Status Restore(runtime::StateSource&) override { return absl::OkStatus(); }

  int fd;
  int inputs = 0;
  int polls = 0;
  int waits = 0;
  Nanoseconds deadline = kNever;
};

class EngineRunnerTest : public ::testing::Test {
 protected:
  EngineRunnerTest() { runner_.Start(); }
  // Lets time pass; returns the polls in it.
  int Pass(Nanoseconds time) {
    const int before = engine_.polls;
    queue_.RunUntil(queue_.Now() + time);
    return engine_.polls - before;
  }
  EventQueue queue_;
  FakeEngine engine_;
  EngineRunner runner_{queue_, Random(1), {}, engine_, [] {}, [] {}};
};

TEST_F(EngineRunnerTest, AnIdleEngineIsPolledOnceAndThenSleeps) {
  EXPECT_EQ(Pass(kSecond), 1);
  EXPECT_EQ(engine_.waits, 1);
  EXPECT_EQ(Pass(kSecond), 0);
}

TEST_F(EngineRunnerTest, InputIsPolledToItsEndByTheBudget) {
  Pass(kSecond);
  engine_.inputs = 40;
  runner_.Wake();
  EXPECT_EQ(Pass(kSecond), 4) << "16, 16, 8 and none";
}

TEST_F(EngineRunnerTest, ADeadlineWakes) {
  engine_.deadline = 500 * kMicrosecond;
  Pass(499 * kMicrosecond);
  engine_.deadline = kNever;
  EXPECT_EQ(Pass(kSecond), 1);
}

TEST_F(EngineRunnerTest, AReadableFdWakesOnceSomebodyLooks) {
  Pass(kSecond);
  eventfd_write(engine_.fd, 1);
  EXPECT_EQ(Pass(kSecond), 0);
  runner_.LookAtFds();
  EXPECT_GE(Pass(10 * kMicrosecond + 20 * kMicrosecond), 1);
}

TEST_F(EngineRunnerTest, AStoppedEngineIsNotPolled) {
  engine_.inputs = 1000;
  Pass(5 * kMicrosecond);
  runner_.Stop();
  runner_.Wake();
  EXPECT_EQ(Pass(kSecond), 0);
}

}  // namespace
}  // namespace farrier::sim
