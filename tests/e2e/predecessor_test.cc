// Real processes: the old farrierd dies or hangs in the middle of an upgrade (see farrierd-faulty).
// What must follow is in docs/architecture.md, "Upgrade".

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/echo.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {
namespace {

constexpr int kServer = 1;  // the host that is upgraded

class Predecessor : public ::testing::TestWithParam<const char*> {
 protected:
  // `variable`: FARRIER_TEST_DIE_AT or FARRIER_TEST_HANG_AT.
  void StartCluster(const char* variable, int engines) {
    auto cluster = Cluster::Start({.engines = engines,
                                   .daemon = "farrierd-faulty",
                                   .daemon_env = {{variable, GetParam()}},
                                   .programs = FARRIER_BIN});
    ASSERT_TRUE(cluster.ok()) << cluster.status().message();
    cluster_ = std::move(*cluster);
    old_pid_ = cluster_->daemon(kServer).pid();
  }

  // Begins an upgrade to a program without faults; what farrierctl hears of it is not the point.
  Process BeginUpgrade() {
    auto ctl = cluster_->Launch(
        "upgrade", {cluster_->Program("farrierctl"), "--socket", cluster_->ControlSocket(kServer),
                    "upgrade", "--binary", cluster_->Program("farrierd-next")});
    EXPECT_TRUE(ctl.ok()) << ctl.status().message();
    return std::move(*ctl);
  }

  // The old process has ended by SIGKILL, from whomever.
  void ExpectOldOneKilled(absl::Duration within) {
    auto code = cluster_->daemon(kServer).Wait(within);
    ASSERT_TRUE(code.ok()) << code.status().message();
    EXPECT_EQ(*code, 128 + SIGKILL);
  }

  void ExpectTheNewOneServes() {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    auto status = cluster_->Status(kServer);
    while (!status.ok() && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(20));
      status = cluster_->Status(kServer);
    }
    ASSERT_TRUE(status.ok()) << status.status().message();
    EXPECT_NE(status->pid(), old_pid_);
    EXPECT_EQ(status->function(), 1u);
    EXPECT_EQ(status->version().substr(status->version().rfind('-')), "-next");
  }

  void ExpectThatAnEchoWorks(int service) {
    auto echo = Echo::Start(*cluster_, {.messages = 300, .service = service});
    ASSERT_TRUE(echo.ok()) << echo.status().message();
    auto account = echo->Finish();
    ASSERT_TRUE(account.ok()) << account.status().message();
    EXPECT_EQ(Number(*account, "verified"), 300);
  }

  void ExpectACleanEnd() {
    const absl::Status stopped = cluster_->StopProcesses();
    EXPECT_TRUE(stopped.ok()) << stopped.message();
  }

  // Through an upgrade in the middle of an echo, in which the old process has to be killed.
  void ExpectTakeOverWithoutLoss(absl::Duration killed_within) {
    auto echo = Echo::Start(*cluster_, {.messages = 1000, .keep_going = true});
    ASSERT_TRUE(echo.ok()) << echo.status().message();
    ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();
    Process ctl = BeginUpgrade();
    ExpectOldOneKilled(killed_within);
    ExpectTheNewOneServes();
    ASSERT_TRUE(echo->AwaitVerified(echo->Verified() + 100).ok()) << echo->client().Output();
    echo->Enough();
    auto account = echo->Finish();
    ASSERT_TRUE(account.ok()) << account.status().message();
    EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
    ExpectACleanEnd();
  }

  std::unique_ptr<Cluster> cluster_;
  pid_t old_pid_ = 0;
};

std::string StepName(const ::testing::TestParamInfo<const char*>& info) {
  return absl::StrReplaceAll(info.param, {{" ", "_"}});
}

// The successor lacks what it takes.
class DiesBeforePrepare : public Predecessor {};

TEST_P(DiesBeforePrepare, NobodyIsLeftAndAFreshStartServes) {
  StartCluster("FARRIER_TEST_DIE_AT", 2);
  Process ctl = BeginUpgrade();
  ExpectOldOneKilled(absl::Seconds(20));
  auto told = ctl.Wait(absl::Seconds(20));
  ASSERT_TRUE(told.ok()) << told.status().message();
  EXPECT_NE(*told, 0) << ctl.Output();
  ASSERT_TRUE(cluster_->StartDaemon(kServer).ok());
  ExpectThatAnEchoWorks(7);
  ExpectACleanEnd();
}

INSTANTIATE_TEST_SUITE_P(Steps, DiesBeforePrepare,
                         ::testing::Values("receive hello", "send welcome", "send prepare"),
                         StepName);

// Crash recovery: engines that had not come over start empty, in new epochs.
class DiesBeforeDelta : public Predecessor {};

TEST_P(DiesBeforeDelta, TheNewOneServesAndAppsReconnect) {
  StartCluster("FARRIER_TEST_DIE_AT", 2);
  auto echo = Echo::Start(*cluster_, {.messages = 100'000});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();
  Process ctl = BeginUpgrade();
  ExpectOldOneKilled(absl::Seconds(20));
  ExpectTheNewOneServes();
  // The client's connections are reset: it says so and ends.
  auto code = echo->client().Wait(absl::Seconds(30));
  ASSERT_TRUE(code.ok()) << code.status().message();
  EXPECT_NE(*code, 0);
  ExpectThatAnEchoWorks(9);
  ExpectACleanEnd();
}

INSTANTIATE_TEST_SUITE_P(Steps, DiesBeforeDelta,
                         ::testing::Values("receive ready", "send snapshot", "write HELD",
                                           "send holding", "send delta"),
                         StepName);

// The only engine's delta has come: it is committed with all its state.
class DiesAfterDelta : public Predecessor {};

TEST_P(DiesAfterDelta, NothingIsLost) {
  StartCluster("FARRIER_TEST_DIE_AT", 1);
  ExpectTakeOverWithoutLoss(absl::Seconds(20));
}

INSTANTIATE_TEST_SUITE_P(Steps, DiesAfterDelta,
                         ::testing::Values("send tx_drained", "receive committed", "send all_moved",
                                           "receive took_over"),
                         StepName);

// Silent for longer than it said it would be: it is killed, and the new one takes over. What has
// come over keeps its state.
class Hangs : public Predecessor {};

TEST_P(Hangs, ItIsKilledAndNothingIsLost) {
  StartCluster("FARRIER_TEST_HANG_AT", 1);
  ExpectTakeOverWithoutLoss(absl::Seconds(30));
}

INSTANTIATE_TEST_SUITE_P(Steps, Hangs, ::testing::Values("send tx_drained", "receive committed"),
                         StepName);

class HangsBeforeDelta : public Predecessor {};

TEST_P(HangsBeforeDelta, ItIsKilledAndTheNewOneServes) {
  StartCluster("FARRIER_TEST_HANG_AT", 2);
  Process ctl = BeginUpgrade();
  ExpectOldOneKilled(absl::Seconds(30));
  ExpectTheNewOneServes();
  ExpectThatAnEchoWorks(9);
  ExpectACleanEnd();
}

INSTANTIATE_TEST_SUITE_P(Steps, HangsBeforeDelta, ::testing::Values("send delta"), StepName);

}  // namespace
}  // namespace farrier::e2e
