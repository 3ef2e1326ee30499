#include "engines/runtime/compactor.h"

#include <gtest/gtest.h>

#include <memory>

#include "engines/runtime/testing/doorbell_engine.h"

namespace farrier::runtime {
namespace {

constexpr Nanoseconds kTarget = 200 * kMicrosecond;
constexpr Nanoseconds kLate = 2 * kTarget;
constexpr Nanoseconds kStep = 50 * kMicrosecond;

class CompactorTest : public ::testing::Test {
 protected:
  CompactorTest() {
    for (int i = 0; i < 4; ++i) {
      mailboxes_.push_back(*Mailbox::Create(clock_));
      slots_.push_back(std::make_unique<EngineSlot>("engine", engine_, *mailboxes_.back(), 1));
    }
  }
  // The engines with these loads, on one thread.
  std::vector<EngineSlot*> Engines(const std::vector<double>& loads) {
    std::vector<EngineSlot*> engines;
    for (size_t i = 0; i < loads.size(); ++i) {
      slots_[i]->load = loads[i];
      engines.push_back(slots_[i].get());
    }
    return engines;
  }
  // What the thread decides if things stay so for `length`; with the time that it took.
  std::optional<Compactor::Handoff> Decide(Compactor& compactor, Nanoseconds length,
                                           Nanoseconds delay,
                                           const std::vector<EngineSlot*>& engines,
                                           const std::vector<ThreadView>& threads) {
    for (const Nanoseconds end = now_ + length; now_ < end;) {
      now_ += kStep;
      if (auto handoff = compactor.Decide(now_, delay, engines, threads)) return handoff;
    }
    return std::nullopt;
  }

  MonotonicClock clock_;
  testing::DoorbellEngine engine_;
  std::vector<std::unique_ptr<Mailbox>> mailboxes_;
  std::vector<std::unique_ptr<EngineSlot>> slots_;
  Compaction group_{kTarget};
  Compactor first_{group_, 0};
  Compactor second_{group_, 1};
  Nanoseconds now_ = kSecond;
};

TEST_F(CompactorTest, LeavesAloneWhatIsInTime) {
  EXPECT_FALSE(
      Decide(first_, kSecond, kTarget / 2, Engines({.3, .3, .3}), {{.9, true}, {0, true}}));
}

TEST_F(CompactorTest, MovesTheEngineThatBalancesBest) {
  const auto handoff =
      Decide(first_, kMillisecond, kLate, Engines({.05, .4, .5}), {{.95, true}, {.1, true}});
  ASSERT_TRUE(handoff);
  EXPECT_EQ(handoff->thread, 1u);
  EXPECT_EQ(handoff->engine, slots_[1].get()) << "0.55 here, 0.5 there";
}

TEST_F(CompactorTest, OneLateLookIsNoReason) {
  EXPECT_FALSE(first_.Decide(now_, kLate, Engines({.4, .4}),
                             std::vector<ThreadView>{{.8, true}, {0, true}}));
  EXPECT_FALSE(Decide(first_, kSecond, 0, Engines({.4, .4}), {{.8, true}, {0, true}}));
}

TEST_F(CompactorTest, AnEngineByItselfStays) {
  EXPECT_FALSE(Decide(first_, kSecond, kLate, Engines({.99}), {{.99, true}, {0, true}}));
}

TEST_F(CompactorTest, NothingMovesToAThreadThatIsStuckOrAsBusy) {
  EXPECT_FALSE(Decide(first_, kSecond, kLate, Engines({.4, .4}), {{.8, true}, {0, false}}));
  EXPECT_FALSE(Decide(first_, kSecond, kLate, Engines({.4, .4}), {{.8, true}, {.9, true}}));
}

TEST_F(CompactorTest, EnginesMoveTogetherOnceThereHasLongBeenLittleToDo) {
  const std::vector<ThreadView> threads = {{.2, true}, {.2, true}};
  EXPECT_FALSE(Decide(second_, 15 * kMillisecond, 0, Engines({.1, .1}), threads));
  const auto handoff = Decide(second_, 10 * kMillisecond, 0, Engines({.1, .1}), threads);
  ASSERT_TRUE(handoff);
  EXPECT_EQ(handoff->thread, 0u);
  EXPECT_TRUE(Decide(second_, kStep, 0, Engines({.1}), threads)) << "the other one at once";
}

TEST_F(CompactorTest, TheLowestThreadKeepsItsEngines) {
  EXPECT_FALSE(Decide(first_, kSecond, 0, Engines({.01}), {{.01, true}, {.01, true}}));
}

TEST_F(CompactorTest, WhatWouldNotFitStaysApart) {
  EXPECT_FALSE(Decide(second_, kSecond, 0, Engines({.3}), {{.3, true}, {.3, true}}));
}

TEST_F(CompactorTest, EnginesThatHaveJustComeStayForAWhile) {
  const std::vector<ThreadView> threads = {{.1, true}, {.1, true}};
  ASSERT_TRUE(Decide(second_, kSecond, 0, Engines({.1}), threads));
  EXPECT_FALSE(Decide(second_, kSecond, 0, Engines({}), threads));
  EXPECT_FALSE(Decide(second_, 10 * kMillisecond, 0, Engines({.1}), threads));
}

// How long it takes at `second_` until it moves its engines together with the first's.
TEST_F(CompactorTest, MovingTogetherTooEarlyIsNotRepeatedAsEarly) {
  const std::vector<ThreadView> calm = {{.2, true}, {.2, true}};
  const std::vector<ThreadView> full = {{.9, true}, {.0, true}};
  std::vector<Nanoseconds> held;
  for (int i = 0; i < 8; ++i) {
    const Nanoseconds begin = now_;
    ASSERT_TRUE(Decide(second_, 10 * kSecond, 0, Engines({.1}), calm));
    held.push_back(now_ - begin);
    Decide(second_, kStep, 0, Engines({}), calm);
    ASSERT_TRUE(Decide(first_, kMillisecond, kLate, Engines({.5, .4}), full));
  }
  EXPECT_GE(held[1], 2 * held[0] - 2 * kStep);
  EXPECT_GE(held[2], 2 * held[1] - 2 * kStep);
  EXPECT_LE(held.back(), kSecond + 2 * kStep);
}

}  // namespace
}  // namespace farrier::runtime
