// Real processes: engine groups, changed under traffic, and engines that break.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "host/control.pb.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/echo.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kServer = 1;  // the host whose groups are changed

class Groups : public ::testing::Test {
 protected:
  void StartCluster(ClusterOptions options = {}) {
    options.programs = FARRIER_BIN;
    auto cluster = Cluster::Start(std::move(options));
    ASSERT_TRUE(cluster.ok()) << cluster.status().message();
    cluster_ = std::move(*cluster);
  }

  // farrierctl group set NAME ARGS; the group's new state.
  absl::StatusOr<host::GroupStatus> Set(const std::string& name, std::vector<std::string> args) {
    args.insert(args.begin(), {"group", "set", name, "--json"});
    auto run = cluster_->Ctl(kServer, std::move(args));
    if (!run.ok()) return run.status();
    if (run->exit_code != 0) return absl::InvalidArgumentError(run->output);
    host::GroupStatus group;
    if (auto s = ParseJson(run->output, "the group", group); !s.ok()) return s;
    return group;
  }

  // What farrierctl says; an error if it fails.
  absl::StatusOr<std::string> Ctl(std::vector<std::string> args) {
    auto run = cluster_->Ctl(kServer, std::move(args));
    if (!run.ok()) return run.status();
    if (run->exit_code != 0) return absl::InvalidArgumentError(run->output);
    return run->output;
  }

  // "GROUP/WEIGHT" of each engine.
  std::vector<std::string> Places() {
    std::vector<std::string> places;
    const host::StatusReply status = Status();
    for (const host::EngineStatus& engine : status.engines()) {
      places.push_back(
          absl::StrCat(engine.scheduling().group(), "/", engine.scheduling().weight()));
    }
    return places;
  }

  host::StatusReply Status() {
    auto status = cluster_->Status(kServer);
    EXPECT_TRUE(status.ok()) << status.status().message();
    return status.ok() ? *status : host::StatusReply();
  }

  absl::StatusOr<Finished> Upgrade(const std::string& program) {
    return cluster_->Ctl(kServer, {"upgrade", "--binary", cluster_->Program(program)},
                         absl::Seconds(60));
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Groups, ChangeUnderTrafficWithNothingLost) {
  StartCluster();
  auto echo = Echo::Start(*cluster_, {.keep_going = true, .connections = 4});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();
  const std::vector<std::vector<std::string>> changes = {
      {"--mode", "compacting"},
      {"--cores", "0", "--threads", "1"},
      {"--mode", "dedicating", "--cores", "all"},
      {"--mode", "spreading", "--class", "nice"},
      {"--mode", "compacting", "--threads", "2", "--delay-target-us", "50"},
      {"--mode", "spreading", "--class", "best", "--max-spin-us", "0"},
  };
  for (const auto& change : changes) {
    auto group = Set("pony", change);
    ASSERT_TRUE(group.ok()) << group.status().message();
    const int before = echo->Verified();
    ASSERT_TRUE(echo->AwaitVerified(before + 100).ok()) << echo->client().Output();
    const host::StatusReply status = Status();
    ASSERT_EQ(status.groups_size(), 1);
    const host::GroupConfig& settings = status.groups(0).settings();
    EXPECT_EQ(settings.SerializeAsString(), group->settings().SerializeAsString());
    if (change[0] == "--mode") {
      EXPECT_EQ(settings.mode(), change[1]);
    }
    for (const host::EngineStatus& engine : status.engines()) {
      EXPECT_EQ(engine.scheduling().mode(), settings.mode());
      EXPECT_EQ(engine.scheduling().condition(), "running");
    }
  }
  echo->Enough();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
  const absl::Status stopped = cluster_->StopProcesses();
  EXPECT_TRUE(stopped.ok()) << stopped.message();
}

TEST_F(Groups, AreThoseOfTheConfigurationWithTheirEngines) {
  StartCluster({.config = R"("groups": [{"name": "fast", "mode": "compacting", "cores": "0"},
                                        {"name": "rest", "threadClass": "nice"}])",
                .pony_config = R"("placement": [{"engine": 1, "group": "rest", "weight": 3}])"});
  const host::StatusReply status = Status();
  ASSERT_EQ(status.groups_size(), 2);
  EXPECT_EQ(status.groups(0).threads_size(), 1);
  EXPECT_EQ(status.groups(0).threads(0).cores(), "0");
  EXPECT_EQ(status.groups(1).threads(0).thread_class(), "nice");
  EXPECT_THAT(status.groups(1).engines(), ElementsAre(1));
  ASSERT_EQ(status.engines_size(), 2);
  EXPECT_EQ(status.engines(0).scheduling().group(), "fast");
  EXPECT_EQ(status.engines(1).scheduling().group(), "rest");
  EXPECT_EQ(status.engines(1).scheduling().weight(), 3u);
  auto shown = cluster_->Ctl(kServer, {"groups"});
  ASSERT_TRUE(shown.ok());
  EXPECT_THAT(shown->output, AllOf(HasSubstr("group fast: compacting"), HasSubstr("rest-")));
  shown = cluster_->Ctl(kServer, {"engines"});
  ASSERT_TRUE(shown.ok());
  EXPECT_THAT(shown->output, AllOf(HasSubstr("compacting"), HasSubstr("running")));
}

TEST_F(Groups, ComeAndGoAndEnginesMoveUnderTrafficWithNothingLost) {
  StartCluster();
  auto echo = Echo::Start(*cluster_, {.keep_going = true, .connections = 4});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  const auto goes_on = [&] {
    return echo->AwaitVerified(echo->Verified() + 100).ok() ? "" : echo->client().Output();
  };
  ASSERT_EQ(goes_on(), "");
  auto done = Ctl({"group", "add", "fast", "--mode", "dedicating", "--cores", "0"});
  ASSERT_TRUE(done.ok()) << done.status().message();
  EXPECT_THAT(*done, HasSubstr("group fast: dedicating"));
  for (const char* engine : {"pony1", "0"}) {
    done = Ctl({"engine", "place", engine, "--group", "fast", "--weight", "3"});
    ASSERT_TRUE(done.ok()) << done.status().message();
    ASSERT_EQ(goes_on(), "");
  }
  EXPECT_THAT(Places(), ElementsAre("fast/3", "fast/3"));
  done = Ctl({"group", "remove", "pony"});
  ASSERT_TRUE(done.ok()) << done.status().message();
  ASSERT_EQ(goes_on(), "");

  // Both upgraded daemons have what was made of the groups.
  done = Ctl({"group", "add", "rest", "--mode", "compacting"});
  ASSERT_TRUE(done.ok()) << done.status().message();
  done = Ctl({"engine", "place", "pony0", "--group", "rest"});
  ASSERT_TRUE(done.ok()) << done.status().message();
  for (const char* program : {"farrierd-next", "farrierd"}) {
    auto upgrade = Upgrade(program);
    ASSERT_TRUE(upgrade.ok());
    ASSERT_EQ(upgrade->exit_code, 0) << upgrade->output;
    EXPECT_THAT(Places(), ElementsAre("rest/3", "fast/3"));
    EXPECT_EQ(Status().groups_size(), 2);
    ASSERT_EQ(goes_on(), "");
  }
  echo->Enough();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
}

TEST_F(Groups, WhatCannotComeOrGoOrMoveIsRefused) {
  StartCluster();
  const auto refusal = [&](std::vector<std::string> args) {
    return std::string(Ctl(std::move(args)).status().message());
  };
  EXPECT_THAT(refusal({"group", "add", "pony"}), HasSubstr("\"pony\" stands in the list already"));
  EXPECT_THAT(refusal({"group", "add", "a b"}), HasSubstr("\"a b\" must be"));
  EXPECT_THAT(refusal({"group", "add", "far", "--cores", "4095"}), HasSubstr("CPU 4095"));
  EXPECT_THAT(refusal({"group", "remove", "cow"}), HasSubstr("there are: pony"));
  EXPECT_THAT(refusal({"group", "remove", "pony"}),
              HasSubstr("engines are placed in group pony: pony0, pony1"));
  EXPECT_THAT(refusal({"engine", "place", "pony7", "--group", "pony"}),
              HasSubstr("there is no engine \"pony7\"; there are: pony0, pony1"));
  EXPECT_THAT(refusal({"engine", "place", "pony0", "--group", "cow"}),
              HasSubstr("\"cow\" is no group; there are: pony"));
  EXPECT_THAT(refusal({"engine", "place", "pony0", "--group", "pony", "--weight", "1001"}),
              HasSubstr("1001"));
  EXPECT_THAT(Places(), ElementsAre("pony/1", "pony/1"));
  EXPECT_EQ(Status().groups_size(), 1);
}

TEST_F(Groups, RefusedSettingsLeaveAllAsItWas) {
  StartCluster();
  const host::GroupStatus before = Status().groups(0);
  EXPECT_THAT(std::string(Set("cow", {"--mode", "spreading"}).status().message()),
              HasSubstr("there is no group \"cow\"; there are: pony"));
  EXPECT_THAT(std::string(Set("pony", {"--mode", "running"}).status().message()),
              HasSubstr("mode is \"running\", and must be"));
  EXPECT_THAT(
      std::string(Set("pony", {"--mode", "compacting", "--cores", "4095"}).status().message()),
      HasSubstr("CPU 4095 is not there: online are"));
  EXPECT_THAT(std::string(Set("pony", {"--threads", "65"}).status().message()),
              HasSubstr("threads is 65, and must be 0 to 64"));
  const host::GroupStatus after = Status().groups(0);
  EXPECT_EQ(after.settings().SerializeAsString(), before.settings().SerializeAsString());
  ASSERT_EQ(after.threads_size(), before.threads_size());
  for (int i = 0; i < after.threads_size(); ++i) {
    EXPECT_EQ(after.threads(i).tid(), before.threads(i).tid());
  }
}

TEST_F(Groups, KeepTheirSettingsInAnUpgradeAlsoWhenSetWhileItRuns) {
  StartCluster();
  auto echo = Echo::Start(*cluster_, {.keep_going = true, .connections = 4});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();
  ASSERT_TRUE(Set("pony", {"--mode", "compacting", "--weight", "200"}).ok());
  auto there = Upgrade("farrierd-next");
  ASSERT_TRUE(there.ok());
  ASSERT_EQ(there->exit_code, 0) << there->output;
  EXPECT_EQ(Status().groups(0).settings().mode(), "compacting");
  EXPECT_EQ(Status().groups(0).settings().weight(), 200u);

  // Back, and all the while changes that the one or the other daemon takes, until it is done.
  absl::StatusOr<Finished> back = absl::UnknownError("not run");
  std::atomic<bool> over = false;
  std::thread upgrade([&] {
    back = Upgrade("farrierd");
    over = true;
  });
  std::string last;
  int during = 0;
  for (int i = 0; !over; ++i) {
    const std::string threads = std::to_string(1 + i % 2);
    auto set = Set("pony", {"--threads", threads});
    if (!set.ok()) continue;  // between two daemons
    last = threads;
    during += Status().upgrading();
  }
  upgrade.join();
  ASSERT_TRUE(back.ok());
  ASSERT_EQ(back->exit_code, 0) << back->output;
  EXPECT_GT(during, 0) << "nothing was set while the upgrade ran";
  EXPECT_EQ(std::to_string(Status().groups(0).settings().threads()), last);
  echo->Enough();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
}

// Engine 0 of both daemons breaks on a signal (see farrierd-faulty).
class BrokenEngine : public Groups {
 protected:
  void StartFaultyCluster(std::map<std::string, std::string> env = {}) {
    env["FARRIER_TEST_FAULTY_ENGINE"] = "0";
    StartCluster({.config = R"("upgrade": {"blackoutMs": 300})",
                  .daemon = "farrierd-faulty",
                  .daemon_env = std::move(env)});
  }

  // An echo whose server's session is on `engine`.
  absl::StatusOr<Echo> EchoOn(uint32_t engine, int service) {
    for (;; ++service) {
      auto echo = Echo::Start(*cluster_, {.keep_going = true, .service = service});
      if (!echo.ok()) return echo;
      const host::StatusReply status = Status();
      for (const host::SessionStatus& session : status.sessions()) {
        if (session.pid() == echo->server().pid() && session.engine() == engine) {
          if (auto s = echo->AwaitVerified(20); !s.ok()) return s;
          return echo;
        }
      }
    }
  }

  bool AwaitCondition(const std::string& condition, uint64_t restarts = 0) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (absl::Now() < end) {
      const host::StatusReply status = Status();
      if (status.engines_size() > 0 && status.engines(0).scheduling().condition() == condition &&
          status.engines(0).scheduling().restarts() == restarts) {
        return true;
      }
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  }

  void ExpectThatItGoesOn(Echo& echo) {
    EXPECT_TRUE(echo.AwaitVerified(echo.Verified() + 100).ok()) << echo.client().Output();
  }
  void ExpectNothingLost(Echo& echo) {
    echo.Enough();
    auto account = echo.Finish();
    ASSERT_TRUE(account.ok()) << account.status().message();
    EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
  }

  Process& daemon() { return cluster_->daemon(kServer); }
};

TEST_F(BrokenEngine, ThatThrowsIsStartedAnewAndOthersGoOn) {
  StartFaultyCluster();
  auto failing = EchoOn(0, 10);
  ASSERT_TRUE(failing.ok()) << failing.status().message();
  auto other = EchoOn(1, 20);
  ASSERT_TRUE(other.ok()) << other.status().message();
  daemon().Signal(SIGUSR1);
  auto code = failing->client().Wait(absl::Seconds(20));
  ASSERT_TRUE(code.ok()) << "the client was not told that its connections have ended";
  EXPECT_NE(*code, 0);
  EXPECT_TRUE(AwaitCondition("running", /*restarts=*/1));
  EXPECT_THAT(daemon().Output(), HasSubstr("engine pony0 failed: it threw: as a test wants"));
  ExpectNothingLost(*other);
  auto fresh = EchoOn(0, 30);
  ASSERT_TRUE(fresh.ok()) << fresh.status().message();
  ExpectNothingLost(*fresh);
}

TEST_F(BrokenEngine, ThatHangsIsShownAndRefusedAnUpgradeAndDoesNotKeepTheDaemonFromEnding) {
  StartFaultyCluster();
  auto hanging = EchoOn(0, 10);
  ASSERT_TRUE(hanging.ok()) << hanging.status().message();
  auto other = EchoOn(1, 20);
  ASSERT_TRUE(other.ok()) << other.status().message();
  daemon().Signal(SIGUSR2);
  EXPECT_TRUE(AwaitCondition("hung"));
  ExpectThatItGoesOn(*other);
  auto shown = cluster_->Ctl(kServer, {"engines"});
  ASSERT_TRUE(shown.ok());
  EXPECT_THAT(shown->output, HasSubstr("engine 0 hangs: "));
  ASSERT_TRUE(Ctl({"group", "add", "fast"}).ok());
  EXPECT_THAT(std::string(Ctl({"engine", "place", "pony0", "--group", "fast"}).status().message()),
              HasSubstr("engine 0 hangs: "));
  auto upgrade = Upgrade("farrierd-next");
  ASSERT_TRUE(upgrade.ok());
  EXPECT_NE(upgrade->exit_code, 0);
  EXPECT_THAT(upgrade->output, HasSubstr("engine 0 hangs: "));
  ExpectThatItGoesOn(*other);

  daemon().Signal(SIGTERM);
  auto code = daemon().Wait(absl::Seconds(15));
  ASSERT_TRUE(code.ok()) << code.status().message();
  EXPECT_EQ(*code, 1);
  EXPECT_FALSE(std::filesystem::exists(cluster_->ControlSocket(kServer)));
  EXPECT_FALSE(std::filesystem::exists(cluster_->AppSocket(kServer)));
  EXPECT_THAT(daemon().Output(), HasSubstr("ending without its consent: engine 0 hangs"));
}

TEST_F(BrokenEngine, ThatComesBackHasLostNothing) {
  StartFaultyCluster();
  auto echo = EchoOn(0, 10);
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  daemon().Signal(SIGUSR2);
  EXPECT_TRUE(AwaitCondition("hung"));
  daemon().Signal(SIGUSR2);
  EXPECT_TRUE(AwaitCondition("running"));
  ExpectThatItGoesOn(*echo);
  ExpectNothingLost(*echo);
}

// An engine breaks at a step of an upgrade of its daemon.
class BrokenInUpgrade : public BrokenEngine, public ::testing::WithParamInterface<const char*> {};

TEST_P(BrokenInUpgrade, AnEngineThatHangsEndsTheUpgradeAndLosesNothingIfItComesBack) {
  StartFaultyCluster({{"FARRIER_TEST_SPIN_AT", GetParam()}});
  auto echo = EchoOn(0, 10);
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  auto upgrade = Upgrade("farrierd-next");
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  EXPECT_NE(upgrade->exit_code, 0);
  EXPECT_THAT(upgrade->output, HasSubstr("the upgrade was given up"));
  EXPECT_TRUE(AwaitCondition("hung")) << daemon().Output();
  daemon().Signal(SIGUSR2);
  EXPECT_TRUE(AwaitCondition("running")) << daemon().Output();
  ExpectThatItGoesOn(*echo);
  upgrade = Upgrade("farrierd-next");
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  EXPECT_EQ(upgrade->exit_code, 0) << upgrade->output;
  ExpectNothingLost(*echo);
}

TEST_P(BrokenInUpgrade, AnEngineThatThrowsEndsTheUpgradeAndIsStartedAnew) {
  StartFaultyCluster({{"FARRIER_TEST_THROW_AT", GetParam()}});
  auto failing = EchoOn(0, 10);
  ASSERT_TRUE(failing.ok()) << failing.status().message();
  auto other = EchoOn(1, 20);
  ASSERT_TRUE(other.ok()) << other.status().message();
  auto upgrade = Upgrade("farrierd-next");
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  EXPECT_NE(upgrade->exit_code, 0);
  EXPECT_THAT(upgrade->output, HasSubstr("the upgrade was given up"));
  auto code = failing->client().Wait(absl::Seconds(20));
  ASSERT_TRUE(code.ok()) << "the client was not told that its connections have ended";
  ExpectThatItGoesOn(*other);
  upgrade = Upgrade("farrierd-next");
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  EXPECT_EQ(upgrade->exit_code, 0) << upgrade->output;
  ExpectNothingLost(*other);
}

INSTANTIATE_TEST_SUITE_P(Steps, BrokenInUpgrade, ::testing::Values("receive ready", "write HELD"),
                         [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{" ", "_"}});
                         });

}  // namespace
}  // namespace farrier::e2e
