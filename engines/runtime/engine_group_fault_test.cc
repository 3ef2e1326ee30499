// What engines may do wrong, and what their neighbours notice of it.

#include <gmock/gmock.h>

#include <atomic>
#include <deque>
#include <stdexcept>

#include "engines/runtime/engine_group.h"
#include "engines/runtime/testing/group_fixture.h"

namespace farrier::runtime {
namespace {

using ::testing::Contains;
using testing::DoorbellEngine;
using testing::GroupFixture;
using ::testing::HasSubstr;
using testing::kPatience;

// Does in its next poll what it is told.
class WildEngine final : public Engine {
 public:
  std::string_view kind() const override { return "wild"; }
  int Poll(Nanoseconds, int) override {
    ++polls;
    if (std::function<void()> act = std::exchange(next, nullptr)) act();
    return 0;
  }
  void PrepareWait(Nanoseconds now, WaitSet& wait) override {
    wait.deadline = now + 200 * kMicrosecond;
  }
  Nanoseconds OldestInput(Nanoseconds) override { return kNever; }
  bool Snapshot(StateSink&, int) override { return true; }
  void Delta(StateSink&) override {}
  absl::Status Restore(StateSource&) override { return absl::OkStatus(); }

  std::function<void()> next;
  std::atomic<uint64_t> polls = 0;
};

// A wild engine beside a good one, on one thread where the mode has it so.
class EngineGroupFaultTest : public GroupFixture {
 protected:
  void SetUp() override {
    group_ = *EngineGroup::Start(
        "group", {.mode = GetParam(), .threads = 1, .hang_limit = 50 * kMillisecond},
        Environment());
    ASSERT_TRUE(group_->Add(wild_, *wild_mailbox_, "wild").ok());
    ASSERT_TRUE(group_->Add(engine_, *mailbox_, "good").ok());
  }
  void TearDown() override {
    free_ = true;
    group_.reset();
  }

  void LetWildDo(std::function<void()> what) {
    ASSERT_TRUE(wild_mailbox_->Run([&] { wild_.next = std::move(what); }, kPatience).ok());
  }
  std::function<void()> Spin() {
    return [this] {
      while (!free_) {
      }
    };
  }
  EngineReport WildReport() {
    for (const EngineReport& report : group_->Report().engines) {
      if (report.name == "wild") return report;
    }
    return {};
  }
  // The good engine takes input and answers its mailbox.
  void ExpectGoodWorks() {
    const int before = engine_.total;
    engine_.Ring(100);
    EXPECT_TRUE(Eventually([&] { return engine_.total == before + 100; }));
    EXPECT_TRUE(mailbox_->Run([] {}, kPatience).ok());
  }

  std::atomic<bool> free_ = false;
  WildEngine wild_;
  std::unique_ptr<Mailbox> wild_mailbox_ = *Mailbox::Create(clock_);
};

TEST_P(EngineGroupFaultTest, WhatThrowsIsNamedAndPolledNoMore) {
  LetWildDo([] { throw std::runtime_error("out of hay"); });
  ASSERT_TRUE(Eventually([&] { return !Told(EngineEvent::Kind::kFailed, "wild").empty(); }));
  EXPECT_THAT(Told(EngineEvent::Kind::kFailed, "wild"), Contains(HasSubstr("out of hay")));
  EXPECT_EQ(WildReport().condition, EngineCondition::kFailed);
  EXPECT_EQ(WildReport().failure, "out of hay");
  const uint64_t polls = wild_.polls;
  ExpectGoodWorks();
  EXPECT_EQ(wild_.polls, polls);
  EXPECT_TRUE(absl::IsUnavailable(wild_mailbox_->Run([] {}, kPatience)));
  EXPECT_TRUE(group_->Remove(wild_).ok());
}

TEST_P(EngineGroupFaultTest, WhatSpinsForeverIsNamedAndItsNeighboursGoOn) {
  LetWildDo(Spin());
  ASSERT_TRUE(Eventually([&] { return !Told(EngineEvent::Kind::kHung, "wild").empty(); }));
  EXPECT_THAT(Told(EngineEvent::Kind::kHung, "wild"), Contains(HasSubstr("spins")));
  EXPECT_EQ(WildReport().condition, EngineCondition::kHung);
  ExpectGoodWorks();
  EXPECT_TRUE(absl::IsUnavailable(wild_mailbox_->Run([] {}, kPatience)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(group_->Remove(wild_)));
}

TEST_P(EngineGroupFaultTest, WhatBlocksIsNamedAsAsleep) {
  LetWildDo([this] {
    while (!free_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  ASSERT_TRUE(Eventually([&] { return !Told(EngineEvent::Kind::kHung, "wild").empty(); }));
  EXPECT_THAT(Told(EngineEvent::Kind::kHung, "wild"), Contains(HasSubstr("asleep")));
  ExpectGoodWorks();
}

TEST_P(EngineGroupFaultTest, AClosureThatHangsIsItsEnginesHang) {
  std::thread poster([&] { EXPECT_TRUE(wild_mailbox_->Run(Spin(), kPatience).ok()); });
  ASSERT_TRUE(Eventually([&] { return !Told(EngineEvent::Kind::kHung, "wild").empty(); }));
  ExpectGoodWorks();
  free_ = true;
  poster.join();
}

TEST_P(EngineGroupFaultTest, WhatComesOutAfterAllIsPolledAgain) {
  for (int i = 1; i <= 3; ++i) {
    free_ = false;
    LetWildDo(Spin());
    ASSERT_TRUE(Eventually(
        [&] { return Told(EngineEvent::Kind::kHung, "wild").size() == static_cast<size_t>(i); }));
    free_ = true;
    ASSERT_TRUE(Eventually([&] {
      return Told(EngineEvent::Kind::kReturned, "wild").size() == static_cast<size_t>(i);
    }));
    EXPECT_EQ(WildReport().condition, EngineCondition::kRunning);
    for (const ThreadReport& thread : group_->Report().threads) {
      if (thread.number != WildReport().thread) continue;
      EXPECT_NE(thread.thread_class, ThreadClass::kDeadline) << "Linux would lose it";
    }
    ASSERT_TRUE(Eventually([&] { return wild_mailbox_->Run([] {}, kPatience).ok(); }));
    ExpectGoodWorks();
  }
  EXPECT_TRUE(group_->Remove(wild_).ok());
}

TEST_P(EngineGroupFaultTest, AnOverrunIsCountedAndTold) {
  LetWildDo([this] {
    const Nanoseconds end = meter_.CpuTime() + 10 * kMillisecond;
    while (meter_.CpuTime() < end) {
    }
  });
  ASSERT_TRUE(Eventually([&] { return !Told(EngineEvent::Kind::kOverran, "wild").empty(); }));
  EXPECT_GE(WildReport().overruns, 1u);
  EXPECT_GE(WildReport().longest_poll, 9 * kMillisecond);
  EXPECT_TRUE(Told(EngineEvent::Kind::kHung, "wild").empty());
}

TEST_P(EngineGroupFaultTest, ASleepInAPollIsCountedAsBlocking) {
  LetWildDo([] { std::this_thread::sleep_for(std::chrono::milliseconds(10)); });
  ASSERT_TRUE(Eventually([&] { return WildReport().blocks >= 1; }));
}

TEST_P(EngineGroupFaultTest, TheGroupIsFormedAnewAroundAnEngineThatHangs) {
  LetWildDo(Spin());
  ASSERT_TRUE(Eventually([&] { return !Told(EngineEvent::Kind::kHung, "wild").empty(); }));
  for (GroupMode mode : {GroupMode::kSpreading, GroupMode::kCompacting, GroupMode::kDedicating}) {
    ASSERT_TRUE(group_->Reconfigure({.mode = mode, .hang_limit = 50 * kMillisecond}).ok());
    ExpectGoodWorks();
    EXPECT_EQ(WildReport().condition, EngineCondition::kHung);
  }
  free_ = true;
  ASSERT_TRUE(Eventually([&] { return WildReport().condition == EngineCondition::kRunning; }));
  ASSERT_TRUE(Eventually([&] { return group_->Remove(wild_).ok(); }));
  ExpectGoodWorks();
}

TEST_P(EngineGroupFaultTest, ItsEndWaitsForAnEngineThatHangs) {
  LetWildDo(Spin());
  ASSERT_TRUE(Eventually([&] { return !Told(EngineEvent::Kind::kHung, "wild").empty(); }));
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    free_ = true;
  });
  group_.reset();
  EXPECT_TRUE(free_);
  later.join();
}

TEST_P(EngineGroupFaultTest, ADoorbellStormStarvesNobody) {
  std::atomic<bool> end = false;
  std::vector<std::thread> ringers;
  std::atomic<int> rung = 0;
  for (int i = 0; i < 3; ++i) {
    ringers.emplace_back([&] {
      while (!end) {
        engine_.Ring(1);
        ++rung;
      }
    });
  }
  const uint64_t polls = wild_.polls;
  EXPECT_TRUE(Eventually([&] { return wild_.polls > polls + 100 && rung > 10'000; }));
  EXPECT_TRUE(wild_mailbox_->Run([] {}, kPatience).ok());
  EXPECT_TRUE(mailbox_->Run([] {}, kPatience).ok());
  end = true;
  for (std::thread& ringer : ringers) ringer.join();
  EXPECT_TRUE(Eventually([&] { return engine_.total == rung; }));
}

TEST_P(EngineGroupFaultTest, ARealTimeThreadThatIsNeverIdleLeavesOthersTheirTime) {
  if (GetParam() == GroupMode::kDedicating) return;  // never has such threads
  ASSERT_TRUE(group_->Reconfigure({.mode = GetParam(), .thread_class = ThreadClass::kFifo}).ok());
  engine_.Ring(1 << 30);
  const auto throttled = [&] {
    for (const ThreadReport& thread : group_->Report().threads) {
      // Where the machine grants no real-time class there is nothing to take away.
      if (thread.throttled > 0 || thread.thread_class == ThreadClass::kNice) return true;
    }
    return false;
  };
  EXPECT_TRUE(Eventually(throttled));
  const int before = engine_.total;
  EXPECT_TRUE(Eventually([&] { return engine_.total > before; })) << "it goes on all the same";
}

TEST_P(EngineGroupFaultTest, AThousandEnginesComeAndGoUnderTraffic) {
  std::atomic<bool> end = false;
  std::atomic<int> rung = 0;
  std::thread traffic([&] {
    while (!end) {
      engine_.Ring(3);
      rung += 3;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  });
  struct Guest {
    DoorbellEngine engine;
    std::unique_ptr<Mailbox> mailbox;
  };
  std::deque<Guest> guests;
  for (int i = 0; i < 1000; ++i) {
    Guest& guest = guests.emplace_back();
    guest.mailbox = *Mailbox::Create(clock_);
    ASSERT_TRUE(group_->Add(guest.engine, *guest.mailbox, "guest").ok());
    guest.engine.Ring(5);
    if (guests.size() < 20) continue;
    ASSERT_TRUE(Eventually([&] { return guests.front().engine.total == 5; }));
    ASSERT_TRUE(group_->Remove(guests.front().engine).ok());
    guests.pop_front();
  }
  while (!guests.empty()) {
    ASSERT_TRUE(group_->Remove(guests.front().engine).ok());
    guests.pop_front();
  }
  end = true;
  traffic.join();
  EXPECT_TRUE(Eventually([&] { return engine_.total == rung; }));
  EXPECT_EQ(group_->Report().engines.size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(Modes, EngineGroupFaultTest,
                         ::testing::Values(GroupMode::kDedicating, GroupMode::kSpreading,
                                           GroupMode::kCompacting),
                         [](const auto& test) { return std::string(ToString(test.param)); });

}  // namespace
}  // namespace farrier::runtime
