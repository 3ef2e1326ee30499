// Real processes: CPU time and memory charged to those they were spent for.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/control.pb.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/echo.h"

namespace farrier::e2e {
namespace {

constexpr int kServer = 1;

// CPU time of the threads of all groups, in seconds, by the kernel.
double KernelTime(const host::StatusReply& status) {
  double seconds = 0;
  for (const host::GroupStatus& group : status.groups()) {
    for (const host::ThreadStatus& thread : group.threads()) {
      uint64_t on_cpu_ns = 0;
      std::ifstream(absl::StrCat("/proc/", status.pid(), "/task/", thread.tid(), "/schedstat")) >>
          on_cpu_ns;
      EXPECT_GT(on_cpu_ns, 0u);
      seconds += static_cast<double>(on_cpu_ns) * 1e-9;
    }
  }
  return seconds;
}

// What the daemon says, in seconds, and the kernel before and after that.
struct Sample {
  double kernel_before = 0;
  double kernel_after = 0;
  double engines = 0;
  double engines_own = 0;
  std::map<int, double> apps;  // by pid
  std::map<int, uint64_t> memory;
};

Sample Take(const Cluster& cluster) {
  Sample sample;
  auto status = cluster.Status(kServer);
  if (status.ok()) {
    sample.kernel_before = KernelTime(*status);
    status = cluster.Status(kServer);
  }
  EXPECT_TRUE(status.ok()) << status.status().message();
  if (!status.ok()) return sample;
  sample.kernel_after = KernelTime(*status);
  for (const host::EngineStatus& engine : status->engines()) {
    sample.engines += engine.cpu_seconds();
    sample.engines_own += engine.own_cpu_seconds();
    EXPECT_GT(engine.memory_bytes(), 0u);
  }
  for (const host::SessionStatus& session : status->sessions()) {
    sample.apps[session.pid()] += session.cpu_seconds();
    sample.memory[session.pid()] += session.memory_bytes();
  }
  return sample;
}

TEST(Accounting, TheBusyAppIsChargedAndAllAddsUpToTheKernelsFigure) {
  auto started = Cluster::Start({.engines = 1, .programs = FARRIER_BIN});
  ASSERT_TRUE(started.ok()) << started.status().message();
  const Cluster& cluster = **started;
  auto idle = cluster.Launch("idle", {cluster.Program("pony-echo-server"), "--socket",
                                      cluster.AppSocket(kServer), "--service", "9"});
  ASSERT_TRUE(idle.ok()) << idle.status().message();
  ASSERT_TRUE(idle->WaitForOutput("listening", absl::Seconds(20)).ok());
  auto busy = Echo::Start(cluster, {.keep_going = true});
  ASSERT_TRUE(busy.ok()) << busy.status().message();
  ASSERT_TRUE(busy->AwaitVerified(50).ok()) << busy->client().Output();

  const Sample before = Take(cluster);
  absl::SleepFor(absl::Seconds(3));
  const Sample after = Take(cluster);
  busy->Enough();
  ASSERT_TRUE(busy->Finish().ok());

  const int busy_pid = busy->server().pid();
  const double charged = after.apps.at(busy_pid) - before.apps.at(busy_pid);
  const double engines = after.engines - before.engines;
  const double own = after.engines_own - before.engines_own;
  EXPECT_GE(engines, 0.95 * (after.kernel_before - before.kernel_after));
  EXPECT_LE(engines, 1.05 * (after.kernel_after - before.kernel_before));
  EXPECT_GT(engines, 0);
  EXPECT_NEAR(charged + own, engines, 0.01 * engines);
  EXPECT_GT(charged, 0.25 * engines);
  EXPECT_EQ(after.apps.at(idle->pid()), before.apps.at(idle->pid()));
  EXPECT_GE(after.memory.at(busy_pid), 1u << 20);
  RecordProperty("charged_percent", static_cast<int>(100 * charged / engines));
  RecordProperty("kernel_least_ms",
                 static_cast<int>(1000 * (after.kernel_before - before.kernel_after)));
  RecordProperty("engines_ms", static_cast<int>(1000 * engines));
  RecordProperty("kernel_most_ms",
                 static_cast<int>(1000 * (after.kernel_after - before.kernel_before)));
}

TEST(Accounting, AnUpgradeTakesWhatWasChargedAlong) {
  auto started = Cluster::Start({.engines = 2, .programs = FARRIER_BIN});
  ASSERT_TRUE(started.ok()) << started.status().message();
  const Cluster& cluster = **started;
  auto busy = Echo::Start(cluster, {.keep_going = true});
  ASSERT_TRUE(busy.ok()) << busy.status().message();
  ASSERT_TRUE(busy->AwaitVerified(50).ok()) << busy->client().Output();
  absl::SleepFor(absl::Seconds(2));

  Sample before = Take(cluster);
  for (const char* next : {"farrierd-next", "farrierd"}) {
    const auto upgraded =
        cluster.Ctl(kServer, {"upgrade", "--binary", cluster.Program(next)}, absl::Seconds(60));
    ASSERT_TRUE(upgraded.ok()) << upgraded.status().message();
    ASSERT_EQ(upgraded->exit_code, 0) << upgraded->output;
    const Sample after = Take(cluster);
    const int app = busy->server().pid();
    EXPECT_GE(after.apps.at(app), before.apps.at(app));
    EXPECT_GE(after.engines, before.engines);
    EXPECT_GE(after.engines_own, before.engines_own);
    EXPECT_NEAR(after.apps.at(app) + after.engines_own, after.engines, 0.01 * after.engines);
    before = after;
  }
  busy->Enough();
  ASSERT_TRUE(busy->Finish().ok());
}

}  // namespace
}  // namespace farrier::e2e
