#include "host/upgrade_story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "host/upgrade_job.h"

namespace farrier::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using upgrade::EngineReport;

constexpr int64_t kStart = 1'000'000'000;

upgrade::Report Begun() {
  upgrade::Report report;
  report.set_build_before("1");
  report.set_began_at(kStart);
  report.add_engines();
  report.add_engines();
  return report;
}

std::vector<std::string> Names(const std::vector<UpgradePhase>& phases) {
  std::vector<std::string> names;
  for (const UpgradePhase& phase : phases) names.push_back(phase.name());
  return names;
}

TEST(UpgradeStory, EachEventIsToldOnce) {
  UpgradeStory story;
  upgrade::Report report = Begun();
  EXPECT_TRUE(story.Continue(report).empty());
  report.set_build_after("2");
  report.set_ready_at(kStart + 5'000'000);
  const std::vector<UpgradePhase> ready = story.Continue(report);
  ASSERT_THAT(Names(ready), ElementsAre("ready"));
  EXPECT_THAT(ready[0].detail(), HasSubstr("farrierd 2"));
  EXPECT_DOUBLE_EQ(ready[0].at_ms(), 5);
  EXPECT_TRUE(story.Continue(report).empty());

  report.set_brownout_ended_at(kStart + 6'000'000);
  report.mutable_engines(1)->set_fate(EngineReport::MOVED);
  report.mutable_engines(1)->set_hold_at(kStart + 7'000'000);
  report.mutable_engines(1)->set_running_at(kStart + 8'500'000);
  const std::vector<UpgradePhase> moved = story.Continue(report);
  ASSERT_THAT(Names(moved), ElementsAre("restored", "moved"));
  EXPECT_THAT(moved[1].detail(), HasSubstr("engine 1 has moved, blackout 1.50 ms"));
  EXPECT_TRUE(story.Continue(report).empty());
}

TEST(UpgradeStory, WhatBecameOfAnEngineAfterAFailureIsTold) {
  UpgradeStory story;
  upgrade::Report report = Begun();
  report.mutable_engines(0)->set_fate(EngineReport::RECOVERED);
  report.mutable_engines(1)->set_fate(EngineReport::ROLLED_BACK);
  const std::vector<UpgradePhase> phases = story.Continue(report);
  ASSERT_THAT(Names(phases), ElementsAre("failed", "failed"));
  EXPECT_THAT(phases[0].detail(), HasSubstr("its state is lost"));
  EXPECT_THAT(phases[1].detail(), HasSubstr("goes on here"));
}

TEST(UpgradeStory, TheStepsOfABlackoutAddUpToIt) {
  EngineReport report;
  report.set_fate(EngineReport::MOVED);
  report.set_generation_before(0xFFF);
  report.set_hold_at(kStart);
  report.set_held_at(kStart + 100'000);
  report.set_marked_at(kStart + 300'000);
  report.set_stopped_at(kStart + 400'000);
  report.set_delta_at(kStart + 500'000);
  report.set_tx_drained_at(kStart + 550'000);  // before the state was applied
  report.set_applied_at(kStart + 900'000);
  report.set_won_at(kStart + 1'000'000);
  report.set_running_at(kStart + 1'250'000);
  report.set_snapshot_bytes(10);
  report.set_delta_bytes(3);
  const EngineMoved moved = Moved(report, 1, 42);
  EXPECT_DOUBLE_EQ(moved.blackout_ms(), 1.25);
  double sum = 0;
  for (const StepTime& step : moved.steps()) {
    EXPECT_GE(step.ms(), 0) << step.name();
    sum += step.ms();
  }
  EXPECT_NEAR(sum, moved.blackout_ms(), 1e-9);
  EXPECT_EQ(moved.owner(), 2u);
  EXPECT_EQ(moved.generation_after(), 0u);
  EXPECT_EQ(moved.held_packets(), 42u);
  EXPECT_EQ(moved.state_bytes(), 13u);
}

TEST(UpgradeJob, AllThatWasToldBeforeTheEndIsHeard) {
  UpgradeJob job;
  std::vector<double> heard;
  std::thread listener([&] {
    const absl::Status end = job.Listen(
        [&](const UpgradeProgress& progress) { heard.push_back(progress.phase().at_ms()); });
    EXPECT_EQ(end.message(), "over");
  });
  for (int i = 0; i < 100; ++i) {
    UpgradeProgress progress;
    progress.mutable_phase()->set_at_ms(i);
    job.Tell(std::move(progress));
  }
  job.Finish(absl::AbortedError("over"));
  listener.join();
  ASSERT_EQ(heard.size(), 100u);
  EXPECT_TRUE(std::is_sorted(heard.begin(), heard.end()));
}

TEST(UpgradeHistory, CountsABlackoutInTheClassItBelongsTo) {
  upgrade::Report report;
  report.set_began_at(1'000'000);
  report.set_brownout_ended_at(301'000'000);
  const auto add = [&](EngineReport::Fate fate, int64_t ns) {
    EngineReport& engine = *report.add_engines();
    engine.set_fate(fate);
    engine.set_hold_at(1);
    engine.set_running_at(1 + ns);
  };
  add(EngineReport::MOVED, 5'000'000);
  add(EngineReport::MOVED, 5'000'001);
  add(EngineReport::RECOVERED, 3'000'000);
  add(EngineReport::MOVED, 9'000'000'000);
  UpgradeHistory history;
  AddCompleted(report, history);
  EXPECT_EQ(history.completed(), 1u);
  EXPECT_EQ(history.last_brownout_ms(), 300);
  EXPECT_EQ(history.blackouts(2), 1u) << "at most 5 ms";
  EXPECT_EQ(history.blackouts(3), 1u);
  EXPECT_EQ(history.blackouts(history.blackouts_size() - 1), 1u);
  EXPECT_THAT(history.last_blackout_ms(), SizeIs(4));
  EXPECT_EQ(history.last_blackout_ms(2), 0) << "it has not moved";
  AddCompleted(report, history);
  EXPECT_EQ(history.completed(), 2u);
  EXPECT_EQ(history.blackouts(2), 2u);
  EXPECT_THAT(history.last_blackout_ms(), SizeIs(4)) << "of the last alone";
}

TEST(UpgradeHistory, ClassesOfAnotherBuildAreCountedAnew) {
  UpgradeHistory history;
  history.add_blackouts(17);
  history.set_blackout_ms(99);
  history.set_completed(17);
  upgrade::Report report;
  AddCompleted(report, history);
  EXPECT_EQ(history.completed(), 18u);
  EXPECT_EQ(history.blackouts(0), 0u);
  EXPECT_EQ(history.blackout_ms(), 0);
}

}  // namespace
}  // namespace farrier::host
