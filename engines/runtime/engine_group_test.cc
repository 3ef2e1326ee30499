#include "engines/runtime/engine_group.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "engines/runtime/testing/doorbell_engine.h"
#include "engines/runtime/testing/group_fixture.h"

namespace farrier::runtime {
namespace {

using testing::DoorbellEngine;
using testing::GroupFixture;
using testing::kPatience;

using EngineGroupTest = GroupFixture;

TEST_P(EngineGroupTest, PollsWhatItWasGiven) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  engine_.Ring(1000);
  EXPECT_TRUE(Eventually([&] { return engine_.total == 1000; }));
}

TEST_P(EngineGroupTest, SleepsWhenIdleAndWakesByDoorbell) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  if (GetParam() != GroupMode::kDedicating) {
    EXPECT_LT(group_->Report(engine_)->polls, 1000u);
  }
  engine_.Ring(1);
  EXPECT_TRUE(Eventually([&] { return engine_.total == 1; }));
}

// How often this process' thread of that name has gone to sleep.
uint64_t SleepsOf(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string comm, line;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, comm);
    if (comm != name) continue;
    std::ifstream status(task.path() / "status");
    constexpr std::string_view kField = "voluntary_ctxt_switches:";
    while (std::getline(status, line)) {
      if (line.starts_with(kField)) return std::stoull(line.substr(kField.size()));
    }
  }
  return 0;
}

TEST_P(EngineGroupTest, AThreadThatWakesOftenDoesNotWakeTheWatchdogEachTime) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  constexpr int kRings = 300;
  ASSERT_TRUE(Eventually([] { return SleepsOf("group-watch") > 0; }));
  const uint64_t sleeps = SleepsOf("group-watch");
  const Nanoseconds begin = clock_.Now();
  for (int i = 1; i <= kRings; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    engine_.Ring(1);
    ASSERT_TRUE(Eventually([&] { return engine_.total == i; }));
  }
  const auto ticks = static_cast<uint64_t>((clock_.Now() - begin) / (10 * kMillisecond));
  EXPECT_LE(SleepsOf("group-watch") - sleeps, 2 * ticks + 10);
}

TEST_P(EngineGroupTest, WakesAtTheEnginesDeadline) {
  engine_.deadline = clock_.Now() + 30 * kMillisecond;
  const Nanoseconds due = engine_.deadline;
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  ASSERT_TRUE(Eventually([&] { return engine_.fired == 1; }));
  EXPECT_GE(clock_.Now(), due);
  if (GetParam() != GroupMode::kDedicating) {
    EXPECT_LT(group_->Report(engine_)->polls, 1000u);
  }
}

TEST_P(EngineGroupTest, AMailboxWakesASleepingEngine) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  for (int i = 0; i < 20; ++i) {
    if (i % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::thread::id thread;
    ASSERT_TRUE(mailbox_->Run([&] { thread = std::this_thread::get_id(); }, kPatience).ok());
    EXPECT_NE(thread, std::this_thread::get_id());
  }
}

TEST_P(EngineGroupTest, ARemovedEngineIsLeftAlone) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
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

TEST_P(EngineGroupTest, AnEngineMovesBetweenGroupsUnderTraffic) {
  auto other = Start(GetParam());
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
    ASSERT_TRUE(group.Add(engine_, *mailbox_, "engine").ok());
    if (i % 8 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(group.Remove(engine_).ok());
    EXPECT_NE(engine_.touched, std::this_thread::get_id());  // reads what the thread wrote last
  }
  end = true;
  traffic.join();
  control.join();
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  EXPECT_TRUE(Eventually([&] { return engine_.total == rung; }));
}

TEST_P(EngineGroupTest, AnIdleEngineDoesNotSleepWhileItsNeighborHasWork) {
  DoorbellEngine neighbor;
  auto mailbox = *Mailbox::Create(clock_);
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  ASSERT_TRUE(group_->Add(neighbor, *mailbox, "neighbor").ok());
  neighbor.Ring(100'000);
  engine_.Ring(1);
  EXPECT_TRUE(Eventually([&] { return neighbor.total == 100'000 && engine_.total == 1; }));
  ASSERT_TRUE(group_->Remove(neighbor).ok());
}

TEST_P(EngineGroupTest, IsFormedAnewUnderTrafficAndLosesNothing) {
  DoorbellEngine others[3];
  std::unique_ptr<Mailbox> mailboxes[3];
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  for (int i = 0; i < 3; ++i) {
    mailboxes[i] = *Mailbox::Create(clock_);
    ASSERT_TRUE(group_->Add(others[i], *mailboxes[i], "other").ok());
  }
  std::atomic<bool> end = false;
  std::atomic<int> rung = 0;
  std::thread traffic([&] {
    while (!end) {
      engine_.Ring(3);
      for (DoorbellEngine& other : others) other.Ring(3);
      rung += 3;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  std::thread control([&] {
    while (!end) EXPECT_TRUE(mailbox_->Run([] {}, kPatience).ok());
  });
  for (int i = 0; i < 30; ++i) {
    const GroupOptions options{.mode = static_cast<GroupMode>(i % 3), .threads = i % 4};
    ASSERT_TRUE(group_->Reconfigure(options).ok());
    EXPECT_EQ(group_->Report().options.mode, options.mode);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  end = true;
  traffic.join();
  control.join();
  EXPECT_TRUE(Eventually([&] { return engine_.total == rung; }));
  for (DoorbellEngine& other : others) {
    EXPECT_TRUE(Eventually([&] { return other.total == rung; }));
    EXPECT_TRUE(group_->Remove(other).ok());
  }
  EXPECT_GE(group_->Report(engine_)->migrations, 30u);
}

TEST_P(EngineGroupTest, OptionsThatMakeNoSenseLeaveItAsItWas) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  const GroupOptions wrong[] = {
      {.cores = {4000}},
      {.threads = 65},
      {.cpu_percent = 96},
      {.weight = 0},
      {.delay_target = 0},
      {.max_spin = kSecond},
      {.poll_limit = 1},
      {.hang_limit = kMillisecond},
      {.mode = GroupMode::kDedicating, .thread_class = ThreadClass::kFifo}};
  for (const GroupOptions& options : wrong) {
    const absl::Status status = group_->Reconfigure(options);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
  EXPECT_EQ(group_->Report().options.mode, GetParam());
  engine_.Ring(10);
  EXPECT_TRUE(Eventually([&] { return engine_.total == 10; }));
  EXPECT_TRUE(absl::IsInvalidArgument(
      EngineGroup::Start("group", {.cores = {4000}}, Environment()).status()));
}

TEST_P(EngineGroupTest, ChargesWhatTheKernelSaysItsThreadsUsed) {
  // No thread without an engine: being asked for reports costs it time that is nobody's.
  group_ = *EngineGroup::Start("group", {.mode = GetParam(), .threads = 1}, Environment());
  DoorbellEngine other;
  auto mailbox = *Mailbox::Create(clock_);
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  ASSERT_TRUE(group_->Add(other, *mailbox, "other").ok());
  Nanoseconds charged = 0, used = 0;
  // Adds what has been charged and used so far, `sign` times.
  const auto take = [&](int sign) {
    const GroupReport report = group_->Report();
    for (const EngineReport& engine : report.engines) charged += sign * engine.cpu;
    for (const ThreadReport& thread : report.threads) {
      // The kernel's own file: CPU time in ns comes first (proc(5), schedstat).
      std::ifstream schedstat("/proc/self/task/" + std::to_string(thread.tid) + "/schedstat");
      Nanoseconds time = 0;
      ASSERT_TRUE(schedstat >> time);
      used += sign * time;
    }
  };
  take(-1);
  int rung = 0;
  const auto idle = [&] { return engine_.total == rung && other.total == rung; };
  ASSERT_TRUE(Eventually([&] {
    Nanoseconds cpu = 0;
    for (const EngineReport& engine : group_->Report().engines) cpu += engine.cpu;
    if (cpu > 300 * kMillisecond) return idle();
    if (!idle()) return false;
    engine_.Ring(200'000);
    other.Ring(200'000);
    rung += 200'000;
    return false;
  }));
  // Threads that run go on while they are looked at one by one.
  take(1);
  EXPECT_NEAR(static_cast<double>(charged), static_cast<double>(used),
              0.05 * static_cast<double>(used) + kMillisecond);
  ASSERT_TRUE(group_->Remove(other).ok());
}

TEST_P(EngineGroupTest, SharesAThreadByWeight) {
  if (GetParam() == GroupMode::kSpreading) {
    EXPECT_TRUE(absl::IsInvalidArgument(group_->Add(engine_, *mailbox_, "engine", 0)));
    return;
  }
  group_ = *EngineGroup::Start("group", {.mode = GetParam(), .threads = 1}, Environment());
  DoorbellEngine heavy;
  auto mailbox = *Mailbox::Create(clock_);
  engine_.Ring(1 << 30);
  heavy.Ring(1 << 30);
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "light", 1).ok());
  ASSERT_TRUE(group_->Add(heavy, *mailbox, "heavy", 4).ok());
  const std::vector<EngineReport> before = group_->Report().engines;
  std::vector<EngineReport> after;
  ASSERT_TRUE(Eventually([&] {
    after = group_->Report().engines;
    return after[0].cpu - before[0].cpu > 50 * kMillisecond;
  }));
  const double ratio = static_cast<double>(after[1].cpu - before[1].cpu) /
                       static_cast<double>(after[0].cpu - before[0].cpu);
  EXPECT_GT(ratio, 3);
  EXPECT_LT(ratio, 5);
  ASSERT_TRUE(group_->Remove(heavy).ok());
}

TEST_P(EngineGroupTest, TellsAStrangerAndATwin) {
  EXPECT_TRUE(absl::IsNotFound(group_->Remove(engine_)));
  EXPECT_TRUE(absl::IsNotFound(group_->Report(engine_).status()));
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(group_->Add(engine_, *mailbox_, "engine")));
}

TEST_P(EngineGroupTest, AccountsCpuTimeToWhoUsedIt) {
  group_ = *EngineGroup::Start("group", {.mode = GetParam(), .threads = 1}, Environment());
  DoorbellEngine idle;
  auto mailbox = *Mailbox::Create(clock_);
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  ASSERT_TRUE(group_->Add(idle, *mailbox, "idle").ok());
  ASSERT_TRUE(mailbox_
                  ->Run(
                      [&] {
                        const Nanoseconds end = meter_.CpuTime() + 20 * kMillisecond;
                        while (meter_.CpuTime() < end) {
                        }
                      },
                      kPatience)
                  .ok());
  EXPECT_GE(group_->Report(engine_)->cpu, 19 * kMillisecond);
  EXPECT_LT(group_->Report(idle)->cpu, 10 * kMillisecond);
  ASSERT_TRUE(group_->Remove(idle).ok());
}

TEST_P(EngineGroupTest, EndsWithEnginesStillInIt) {
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  group_.reset();
  EXPECT_TRUE(absl::IsUnavailable(mailbox_->Run([] {}, kPatience)));
}

TEST_P(EngineGroupTest, RunsItsHooksOnEachThread) {
  std::atomic<int> started = 0, ended = 0;
  GroupEnvironment environment = Environment();
  environment.on_thread_start = [&] {
    ++started;
    return absl::OkStatus();
  };
  environment.on_thread_end = [&] { ++ended; };
  auto group = *EngineGroup::Start("group", {.mode = GetParam()}, environment);
  ASSERT_TRUE(group->Add(engine_, *mailbox_, "engine").ok());
  EXPECT_EQ(started, static_cast<int>(group->Report().threads.size()));
  EXPECT_EQ(ended, 0);
  group.reset();
  EXPECT_EQ(ended, started);
}

TEST_P(EngineGroupTest, FailsToStartAsItsHookSays) {
  GroupEnvironment environment = Environment();
  environment.on_thread_start = [] { return absl::ResourceExhaustedError("no more lcores"); };
  environment.on_thread_end = [] { ADD_FAILURE(); };
  auto group = EngineGroup::Start("group", {.mode = GetParam()}, environment);
  // A thread per engine comes with the engine.
  const absl::Status status =
      group.ok() ? (*group)->Add(engine_, *mailbox_, "engine") : group.status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(absl::IsInvalidArgument(EngineGroup::Start("timeless", {}, {}).status()));
}

INSTANTIATE_TEST_SUITE_P(Modes, EngineGroupTest,
                         ::testing::Values(GroupMode::kDedicating, GroupMode::kSpreading,
                                           GroupMode::kCompacting),
                         [](const auto& test) { return std::string(ToString(test.param)); });

}  // namespace
}  // namespace farrier::runtime
