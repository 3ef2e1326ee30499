// Real processes: hosts without a card, which each have one inside farrierd.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/e2e/cluster.h"
#include "tests/e2e/echo.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {
namespace {

using ::testing::HasSubstr;

class Embedded : public ::testing::TestWithParam<Wire> {};

TEST_P(Embedded, CardsCarryAnEchoAndRefuseAnUpgrade) {
  if (GetParam() == Wire::kVeth && geteuid() != 0) {
    GTEST_SKIP() << "network namespaces need root";
  }
  auto cluster = Cluster::Start({.card = "embedded", .wire = GetParam(), .programs = FARRIER_BIN});
  ASSERT_TRUE(cluster.ok()) << cluster.status().message();
  auto echo = Echo::Start(**cluster, {.messages = 500, .keep_going = true, .connections = 4});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();

  auto status = (*cluster)->Status(1);
  ASSERT_TRUE(status.ok()) << status.status().message();
  EXPECT_EQ(status->card().kind(), "embedded");
  auto upgrade = (*cluster)->Ctl(1, {"upgrade", "--binary", (*cluster)->Program("farrierd-next")});
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  EXPECT_NE(upgrade->exit_code, 0);
  EXPECT_THAT(upgrade->output, HasSubstr("embedded in this farrierd"));

  ASSERT_TRUE(echo->AwaitVerified(echo->Verified() + 100).ok()) << echo->client().Output();
  echo->Enough();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
  const absl::Status stopped = (*cluster)->StopProcesses();
  EXPECT_TRUE(stopped.ok()) << stopped.message();
}

INSTANTIATE_TEST_SUITE_P(Wires, Embedded, ::testing::Values(Wire::kMemif, Wire::kVeth),
                         [](const auto& info) {
                           return info.param == Wire::kMemif ? "memif" : "veth";
                         });

// Its peer's death is no reason to fall; and it starts again.
TEST(EmbeddedCard, ADaemonThatIsKilledComesBackWithANewCard) {
  auto cluster = Cluster::Start({.card = "embedded", .programs = FARRIER_BIN});
  ASSERT_TRUE(cluster.ok()) << cluster.status().message();
  (*cluster)->daemon(1).Signal(SIGKILL);
  ASSERT_TRUE((*cluster)->daemon(1).Wait(absl::Seconds(5)).ok());
  ASSERT_TRUE((*cluster)->StartDaemon(1).ok());
  auto echo = Echo::Start(**cluster, {.messages = 300});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), 300);
}

TEST(EmbeddedCard, APortThatIsNoneIsAnErrorThatNamesIt) {
  const std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / "farrier_no_port.json";
  std::ofstream(path) << R"({"name": "a", "card": {"embedded": {"port": "net_nonsense0"}},
    "network": {"ip": "10.0.0.1", "mac": "02:00:00:00:00:01"}, "pony": {"firstPort": 7000},
    "appSocket": "/tmp/farrier-no-port-app", "controlSocket": "/tmp/farrier-no-port-control"})";
  auto run = RunToEnd({.argv = {std::string(FARRIER_BIN) + "/farrierd", "--config", path}},
                      absl::Seconds(20));
  std::filesystem::remove(path);
  ASSERT_TRUE(run.ok()) << run.status().message();
  EXPECT_EQ(run->exit_code, 1);
  EXPECT_THAT(run->output, HasSubstr("card.embedded.port"));
  EXPECT_THAT(run->output, HasSubstr("net_nonsense0"));
}

}  // namespace
}  // namespace farrier::e2e
