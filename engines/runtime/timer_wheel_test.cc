#include "engines/runtime/timer_wheel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace farrier::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Nanoseconds kTick = TimerWheel::kTick;
constexpr size_t kAll = 1'000'000;

class TestTimer final : public TimerWheel::Timer {
 public:
  explicit TestTimer(std::function<void(Nanoseconds)> action = {}) : action_(std::move(action)) {}
  int fired() const { return fired_; }

 private:
  void Fire(Nanoseconds now) override {
    ++fired_;
    if (action_) action_(now);
  }
  std::function<void(Nanoseconds)> action_;
  int fired_ = 0;
};

class TimerWheelTest : public ::testing::Test {
 protected:
  // A timer that notes its number when it fires.
  TestTimer& Add(int number) {
    timers_.push_back(
        std::make_unique<TestTimer>([this, number](Nanoseconds) { fired_.push_back(number); }));
    return *timers_.back();
  }
  std::vector<int> Advance(Nanoseconds now, size_t budget = kAll) {
    fired_.clear();
    const size_t fired = wheel_.Advance(now, budget);
    EXPECT_EQ(fired, fired_.size());
    return fired_;
  }

  TimerWheel wheel_;
  std::vector<std::unique_ptr<TestTimer>> timers_;
  std::vector<int> fired_;
};

TEST_F(TimerWheelTest, ATimerFiresOnceNeverEarlyAndLessThanATickLate) {
  for (const Nanoseconds due : {1 * kTick, 1 * kTick + 1, 2 * kTick - 1, 1000 * kTick + 500}) {
    TimerWheel wheel;
    TestTimer timer;
    wheel.Set(timer, due);
    EXPECT_TRUE(timer.armed());
    EXPECT_GE(timer.due(), due);
    EXPECT_LT(timer.due(), due + kTick);
    wheel.Advance(timer.due() - 1, kAll);
    EXPECT_EQ(timer.fired(), 0);
    wheel.Advance(timer.due(), kAll);
    EXPECT_EQ(timer.fired(), 1);
    EXPECT_FALSE(timer.armed());
    EXPECT_EQ(timer.due(), kNever);
    wheel.Advance(timer.due(), kAll);
    EXPECT_EQ(timer.fired(), 1);
  }
}

// From times just around where the digits of a tick roll over, to times just around such.
TEST_F(TimerWheelTest, TimesAtTheEdgesOfLevelsAreExact) {
  std::vector<Nanoseconds> edges = {1};
  for (int bits : {4, 12, 20, 28, 36, 44}) {
    for (Nanoseconds factor : {1, 2, 31}) {
      for (Nanoseconds off : {-2, -1, 0, 1}) edges.push_back((factor << bits) + off);
    }
  }
  for (const Nanoseconds from : edges) {
    for (const Nanoseconds to : edges) {
      if (to <= from) continue;
      TimerWheel wheel;
      TestTimer timer;
      wheel.Advance(from * kTick, kAll);
      wheel.Set(timer, to * kTick);
      EXPECT_EQ(wheel.NextDeadline(), to * kTick);
      wheel.Advance(to * kTick - 1, kAll);
      ASSERT_EQ(timer.fired(), 0) << from << " to " << to;
      EXPECT_EQ(wheel.NextDeadline(), to * kTick);
      wheel.Advance(to * kTick, kAll);
      ASSERT_EQ(timer.fired(), 1) << from << " to " << to;
      EXPECT_EQ(wheel.NextDeadline(), kNever);
    }
  }
}

TEST_F(TimerWheelTest, FiresByTickAndWithinATickInTheOrderOfSetting) {
  wheel_.Set(Add(0), 70'000 * kTick + 1);
  wheel_.Set(Add(1), 70'000 * kTick);
  wheel_.Set(Add(2), 70'000 * kTick + 1000);  // the tick of 0
  TestTimer& again = Add(3);
  wheel_.Set(again, 70'000 * kTick + 1);
  Advance(69'700 * kTick);  // they have moved down
  wheel_.Set(Add(4), 70'000 * kTick + 1);
  Advance(69'999 * kTick);
  wheel_.Set(Add(5), 70'000 * kTick + 1);
  wheel_.Set(again, 70'000 * kTick + 1);
  EXPECT_THAT(Advance(80'000 * kTick), ElementsAre(1, 0, 2, 4, 5, 3));
}

TEST_F(TimerWheelTest, ATimeThatHasGoneByIsTheNextTick) {
  wheel_.Set(Add(-1), 50 * kTick);
  Advance(100 * kTick);
  wheel_.Set(Add(0), 5);
  wheel_.Set(Add(1), -7);
  wheel_.Set(Add(2), 100 * kTick);
  EXPECT_EQ(wheel_.NextDeadline(), 101 * kTick);
  EXPECT_THAT(Advance(100 * kTick), IsEmpty());
  EXPECT_THAT(Advance(101 * kTick), ElementsAre(0, 1, 2));
}

TEST_F(TimerWheelTest, NeverCancelsAndTheEndOfTimeDoesNotOverflow) {
  wheel_.Set(Add(0), kNever - 1);
  wheel_.Set(Add(1), 10 * 3600 * kSecond);
  wheel_.Set(Add(2), kTick);
  wheel_.Set(*timers_[2], kNever);
  EXPECT_FALSE(timers_[2]->armed());
  EXPECT_EQ(wheel_.NextDeadline(), timers_[1]->due());
  EXPECT_THAT(Advance(10 * 3600 * kSecond - 1), IsEmpty());
  EXPECT_THAT(Advance(11 * 3600 * kSecond), ElementsAre(1));
  EXPECT_GT(timers_[0]->due(), kNever - kTick);
  EXPECT_THAT(Advance(kNever - 1), ElementsAre(0));
}

TEST_F(TimerWheelTest, TimeThatGoesBackStandsStill) {
  Advance(500 * kTick);
  wheel_.Set(Add(0), 510 * kTick);
  EXPECT_THAT(Advance(3), IsEmpty());
  wheel_.Set(Add(1), 505 * kTick);
  EXPECT_THAT(Advance(509 * kTick), ElementsAre(1));
  EXPECT_THAT(Advance(510 * kTick), ElementsAre(0));

  for (int i : {2, 3}) wheel_.Set(Add(i), 5000 * kTick);
  EXPECT_THAT(Advance(6000 * kTick, 3), ElementsAre(2)) << "two have moved, one has fired";
  EXPECT_THAT(Advance(3), ElementsAre(3)) << "it was due already";
  wheel_.Set(Add(4), 0);
  EXPECT_EQ(timers_[4]->due(), 5001 * kTick);
}

TEST_F(TimerWheelTest, ATimerMaySetItselfAgainWhenItFires) {
  std::vector<Nanoseconds> times;
  Nanoseconds next = 10 * kTick;
  TestTimer* self = nullptr;
  TestTimer periodic([&](Nanoseconds) {
    times.push_back(next);
    wheel_.Set(*self, next += 10 * kTick);
  });
  self = &periodic;
  wheel_.Set(periodic, next);
  wheel_.Advance(35 * kTick, kAll);
  EXPECT_THAT(times, ElementsAre(10 * kTick, 20 * kTick, 30 * kTick)) << "it catches up";
  EXPECT_EQ(periodic.due(), 40 * kTick);
}

TEST_F(TimerWheelTest, ATimerThatSetsItselfToThePastDoesNotKeepAnAdvanceBusy) {
  TestTimer* self = nullptr;
  TestTimer eager([&](Nanoseconds) { wheel_.Set(*self, 0); });
  self = &eager;
  wheel_.Set(eager, 10 * kTick);
  EXPECT_EQ(wheel_.Advance(10 * kTick, kAll), 1u);
  EXPECT_EQ(eager.due(), 11 * kTick);
}

TEST_F(TimerWheelTest, AFiringTimerMayCancelMoveAndDestroyOthersThatAreDueWithIt) {
  TestTimer cancelled, moved;
  auto destroyed = std::make_unique<TestTimer>();
  std::unique_ptr<TestTimer> suicide;
  TestTimer first([&](Nanoseconds now) {
    cancelled.Cancel();
    wheel_.Set(moved, now + 10 * kTick);
    destroyed.reset();
  });
  suicide = std::make_unique<TestTimer>([&](Nanoseconds) { suicide.reset(); });
  for (TimerWheel::Timer* timer :
       {static_cast<TimerWheel::Timer*>(&first), static_cast<TimerWheel::Timer*>(&cancelled),
        static_cast<TimerWheel::Timer*>(&moved), static_cast<TimerWheel::Timer*>(destroyed.get()),
        static_cast<TimerWheel::Timer*>(suicide.get())}) {
    wheel_.Set(*timer, 300 * kTick);
  }
  EXPECT_EQ(wheel_.Advance(300 * kTick, kAll), 2u);
  EXPECT_EQ(cancelled.fired(), 0);
  EXPECT_EQ(suicide, nullptr);
  EXPECT_EQ(moved.due(), 310 * kTick);
  EXPECT_EQ(wheel_.Advance(310 * kTick, kAll), 1u);
  EXPECT_EQ(moved.fired(), 1);
}

TEST_F(TimerWheelTest, AnArmedTimerMayBeDestroyedAndMayOutliveTheWheel) {
  TestTimer outlives;
  {
    auto wheel = std::make_unique<TimerWheel>();
    wheel->Set(outlives, 100'000 * kTick);
    TestTimer behind;
    wheel->Set(behind, 100'000 * kTick);
    {
      TestTimer between;
      wheel->Set(between, 3 * kTick);
    }
    EXPECT_EQ(wheel->NextDeadline(), 100'000 * kTick);
    EXPECT_EQ(wheel->Advance(50'000 * kTick, kAll), 0u);
  }
  EXPECT_FALSE(outlives.armed());
}

TEST_F(TimerWheelTest, AnAdvanceFiresNoMoreThanItsBudgetAndTheNextGoesOn) {
  for (int i = 0; i < 10; ++i) wheel_.Set(Add(i), (3 + i / 4) * kTick);
  EXPECT_THAT(Advance(100 * kTick, 3), ElementsAre(0, 1, 2));
  EXPECT_LE(wheel_.NextDeadline(), 100 * kTick) << "there is something left";
  wheel_.Set(Add(10), 0);
  timers_[5]->Cancel();
  EXPECT_THAT(Advance(100 * kTick, 3), ElementsAre(3, 4, 6));
  EXPECT_THAT(Advance(100 * kTick, 0), IsEmpty());
  EXPECT_THAT(Advance(100 * kTick, 100), ElementsAre(7, 10, 8, 9)) << "10 came when time was at 4";
  EXPECT_GT(wheel_.NextDeadline(), 100 * kTick);
}

TEST_F(TimerWheelTest, TimersThatMoveDownCountAgainstTheBudget) {
  for (int i = 0; i < 100; ++i) wheel_.Set(Add(i), 5000 * kTick);
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Advance(5000 * kTick, 10), IsEmpty());
  EXPECT_LE(wheel_.NextDeadline(), 5000 * kTick) << "there is something left";
  EXPECT_THAT(Advance(5000 * kTick, 3), ElementsAre(0, 1, 2));
}

TEST_F(TimerWheelTest, AJumpOfHoursCostsWhatFiresNotTheTicks) {
  const Nanoseconds hours = 10 * 3600 * kSecond;
  wheel_.Set(Add(0), hours);
  wheel_.Set(Add(1), 1);
  // Once for the other one, and for this one a move per level and its firing.
  EXPECT_THAT(Advance(hours + kSecond, 1 + TimerWheel::kLevels), ElementsAre(1, 0));
}

TEST_F(TimerWheelTest, SleepingUntilNextDeadlineWakesUpInTimeAndSeldomInVain) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 300; ++i) wheel_.Set(Add(i), random() % (Nanoseconds{1} << (i % 50)));
  size_t fired = 0;
  int in_vain = 0;
  Nanoseconds earliest = 0;
  while (fired < timers_.size()) {
    const Nanoseconds now = wheel_.NextDeadline();
    ASSERT_GT(now, earliest) << "sleeping is over at once";
    earliest = now;
    for (const auto& timer : timers_) ASSERT_LE(now, timer->due());
    const size_t n = Advance(now).size();
    fired += n;
    in_vain = n > 0 ? 0 : in_vain + 1;
    ASSERT_LE(in_vain, TimerWheel::kLevels);
  }
  EXPECT_EQ(wheel_.NextDeadline(), kNever);
}

// A plain list of what is armed, in the order in which it has to fire, beside the wheel.
class Reference {
 public:
  explicit Reference(uint64_t seed) : random_(seed) {
    horizon_ = Nanoseconds{1} << Uniform(12, 45);
    timers_.resize(Uniform(1, 600));
    for (size_t i = 0; i < timers_.size(); ++i) {
      timers_[i] = std::make_unique<TestTimer>([this, i](Nanoseconds now) { OnFire(i, now); });
      armed_.push_back(order_.end());
    }
  }

  void Run() {
    for (int step = 0; step < 3000 && !::testing::Test::HasFailure(); ++step) {
      const int what = Uniform(0, 99);
      if (what < 45) {
        Set(Any());
      } else if (what < 60) {
        Cancel(Any());
      } else if (what < 95) {
        now_ += Uniform(0, Uniform(0, 1) == 0 ? 3 * kTick : horizon_ / 16);
        Advance(Uniform(0, 1) == 0 ? kAll : Uniform(0, 20));
      } else {
        now_ += Uniform(0, 2 * horizon_);
        Advance(Uniform(0, 1) == 0 ? kAll : Uniform(0, 200));
      }
      CheckNextDeadline();
    }
    // What is left over fires in calls enough.
    repeat_ = 0;
    const size_t calls = armed() * TimerWheel::kLevels / 7 + 1;
    for (size_t i = 0; i < calls; ++i) Advance(7);
    ASSERT_GT(wheel_->NextDeadline(), now_);
  }

 private:
  using Order = std::multimap<Nanoseconds, size_t>;

  int64_t Uniform(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  size_t Any() { return Uniform(0, timers_.size() - 1); }
  size_t armed() const { return order_.size(); }

  void Forget(size_t i) {
    if (armed_[i] == order_.end()) return;
    order_.erase(armed_[i]);
    armed_[i] = order_.end();
  }

  void Set(size_t i) {
    Nanoseconds due = now_ + Uniform(-kTick, horizon_);
    if (Uniform(0, 3) == 0) due = now_ + Uniform(0, 4 * kTick);
    if (Uniform(0, 3) == 0 && !order_.empty()) due = order_.rbegin()->first;  // company
    Forget(i);
    wheel_->Set(*timers_[i], due);
    const Nanoseconds rounded = timers_[i]->due();
    ASSERT_GE(rounded, due);
    ASSERT_EQ(rounded % kTick, 0);
    ASSERT_LT(rounded, std::max(due, now_ + 1) + kTick);
    armed_[i] = order_.emplace(rounded, i);
  }

  void Cancel(size_t i) {
    Forget(i);
    if (Uniform(0, 3) > 0) {
      timers_[i]->Cancel();
    } else if (i != firing_) {
      timers_[i] = std::make_unique<TestTimer>([this, i](Nanoseconds now) { OnFire(i, now); });
    } else {
      wheel_->Set(*timers_[i], kNever);
    }
    ASSERT_EQ(timers_[i]->due(), kNever);
  }

  void OnFire(size_t i, Nanoseconds now) {
    ASSERT_EQ(now, now_);
    ASSERT_FALSE(order_.empty());
    ASSERT_EQ(order_.begin()->second, i) << "out of order";
    ASSERT_LE(order_.begin()->first, now_) << "early";
    ASSERT_FALSE(timers_[i]->armed());
    Forget(i);
    firing_ = i;
    for (int n = Uniform(0, 3); n > 0 && repeat_ > 0; --n) {
      --repeat_;
      Uniform(0, 2) == 0 ? Cancel(Any()) : Set(Uniform(0, 1) == 0 ? i : Any());
    }
    firing_ = timers_.size();
  }

  void Advance(size_t budget) {
    repeat_ = repeat_ == 0 ? 0 : 1000;
    const size_t fired = wheel_->Advance(now_, budget);
    ASSERT_LE(fired, budget);
    if (budget < kAll || order_.empty()) return;
    ASSERT_GT(order_.begin()->first, now_) << "late";
    ASSERT_GT(wheel_->NextDeadline(), now_) << "nothing is left to do";
  }

  void CheckNextDeadline() {
    const Nanoseconds next = wheel_->NextDeadline();
    if (order_.empty()) {
      ASSERT_EQ(next, kNever);
    } else {
      ASSERT_LE(next, order_.begin()->first);
    }
  }

  std::mt19937_64 random_;
  Nanoseconds horizon_;
  Nanoseconds now_ = 0;
  int repeat_ = 1000;  // what timers may still set or cancel in this Advance; 0: for good
  size_t firing_ = SIZE_MAX;
  std::unique_ptr<TimerWheel> wheel_ = std::make_unique<TimerWheel>();
  std::vector<std::unique_ptr<TestTimer>> timers_;
  Order order_;
  std::vector<Order::iterator> armed_;
};

TEST(TimerWheelRandomTest, DoesWhatAnOrderedListDoes) {
  for (uint64_t seed = 1; seed <= 60 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Reference(seed).Run();
  }
}

}  // namespace
}  // namespace farrier::runtime
