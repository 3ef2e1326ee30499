// How the modes schedule engines whose load is drawn, on virtual time.
#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/simulator/sim_group.h"

namespace farrier::sim {
namespace {

using runtime::GroupMode;
using runtime::GroupOptions;

constexpr Nanoseconds kTarget = 200 * kMicrosecond;
constexpr Nanoseconds kInputCost = 2 * kMicrosecond;
constexpr Nanoseconds kMeanCost = kInputCost * 3 / 2;  // it is drawn from this to twice as much

// Inputs arrive at random times, so many that the engine is busy for a part of the time.
class LoadedEngine final : public runtime::Engine {
 public:
  LoadedEngine(EventQueue& queue, Random random)
      : queue_(queue), random_(std::move(random)), next_(queue, [this] { Arrive(); }) {}

  void set_group(SimGroup* group) { group_ = group; }

  // Of one core, from now on; 0: none. So many inputs arrive at once.
  void SetLoad(double load, int burst = 1) {
    mean_gap_ = load == 0 ? 0 : static_cast<double>(burst * kMeanCost) / load;
    burst_ = burst;
    next_.Set(load == 0 ? kNever : queue_.Now() + Gap());
  }
  // There is always more than can be taken.
  void Saturate() {
    saturated_ = true;
    group_->Wake(*this);
  }

  // How long the inputs taken since this was asked had waited, in ascending order.
  std::vector<Nanoseconds> TakeDelays() {
    std::sort(delays_.begin(), delays_.end());
    return std::exchange(delays_, {});
  }
  uint64_t taken() const { return taken_; }

  std::string_view kind() const override { return "loaded"; }
  int Poll(Nanoseconds now, int budget) override {
    int taken = saturated_ ? budget : 0;
    for (; taken < budget && !waiting_.empty(); ++taken) {
      delays_.push_back(now - waiting_.front());
      waiting_.pop_front();
    }
    taken_ += static_cast<uint64_t>(taken);
    return taken;
  }
  void PrepareWait(Nanoseconds, runtime::WaitSet& wait) override {
    wait.busy = saturated_ || !waiting_.empty();
  }
  Nanoseconds OldestInput(Nanoseconds) override {
    return waiting_.empty() ? kNever : waiting_.front();
  }
  bool Snapshot(runtime::StateSink&, int) override { return true; }
  void Delta(runtime::StateSink&) override {}
  absl::Status Restore(runtime::StateSource&) override { return absl::OkStatus(); }

 private:
  Nanoseconds Gap() {
    const double unit = (static_cast<double>(random_.Bits() >> 11) + 1) * 0x1p-53;
    return static_cast<Nanoseconds>(-std::log(unit) * mean_gap_);
  }
  void Arrive() {
    waiting_.insert(waiting_.end(), static_cast<size_t>(burst_), queue_.Now());
    group_->Wake(*this);
    next_.Set(queue_.Now() + Gap());
  }

  EventQueue& queue_;
  Random random_;
  SimGroup* group_ = nullptr;
  double mean_gap_ = 0;
  int burst_ = 1;
  bool saturated_ = false;
  std::deque<Nanoseconds> waiting_;  // by time of arrival
  std::vector<Nanoseconds> delays_;
  uint64_t taken_ = 0;
  Timer next_;
};

Nanoseconds P99(const std::vector<Nanoseconds>& sorted) {
  return sorted.empty() ? 0 : sorted[sorted.size() * 99 / 100];
}

// By seed.
class Scheduling : public ::testing::TestWithParam<uint64_t> {
 protected:
  void Make(const GroupOptions& options, int engines, const std::vector<int>& weights = {}) {
    SimGroupOptions group{.group = options};
    group.times.input_cost = kInputCost;
    group.times.poll_cost = 100;
    group.times.preempted = 0;
    group_ = std::make_unique<SimGroup>(queue_, random_.Fork("group"), group,
                                        [](const std::string& what) { ADD_FAILURE() << what; });
    for (int i = 0; i < engines; ++i) {
      engines_.push_back(std::make_unique<LoadedEngine>(queue_, Random(random_.Bits())));
      engines_[i]->set_group(group_.get());
      group_->Add(*engines_[i], weights.empty() ? 1 : weights[i]);
    }
  }
  void SetLoads(double each, int burst = 1) {
    for (auto& engine : engines_) engine->SetLoad(each, burst);
  }
  void Pass(Nanoseconds time) { queue_.RunUntil(queue_.Now() + time); }
  void ForgetDelays() {
    for (auto& engine : engines_) engine->TakeDelays();
  }
  Nanoseconds WorstP99() {
    Nanoseconds worst = 0;
    for (auto& engine : engines_) worst = std::max(worst, P99(engine->TakeDelays()));
    return worst;
  }
  // How many threads have engines.
  size_t ThreadsInUse() const {
    std::vector<bool> used(group_->threads());
    for (const auto& engine : engines_) used[group_->thread_of(*engine)] = true;
    return static_cast<size_t>(std::count(used.begin(), used.end(), true));
  }

  EventQueue queue_;
  Random random_{GetParam()};
  std::vector<std::unique_ptr<LoadedEngine>> engines_;
  std::unique_ptr<SimGroup> group_;
};

constexpr GroupOptions kCompacting{
    .mode = GroupMode::kCompacting, .threads = 4, .delay_target = kTarget};

TEST_P(Scheduling, CompactingKeepsToOneThreadAtLowLoad) {
  Make(kCompacting, 4);
  SetLoads(0.1);
  Pass(kSecond);
  EXPECT_EQ(ThreadsInUse(), 1u);
  EXPECT_EQ(group_->migrations(), 0u);
  EXPECT_LT(WorstP99(), kTarget);
}

TEST_P(Scheduling, CompactingParksNoThreadThatHasNothing) {
  Make(kCompacting, 4);
  SetLoads(0.1);
  Pass(kSecond);
  for (size_t i = 1; i < group_->threads(); ++i) EXPECT_TRUE(group_->thread(i).idle()) << i;
}

TEST_P(Scheduling, CompactingMovesEnginesApartWithinTenMillisecondsOfAStep) {
  Make(kCompacting, 3);
  SetLoads(0.05);
  Pass(100 * kMillisecond);
  EXPECT_EQ(ThreadsInUse(), 1u);
  SetLoads(0.8);
  Pass(10 * kMillisecond);
  EXPECT_EQ(ThreadsInUse(), 3u);
  ForgetDelays();
  Pass(50 * kMillisecond);
  EXPECT_LT(WorstP99(), kTarget);
}

TEST_P(Scheduling, OneEngineThatBecomesBusyLeavesItsNeighboursWithinTheTarget) {
  Make(kCompacting, 4);
  SetLoads(0.1);
  Pass(100 * kMillisecond);
  EXPECT_EQ(ThreadsInUse(), 1u);
  engines_[2]->SetLoad(0.8);
  Pass(10 * kMillisecond);
  ForgetDelays();
  Pass(50 * kMillisecond);
  EXPECT_LT(WorstP99(), kTarget);
}

TEST_P(Scheduling, CompactingCollapsesWhenLoadFalls) {
  Make(kCompacting, 3);
  SetLoads(0.8);
  Pass(100 * kMillisecond);
  EXPECT_EQ(ThreadsInUse(), 3u);
  SetLoads(0.05);
  Pass(300 * kMillisecond);
  EXPECT_EQ(ThreadsInUse(), 1u);
}

TEST_P(Scheduling, CompactingDoesNotFlapAtASteadyLoadNearTheThreshold) {
  // Together they leave most of a core free, and are often late behind the other's bursts.
  GroupOptions options = kCompacting;
  options.delay_target = 40 * kMicrosecond;
  Make(options, 2);
  SetLoads(0.1, /*burst=*/16);
  Pass(3 * kSecond);
  const uint64_t before = group_->migrations();
  EXPECT_GE(before, 2u) << "not near the threshold";
  Pass(3 * kSecond);
  EXPECT_LE(group_->migrations() - before, 3 * 2u);
}

TEST_P(Scheduling, CompactingBlocksWhenAllIsIdle) {
  Make(kCompacting, 3);
  SetLoads(0.8);
  Pass(50 * kMillisecond);
  SetLoads(0);
  Pass(kSecond);
  EXPECT_EQ(queue_.size(), 0u);
  const Nanoseconds cpu = group_->CpuTime();
  Pass(kSecond);
  EXPECT_EQ(group_->CpuTime(), cpu);
}

TEST_P(Scheduling, DedicatingSharesACoreByWeight) {
  Make({.mode = GroupMode::kDedicating, .threads = 1}, 2, {2, 1});
  for (auto& engine : engines_) engine->Saturate();
  Pass(200 * kMillisecond);
  const double ratio =
      static_cast<double>(engines_[0]->taken()) / static_cast<double>(engines_[1]->taken());
  EXPECT_NEAR(ratio, 2, 0.2);
  EXPECT_NEAR(static_cast<double>(group_->slot(*engines_[0]).cpu) /
                  static_cast<double>(group_->slot(*engines_[1]).cpu),
              2, 0.2);
}

TEST_P(Scheduling, DedicatingGivesWhatOneLeavesToTheOther) {
  Make({.mode = GroupMode::kDedicating, .threads = 1}, 2, {1, 3});
  engines_[0]->Saturate();
  engines_[1]->SetLoad(0.2);
  Pass(200 * kMillisecond);
  EXPECT_LT(P99(engines_[1]->TakeDelays()), 2 * runtime::kMaxBatch * 2 * kInputCost);
  EXPECT_GT(static_cast<double>(group_->slot(*engines_[0]).cpu), 0.7 * 200 * kMillisecond);
}

TEST_P(Scheduling, SpreadingNeverDelaysOneEngineByAnother) {
  Make({.mode = GroupMode::kSpreading}, 3);
  engines_[0]->Saturate();
  engines_[1]->SetLoad(0.95);
  engines_[2]->SetLoad(0.05);
  Pass(200 * kMillisecond);
  const std::vector<Nanoseconds> delays = engines_[2]->TakeDelays();
  ASSERT_FALSE(delays.empty());
  const ThreadTimes times;
  // Its own wake-up, and what it is at itself.
  EXPECT_LT(delays.back(), times.slowest_wake + runtime::kMinBatch * 2 * kInputCost);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Scheduling, ::testing::Range(uint64_t{1}, uint64_t{7}));

}  // namespace
}  // namespace farrier::sim
