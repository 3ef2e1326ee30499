#include "tests/simulator/sim_group.h"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <string>
#include <tuple>

#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

using runtime::GroupMode;
using runtime::GroupOptions;
using ::testing::HasSubstr;

constexpr GroupMode kModes[] = {GroupMode::kDedicating, GroupMode::kSpreading,
                                GroupMode::kCompacting};

// Has some inputs, then sleeps on an eventfd and until a deadline.
class FakeEngine final : public runtime::Engine {
 public:
  FakeEngine() : fd(eventfd(0, EFD_NONBLOCK)) {}
  ~FakeEngine() override { close(fd); }
  std::string_view kind() const override { return "fake"; }
  int Poll(Nanoseconds now, int budget) override {
    ++polls;
    eventfd_t rung;
    int taken = eventfd_read(fd, &rung) == 0;
    if (now >= deadline) {
      deadline = kNever;
      ++taken;
    }
    const int of_inputs = std::min(inputs, budget - taken);
    inputs -= of_inputs;
    total += taken + of_inputs;
    return taken + of_inputs;
  }
  void PrepareWait(Nanoseconds, runtime::WaitSet& wait) override {
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
  int total = 0;
  Nanoseconds deadline = kNever;
};

class SimGroupTest : public ::testing::Test {
 protected:
  void Make(const GroupOptions& options, Nanoseconds patience = 20 * kMillisecond) {
    group_ = std::make_unique<SimGroup>(queue_, Random(1),
                                        SimGroupOptions{.group = options, .patience = patience},
                                        [this](const std::string& what) { failure_ = what; });
  }
  // Lets time pass; returns the polls in it.
  int Pass(Nanoseconds time) {
    const int before = engine_.polls;
    queue_.RunUntil(queue_.Now() + time);
    return engine_.polls - before;
  }
  void TearDown() override { EXPECT_EQ(failure_, ""); }

  EventQueue queue_;
  FakeEngine engine_;
  FakeEngine other_;
  std::string failure_;
  std::unique_ptr<SimGroup> group_;
};

class AnyMode : public SimGroupTest, public ::testing::WithParamInterface<GroupMode> {
 protected:
  AnyMode() {
    Make({.mode = GetParam(), .threads = 2});
    group_->Add(engine_);
    group_->Add(other_);
    Pass(kSecond);
  }
};

TEST_P(AnyMode, IdleEnginesMakeNoEventsAtAll) {
  EXPECT_GT(engine_.polls, 0);
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_P(AnyMode, InputIsPolledToItsEndInBatchesThatGrow) {
  engine_.inputs = 40;
  group_->Wake(engine_);
  EXPECT_GE(Pass(kSecond), 3) << "16, 24 of 32, none";
  EXPECT_EQ(engine_.inputs, 0);
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_P(AnyMode, ADeadlineWakes) {
  engine_.deadline = queue_.Now() + 600 * kMicrosecond;
  group_->Wake(engine_);
  Pass(599 * kMicrosecond);
  EXPECT_EQ(engine_.total, 0);
  Pass(30 * kMicrosecond);
  EXPECT_EQ(engine_.total, 1);
}

TEST_P(AnyMode, AReadableFdWakesOnceSomebodyLooks) {
  eventfd_write(engine_.fd, 1);
  EXPECT_EQ(Pass(kSecond), 0);
  group_->LookAtFds();
  EXPECT_GE(Pass(30 * kMicrosecond), 1);
  EXPECT_EQ(engine_.total, 1);
}

TEST_P(AnyMode, ARemovedEngineIsNotPolledAndItsNeighbourIs) {
  engine_.inputs = other_.inputs = 1000;
  group_->Wake(engine_);
  group_->Wake(other_);
  Pass(30 * kMicrosecond);
  group_->Remove(engine_);
  EXPECT_FALSE(group_->Has(engine_));
  EXPECT_EQ(Pass(kSecond), 0);
  EXPECT_EQ(other_.total, 1000);
  group_->Add(engine_);
  Pass(kSecond);
  EXPECT_EQ(engine_.total, 1000);
}

TEST_P(AnyMode, NothingIsPolledWhileTheProcessIsFrozen) {
  engine_.inputs = 1000;
  group_->Wake(engine_);
  Pass(30 * kMicrosecond);
  group_->Freeze();
  group_->Wake(other_);
  eventfd_write(other_.fd, 1);
  group_->LookAtFds();
  const int polls = other_.polls;
  EXPECT_EQ(Pass(kSecond), 0);
  EXPECT_EQ(other_.polls, polls);
  group_->Thaw();
  Pass(10 * kMillisecond);
  EXPECT_EQ(engine_.total, 1000);
  EXPECT_EQ(other_.total, 1);
}

TEST_P(AnyMode, ASpinnersCpuTimePassesAndASleepersDoesNot) {
  const Nanoseconds before = group_->CpuTime();
  Pass(kSecond);
  EXPECT_EQ(group_->CpuTime() - before,
            GetParam() == GroupMode::kDedicating ? 2 * kSecond : Nanoseconds{0});
}

INSTANTIATE_TEST_SUITE_P(Modes, AnyMode, ::testing::ValuesIn(kModes),
                         [](const auto& test) { return std::string(ToString(test.param)); });

class FromModeToMode : public SimGroupTest,
                       public ::testing::WithParamInterface<std::tuple<GroupMode, GroupMode>> {};

TEST_P(FromModeToMode, EnginesGoOnOnTheirNewThreadsAsleepOrAwake) {
  const auto [from, to] = GetParam();
  Make({.mode = from, .threads = 2});
  group_->Add(engine_);
  group_->Add(other_);
  Pass(kMillisecond);
  engine_.inputs = 100'000;
  group_->Wake(engine_);
  Pass(100 * kMicrosecond);
  group_->Reconfigure({.mode = to, .threads = 3});
  Pass(10 * kMillisecond);
  EXPECT_TRUE(group_->settled());
  EXPECT_EQ(group_->options().mode, to);
  EXPECT_GE(group_->migrations(), 2u);
  EXPECT_LT(group_->thread_of(engine_), group_->threads());
  EXPECT_LT(group_->thread_of(other_), group_->threads());
  Pass(kSecond);
  EXPECT_EQ(engine_.total, 100'000);
  other_.inputs = 10;
  group_->Wake(other_);
  Pass(kMillisecond);
  EXPECT_EQ(other_.total, 10);
}

// As an upgrade does: the engine may be anywhere on its way.
TEST_P(FromModeToMode, AnEngineIsRemovedAtAnyMomentOfTheMove) {
  const auto [from, to] = GetParam();
  for (Nanoseconds moment = 0; moment < 60 * kMicrosecond; moment += kMicrosecond) {
    Make({.mode = from, .threads = 2});
    group_->Add(engine_);
    group_->Add(other_);
    Pass(kMillisecond);
    group_->Reconfigure({.mode = to, .threads = 3});
    Pass(moment);
    group_->Remove(engine_);
    EXPECT_EQ(Pass(10 * kMillisecond), 0);
    EXPECT_TRUE(group_->settled()) << moment;
    group_->Add(engine_);
    EXPECT_GE(Pass(kMillisecond), 1) << moment;
  }
}

TEST_P(FromModeToMode, AFrozenProcessMovesNothingUntilItGoesOn) {
  const auto [from, to] = GetParam();
  for (Nanoseconds moment = 0; moment < 60 * kMicrosecond; moment += 3 * kMicrosecond) {
    Make({.mode = from, .threads = 2});
    group_->Add(engine_);
    group_->Add(other_);
    Pass(kMillisecond);
    group_->Reconfigure({.mode = to, .threads = 3});
    Pass(moment);
    group_->Freeze();
    const uint64_t migrations = group_->migrations();
    EXPECT_EQ(Pass(kSecond), 0);
    EXPECT_EQ(group_->migrations(), migrations);
    engine_.inputs = 1;
    group_->Wake(engine_);
    group_->Thaw();
    EXPECT_GE(Pass(10 * kMillisecond), 1);
    EXPECT_EQ(engine_.inputs, 0);
    EXPECT_TRUE(group_->settled());
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, FromModeToMode,
                         ::testing::Combine(::testing::ValuesIn(kModes),
                                            ::testing::ValuesIn(kModes)),
                         [](const auto& test) {
                           return std::string(ToString(std::get<0>(test.param))) + "To" +
                                  std::string(ToString(std::get<1>(test.param)));
                         });

TEST_F(SimGroupTest, WhatWasAskedForLastIsWhatItBecomes) {
  Make({.mode = GroupMode::kSpreading});
  group_->Add(engine_);
  group_->Reconfigure({.mode = GroupMode::kDedicating, .threads = 1});
  group_->Reconfigure({.mode = GroupMode::kCompacting, .threads = 2});
  Pass(kMillisecond);
  EXPECT_EQ(group_->options().mode, GroupMode::kCompacting);
  EXPECT_EQ(group_->reconfigurations(), 2u);
}

// The oracle itself.

TEST_F(SimGroupTest, FindsAnEngineThatIsPolledLate) {
  Make({.mode = GroupMode::kSpreading}, /*patience=*/100);
  group_->Add(engine_);
  Pass(kMillisecond);
  EXPECT_THAT(failure_, HasSubstr("not polled"));
  failure_.clear();
}

class TwoThreads : public SimGroupTest {
 protected:
  // As if two threads' loops had the engine.
  void PollOn(SimThread& thread, SimEngine& engine) {
    runtime::EngineSlot slot("fake", engine, *mailbox_, 1);
    thread.Push(slot);
    Pass(30 * kMicrosecond);
    thread.Take(slot);
  }
  std::unique_ptr<runtime::Mailbox> mailbox_ = *runtime::Mailbox::Create(queue_);
  SimThread one_{queue_, Random(1), {}};
  SimThread two_{queue_, Random(2), {}};
  SimEngine sim_{queue_,
                 Random(3),
                 {.input_cost = 10 * kMicrosecond},
                 engine_,
                 {.fail = [this](const std::string& what) { failure_ = what; }}};
};

TEST_F(TwoThreads, FindsAPollByTheWrongOne) {
  sim_.set_thread(&one_);
  PollOn(one_, sim_);
  EXPECT_EQ(failure_, "");
  PollOn(two_, sim_);
  EXPECT_THAT(failure_, HasSubstr("does not have it"));
  failure_.clear();
}

TEST_F(TwoThreads, FindsPollsAtOnce) {
  engine_.inputs = 100'000;
  runtime::EngineSlot slot("fake", sim_, *mailbox_, 1);
  sim_.set_thread(&one_);
  one_.Push(slot);
  Pass(50 * kMicrosecond);
  one_.Take(slot);  // in the midst of a poll
  sim_.set_thread(&two_);
  two_.Push(slot);
  Pass(30 * kMicrosecond);
  EXPECT_THAT(failure_, HasSubstr("at once"));
  failure_.clear();
}

}  // namespace
}  // namespace farrier::sim
