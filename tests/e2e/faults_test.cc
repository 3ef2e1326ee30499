// Real processes: deaths and nonsense. A clear error or a counted drop, and nobody else hurt.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "hw/driver/owner_row.h"
#include "hw/driver/socket_csr_window.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/echo.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {
namespace {

using ::testing::HasSubstr;

constexpr int kServer = 1;

class Faults : public ::testing::Test {
 protected:
  void SetUp() override {
    auto cluster = Cluster::Start({.programs = FARRIER_BIN});
    ASSERT_TRUE(cluster.ok()) << cluster.status().message();
    cluster_ = std::move(*cluster);
  }

  void ExpectThatAnEchoWorks(int service, int messages = 300) {
    auto echo = Echo::Start(*cluster_, {.messages = messages, .service = service});
    ASSERT_TRUE(echo.ok()) << echo.status().message();
    auto account = echo->Finish();
    ASSERT_TRUE(account.ok()) << account.status().message();
    EXPECT_EQ(Number(*account, "verified"), messages);
  }

  std::unique_ptr<Cluster> cluster_;
};

// Sends `datagrams` of random bytes to a Unix socket of the given type.
void SendNonsense(const std::filesystem::path& path, int type, int datagrams) {
  std::srand(1);
  for (int i = 0; i < datagrams; ++i) {
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    sockaddr_un address{.sun_family = AF_UNIX};
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << path;
    std::string bytes(std::rand() % 300, '\0');
    for (char& byte : bytes) byte = static_cast<char>(std::rand());
    send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (i % 2 == 0) usleep(1000);
    close(fd);
  }
}

TEST_F(Faults, AKilledDaemonComesBackAndAppsReconnect) {
  auto echo = Echo::Start(*cluster_, {.messages = 100'000});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();

  // Hold one engine's packets on the card, as in a blackout, then kill the daemon.
  auto csrs = driver::SocketCsrWindow::Connect(cluster_->CardDirectory(kServer) / "csr.sock");
  ASSERT_TRUE(csrs.ok()) << csrs.status().message();
  const uint32_t before = (*csrs)->Read(regs::kRegOwnerSwitch(1)).value();
  regs::SwitchWord word = regs::SwitchWord::Unpack(before);
  word.state = static_cast<uint32_t>(regs::OwnerState::kHeld);
  ASSERT_TRUE((*csrs)->Write(regs::kRegOwnerSwitch(1), word.Pack()).ok());
  const absl::Time end = absl::Now() + absl::Seconds(10);
  while ((*csrs)->Read(regs::kRegOwnerParked(1)).value() == 0) {
    ASSERT_LT(absl::Now(), end) << "the card parked nothing";
    absl::SleepFor(absl::Milliseconds(1));
  }
  cluster_->daemon(kServer).Signal(SIGKILL);
  ASSERT_TRUE(cluster_->daemon(kServer).Wait(absl::Seconds(5)).ok());

  // The card stays: row, filters, parked packets.
  word = regs::SwitchWord::Unpack((*csrs)->Read(regs::kRegOwnerSwitch(1)).value());
  EXPECT_EQ(word.state, static_cast<uint32_t>(regs::OwnerState::kHeld));
  EXPECT_GT((*csrs)->Read(regs::kRegOwnerParked(1)).value(), 0u);

  ASSERT_TRUE(cluster_->StartDaemon(kServer).ok());
  // The client's connections are reset: it says so and ends. The server opens a new session.
  auto code = echo->client().Wait(absl::Seconds(30));
  ASSERT_TRUE(code.ok()) << code.status().message();
  EXPECT_NE(*code, 0);
  EXPECT_TRUE(echo->server().Running());
  EXPECT_EQ((*csrs)->Read(regs::kRegOwnerParked(1)).value(), 0u);
  ExpectThatAnEchoWorks(9);
}

TEST_F(Faults, NonsenseOnEverySocketHurtsNobody) {
  auto echo = Echo::Start(*cluster_, {.messages = 1500});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  SendNonsense(cluster_->CardDirectory(kServer) / "csr.sock", SOCK_SEQPACKET, 200);
  SendNonsense(cluster_->AppSocket(kServer), SOCK_SEQPACKET, 200);
  SendNonsense(cluster_->ControlSocket(kServer), SOCK_STREAM, 50);
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), 1500);
  EXPECT_TRUE(cluster_->Status(kServer).ok());
}

TEST_F(Faults, AnAppThatStopsOrDiesHurtsNobodyElse) {
  auto stopped = Echo::Start(*cluster_, {.messages = 100'000, .service = 7});
  ASSERT_TRUE(stopped.ok()) << stopped.status().message();
  ASSERT_TRUE(stopped->AwaitVerified(50).ok());
  stopped->server().Signal(SIGSTOP);  // its rings fill
  ExpectThatAnEchoWorks(8, 1000);
  stopped->server().Signal(SIGKILL);
  auto code = stopped->client().Wait(absl::Seconds(20));
  ASSERT_TRUE(code.ok()) << "the client was not told that its peer died";
  EXPECT_NE(*code, 0);
  ExpectThatAnEchoWorks(9);
}

TEST_F(Faults, ASecondDaemonOnTheCardIsRefusedAndLearnsWhoHasIt) {
  // The same card, but other sockets.
  const std::filesystem::path config = cluster_->directory() / "second.json";
  std::ofstream(config) << absl::StrReplaceAll(
      cluster_->Config(kServer),
      {{"app2.sock", "second-app.sock"}, {"control2.sock", "second-control.sock"}});
  const auto second = [&] {
    auto run =
        RunToEnd({.argv = {cluster_->Program("farrierd"), "--config", config}}, absl::Seconds(30));
    EXPECT_TRUE(run.ok()) << run.status().message();
    EXPECT_EQ(run->exit_code, 1);
    return run->output;
  };
  EXPECT_THAT(second(), HasSubstr("function A of the card at"));
  auto upgrade = cluster_->Ctl(kServer, {"upgrade", "--binary", cluster_->Program("farrierd-next")},
                               absl::Seconds(60));
  ASSERT_TRUE(upgrade.ok() && upgrade->exit_code == 0) << upgrade->output;
  EXPECT_THAT(second(), HasSubstr("a farrierd on its function B holds the lease and lives"));
  auto status = cluster_->Status(kServer);
  ASSERT_TRUE(status.ok()) << status.status().message();
  EXPECT_TRUE(status->card().leased());
  EXPECT_EQ(status->card().lease_function(), 1u);
  ExpectThatAnEchoWorks(7);
}

TEST(Heartbeat, ADaemonThatWasStoppedHasItsPacketsHeldAndTakesThemBack) {
  auto cluster = Cluster::Start({.card_config = "\"heartbeatMs\": 300", .programs = FARRIER_BIN});
  ASSERT_TRUE(cluster.ok()) << cluster.status().message();
  auto echo = Echo::Start(**cluster, {.messages = 1000, .keep_going = true});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(100).ok()) << echo->client().Output();
  (*cluster)->daemon(kServer).Signal(SIGSTOP);
  absl::SleepFor(absl::Seconds(1));
  auto window = driver::SocketCsrWindow::Connect((*cluster)->CardDirectory(kServer) / "csr.sock");
  ASSERT_TRUE(window.ok()) << window.status();
  const auto row = driver::OwnerRow(**window, runtime::OwnerId{1}).Read();
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(row->state, static_cast<uint32_t>(regs::OwnerState::kHeld));
  (*cluster)->daemon(kServer).Signal(SIGCONT);
  echo->Enough();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
  const auto after = driver::OwnerRow(**window, runtime::OwnerId{1}).Read();
  EXPECT_EQ(after->state, static_cast<uint32_t>(regs::OwnerState::kAttached));
  EXPECT_GT(after->generation, row->generation);
}

TEST_F(Faults, AKilledCardIsAnErrorThatNamesIt) {
  cluster_->card(kServer).Signal(SIGKILL);
  ASSERT_TRUE(cluster_->card(kServer).Wait(absl::Seconds(5)).ok());
  auto run = cluster_->Ctl(kServer, {"status"});
  ASSERT_TRUE(run.ok()) << run.status().message();
  EXPECT_TRUE(run->exit_code == 0 || run->output.find("csr.sock") != std::string::npos)
      << run->output;
  EXPECT_TRUE(cluster_->daemon(kServer).Running());
}

struct BadConfig {
  const char* name;
  const char* text;
  const char* complaint;
};

class Config : public ::testing::TestWithParam<BadConfig> {};

TEST_P(Config, IsRefusedByTheNameOfTheField) {
  const std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / absl::StrCat("farrier_", GetParam().name);
  std::ofstream(path) << GetParam().text;
  auto run = RunToEnd({.argv = {std::string(FARRIER_BIN) + "/farrierd", "--config", path}},
                      absl::Seconds(20));
  std::filesystem::remove(path);
  ASSERT_TRUE(run.ok()) << run.status().message();
  EXPECT_NE(run->exit_code, 0);
  EXPECT_LT(run->exit_code, 128) << "died of a signal";
  EXPECT_THAT(run->output, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Bad, Config,
    ::testing::Values(BadConfig{"empty", "", ""}, BadConfig{"not_json", "{\"name\": ", ""},
                      BadConfig{"unknown", R"({"name": "a", "colour": "red"})", "colour"},
                      BadConfig{"bad_ip",
                                R"({"name": "a", "card": {"sim": {"directory": "/x"}},
                                    "network": {"ip": "10.0.0.256", "mac": "02:00:00:00:00:01"},
                                    "pony": {"firstPort": 7000},
                                    "appSocket": "/x/a", "controlSocket": "/x/c"})",
                                "network.ip"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace farrier::e2e
