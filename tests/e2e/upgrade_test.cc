// Real processes: live upgrades, and what may go wrong on the way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "host/control.pb.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/echo.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {
namespace {

using ::testing::HasSubstr;

constexpr int kServer = 1;  // the host that is upgraded

// Upgrades the server host; the result, or what farrierctl said.
absl::StatusOr<host::UpgradeResult> UpgradeTo(const Cluster& cluster, const std::string& program) {
  auto run = cluster.Ctl(kServer, {"upgrade", "--binary", cluster.Program(program), "--json"},
                         absl::Seconds(60));
  if (!run.ok()) return run.status();
  if (run->exit_code != 0) return absl::AbortedError(run->output);
  host::UpgradeResult result;
  if (auto s = ParseJson(run->output, "the result", result); !s.ok()) return s;
  return result;
}

class Upgrade : public ::testing::TestWithParam<const char*> {
 protected:
  void StartCluster(const std::string& fault = "") {
    auto cluster = Cluster::Start({.card = GetParam(), .fault = fault, .programs = FARRIER_BIN});
    ASSERT_TRUE(cluster.ok()) << cluster.status().message();
    cluster_ = std::move(*cluster);
  }

  absl::StatusOr<host::UpgradeResult> To(const std::string& program) {
    return UpgradeTo(*cluster_, program);
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_P(Upgrade, MovesEveryEngineThereAndBackWithNothingLost) {
  StartCluster();
  auto echo = Echo::Start(*cluster_, {.messages = 3000, .connections = 4});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(100).ok()) << echo->client().Output();

  auto there = To("farrierd-next");
  ASSERT_TRUE(there.ok()) << there.status().message();
  EXPECT_NE(there->version_before(), there->version_after());
  EXPECT_EQ(there->function_before(), 0u);
  EXPECT_EQ(there->function_after(), 1u);
  EXPECT_EQ(there->engines_size(), 2);
  for (const auto& engine : there->engines()) {
    EXPECT_EQ(engine.generation_after(), engine.generation_before() + 1);
    EXPECT_GT(engine.blackout_ms(), 0);
  }

  auto back = To("farrierd");
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->version_after(), there->version_before());
  EXPECT_EQ(back->function_after(), 0u);
  EXPECT_EQ(back->pid_before(), there->pid_after());

  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), 3000);
  const absl::Status stopped = cluster_->StopProcesses();
  EXPECT_TRUE(stopped.ok()) << stopped.message();
}

TEST_P(Upgrade, SurvivesALossyWire) {
  StartCluster("loss=0.01,dup=0.01,reorder=0.01,corrupt=0.005,seed=7");
  auto echo = Echo::Start(*cluster_, {.messages = 1000, .connections = 4, .max_bytes = 16384});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();
  auto there = To("farrierd-next");
  ASSERT_TRUE(there.ok()) << there.status().message();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), 1000);
}

TEST_P(Upgrade, ServesNewAppsAndControlAfterwards) {
  StartCluster();
  ASSERT_TRUE(To("farrierd-next").ok());
  auto status = cluster_->Status(kServer);
  ASSERT_TRUE(status.ok()) << status.status().message();
  EXPECT_EQ(status->function(), 1u);
  auto echo = Echo::Start(*cluster_, {.messages = 200});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
}

TEST_P(Upgrade, RefusesWhatIsNoFarrierd) {
  StartCluster();
  auto echo = Echo::Start(*cluster_, {.messages = 500});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  auto run = cluster_->Ctl(kServer, {"upgrade", "--binary", "/bin/true"});
  ASSERT_TRUE(run.ok());
  EXPECT_NE(run->exit_code, 0);
  run = cluster_->Ctl(kServer, {"upgrade", "--binary", "/nonexistent/farrierd"});
  ASSERT_TRUE(run.ok());
  EXPECT_NE(run->exit_code, 0);
  EXPECT_THAT(run->output, HasSubstr("/nonexistent/farrierd"));
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_TRUE(cluster_->daemon(kServer).Running());
}

INSTANTIATE_TEST_SUITE_P(Cards, Upgrade, ::testing::Values("model", "rtl"),
                         [](const auto& info) { return std::string(info.param); });

// The new process is killed at a step of the hand-over (see farrierd-faulty).
class SuccessorKilled : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto cluster = Cluster::Start(
        {.daemon_env = {{"FARRIER_TEST_DIE_AT", GetParam()}}, .programs = FARRIER_BIN});
    ASSERT_TRUE(cluster.ok()) << cluster.status().message();
    cluster_ = std::move(*cluster);
  }

  std::unique_ptr<Cluster> cluster_;
};

class SuccessorKilledBeforeCommit : public SuccessorKilled {};

TEST_P(SuccessorKilledBeforeCommit, LosesNothingAndTheNextUpgradeWorks) {
  auto echo = Echo::Start(*cluster_, {.messages = 500, .keep_going = true});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();

  auto upgrade = UpgradeTo(*cluster_, "farrierd-faulty");
  ASSERT_FALSE(upgrade.ok()) << "the step never came";
  auto status = cluster_->Status(kServer);
  ASSERT_TRUE(status.ok()) << status.status().message();
  EXPECT_EQ(status->pid(), cluster_->daemon(kServer).pid());
  EXPECT_FALSE(status->upgrading());

  upgrade = UpgradeTo(*cluster_, "farrierd-next");
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  echo->Enough();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
}

std::string StepName(const ::testing::TestParamInfo<const char*>& info) {
  return absl::StrReplaceAll(info.param, {{" ", "_"}});
}

INSTANTIATE_TEST_SUITE_P(Steps, SuccessorKilledBeforeCommit,
                         ::testing::Values("send hello", "receive welcome", "receive attachment",
                                           "receive prepare", "send ready", "receive snapshot",
                                           "send snapshot_restored", "receive holding",
                                           "receive delta", "receive tx_drained", "write ATTACHED"),
                         StepName);

class SuccessorKilledAfterCommit : public SuccessorKilled {};

TEST_P(SuccessorKilledAfterCommit, LeavesADaemonThatServes) {
  auto upgrade = UpgradeTo(*cluster_, "farrierd-faulty");
  ASSERT_FALSE(upgrade.ok()) << "the step never came";
  auto echo = Echo::Start(*cluster_, {.messages = 300});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  upgrade = UpgradeTo(*cluster_, "farrierd-next");
  EXPECT_TRUE(upgrade.ok()) << upgrade.status().message();
}

INSTANTIATE_TEST_SUITE_P(Steps, SuccessorKilledAfterCommit, ::testing::Values("send committed"),
                         StepName);

}  // namespace
}  // namespace farrier::e2e
