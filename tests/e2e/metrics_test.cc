// Real processes: farrierd's figures for Prometheus, as something that scrapes them sees them.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/testing/metrics_text.h"
#include "host/unix_socket.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/echo.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {
namespace {

using host::testing::DocumentedMetrics;
using host::testing::MetricsText;
using host::testing::ReadMetrics;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr int kServer = 1;

// A port of loopback that nobody listens at just now.
int FreePort() {
  const host::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length);
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

// GET /metrics over a connected socket; the body.
absl::StatusOr<std::string> Get(const host::UniqueFd& fd) {
  const timeval patience{.tv_sec = 60};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: farrier\r\n\r\n";
  send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char bytes[16384];
  for (;;) {
    const ssize_t got = recv(fd.get(), bytes, sizeof bytes, 0);
    if (got < 0) return absl::ErrnoToStatus(errno, "recv");
    if (got == 0) break;
    answer.append(bytes, static_cast<size_t>(got));
  }
  const size_t head = answer.find("\r\n\r\n");
  if (!absl::StartsWith(answer, "HTTP/1.1 200 ") || head == std::string::npos) {
    return absl::UnavailableError(absl::StrCat("answered: ", answer.substr(0, 300)));
  }
  const std::string body = answer.substr(head + 4);
  if (!absl::StrContains(answer, absl::StrCat("Content-Length: ", body.size(), "\r\n"))) {
    return absl::DataLossError("the answer was cut");
  }
  return body;
}

class Metrics : public ::testing::Test {
 protected:
  void StartCluster(ClusterOptions options = {}) {
    // Of the second host alone: the options are of both.
    port_ = FreePort();
    options.programs = FARRIER_BIN;
    options.host_config[kServer] =
        absl::StrCat(R"("metrics": {"address": "127.0.0.1:)", port_, "\"}");
    auto cluster = Cluster::Start(std::move(options));
    ASSERT_TRUE(cluster.ok()) << cluster.status().message();
    cluster_ = std::move(*cluster);
  }

  absl::StatusOr<std::string> Scrape() const {
    const host::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address{.sin_family = AF_INET,
                              .sin_port = htons(static_cast<uint16_t>(port_)),
                              .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return absl::ErrnoToStatus(errno, "connect");
    }
    return Get(fd);
  }

  MetricsText Read() const {
    const auto text = Scrape();
    EXPECT_TRUE(text.ok()) << text.status();
    return ReadMetrics(text.value_or(""));
  }

  // Until the samples say so; what they say then, or in the end.
  template <typename Condition>
  MetricsText Await(Condition condition) const {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    for (;;) {
      MetricsText read = Read();
      if (condition(read) || absl::Now() >= end) return read;
      absl::SleepFor(absl::Milliseconds(120));
    }
  }

  absl::StatusOr<Finished> Upgrade(const std::string& program) {
    return cluster_->Ctl(kServer, {"upgrade", "--binary", cluster_->Program(program)},
                         absl::Seconds(60));
  }

  int port_ = 0;
  std::unique_ptr<Cluster> cluster_;
};

// Counters of `before` that have become less, but for those of what has gone.
std::vector<std::string> WentBack(const MetricsText& before, const MetricsText& after) {
  std::vector<std::string> back;
  for (const auto& [sample, value] : before.samples) {
    const std::string name = sample.substr(0, sample.find('{'));
    const auto family = before.families.find(name);
    if (family == before.families.end() || family->second.type != "counter") continue;
    const auto now = after.Value(sample);
    if (now && *now < value) back.push_back(absl::StrCat(sample, ": ", value, " -> ", *now));
  }
  return back;
}

TEST_F(Metrics, GrowUnderTrafficAndAreThoseThatAreDocumented) {
  StartCluster();
  auto echo = Echo::Start(*cluster_, {.keep_going = true});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();
  const MetricsText before = Read();
  std::set<std::string> names;
  for (const auto& [name, family] : before.families) names.insert(name);
  EXPECT_EQ(names, DocumentedMetrics(FARRIER_METRICS_MD));

  ASSERT_TRUE(echo->AwaitVerified(echo->Verified() + 200).ok()) << echo->client().Output();
  const MetricsText after = Await([&](const MetricsText& now) {
    return now.Sum("farrier_app_cpu_seconds_total") > before.Sum("farrier_app_cpu_seconds_total");
  });
  EXPECT_THAT(WentBack(before, after), ::testing::IsEmpty());
  for (const char* name :
       {"farrier_uptime_seconds", "farrier_engine_cpu_seconds_total", "farrier_engine_polls_total",
        "farrier_engine_inputs_total", "farrier_thread_cpu_seconds_total",
        "farrier_app_cpu_seconds_total", "farrier_pony_messages_received_total",
        "farrier_card_rx_packets_total", "farrier_card_rx_bytes_total",
        "farrier_card_owner_rx_delivered_packets_total", "farrier_card_owner_tx_packets_total",
        "farrier_port_rx_packets_total"}) {
    EXPECT_GT(after.Sum(name), before.Sum(name)) << name;
  }
  for (const char* name : {"farrier_engine_memory_bytes", "farrier_app_memory_bytes",
                           "farrier_engine_queueing_delay_peak_seconds"}) {
    EXPECT_GT(after.Sum(name), 0) << name;
  }
  EXPECT_EQ(after.Sum("farrier_engine_condition", "condition=\"running\""), 2);
  EXPECT_EQ(after.Sum("farrier_group_mode", "mode=\"spreading\""), 1);
  EXPECT_EQ(after.Sum("farrier_card_owner_state", "state=\"ATTACHED\""), 2);
  EXPECT_THAT(after.Value("farrier_card_up"), Optional(1));
  echo->Enough();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
}

TEST_F(Metrics, AreThereAllThroughUpgradesAndCountThem) {
  StartCluster();
  auto echo = Echo::Start(*cluster_, {.keep_going = true, .connections = 4});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ASSERT_TRUE(echo->AwaitVerified(50).ok()) << echo->client().Output();
  const MetricsText before = Read();

  // Scraped without a pause.
  std::atomic<bool> over = false;
  int scrapes = 0;
  std::vector<std::string> failures;
  absl::Duration longest;
  std::set<std::string> versions;
  std::thread scraper([&] {
    while (!over) {
      const absl::Time begun = absl::Now();
      const auto text = Scrape();
      longest = std::max(longest, absl::Now() - begun);
      ++scrapes;
      if (!text.ok()) {
        failures.push_back(text.status().ToString());
        continue;
      }
      const size_t version = text->find("version=\"");
      versions.insert(text->substr(version, text->find('}', version) - version));
    }
  });
  for (const char* program : {"farrierd-next", "farrierd"}) {
    auto upgrade = Upgrade(program);
    EXPECT_TRUE(upgrade.ok() && upgrade->exit_code == 0) << upgrade->output;
    EXPECT_TRUE(echo->AwaitVerified(echo->Verified() + 50).ok()) << echo->client().Output();
  }
  over = true;
  scraper.join();
  RecordProperty("scrapes", scrapes);
  RecordProperty("longest_scrape_ms", static_cast<int>(absl::ToInt64Milliseconds(longest)));
  EXPECT_THAT(failures, ::testing::IsEmpty());
  EXPECT_EQ(versions.size(), 2u) << "nothing was scraped of one of them";

  const MetricsText after = Read();
  EXPECT_THAT(after.Value("farrier_upgrades_total{result=\"completed\"}"), Optional(2));
  EXPECT_THAT(after.Value("farrier_upgrades_total{result=\"given_up\"}"), Optional(0));
  EXPECT_THAT(after.Value("farrier_upgrade_blackout_seconds_count"), Optional(4)) << "2 engines";
  EXPECT_GT(after.Sum("farrier_upgrade_blackout_seconds_sum"), 0);
  EXPECT_GT(after.Sum("farrier_upgrade_last_blackout_seconds", "engine=\"pony1\""), 0);
  EXPECT_GT(after.Sum("farrier_upgrade_last_brownout_seconds"), 0);
  // What is carried along goes on.
  for (const char* name : {"farrier_pony_messages_received_total", "farrier_card_rx_packets_total",
                           "farrier_card_owner_rx_packets_total"}) {
    EXPECT_GT(after.Sum(name), before.Sum(name)) << name;
  }
  auto shown = cluster_->Ctl(kServer, {"status"});
  ASSERT_TRUE(shown.ok());
  EXPECT_THAT(shown->output, HasSubstr("upgrades: 2 completed, 0 given up; blackouts of the last"));
  echo->Enough();
  auto account = echo->Finish();
  ASSERT_TRUE(account.ok()) << account.status().message();
  EXPECT_EQ(Number(*account, "verified"), Number(*account, "sent"));
  const absl::Status stopped = cluster_->StopProcesses();
  EXPECT_TRUE(stopped.ok()) << stopped.message();
}

TEST_F(Metrics, AreThereWhenAnUpgradeIsGivenUpAndCountIt) {
  StartCluster({.daemon_env = {{"FARRIER_TEST_DIE_AT", "send committed"}}});
  auto upgrade = Upgrade("farrierd-faulty");  // which dies, having won an engine
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  EXPECT_NE(upgrade->exit_code, 0);
  const MetricsText after = Read();
  EXPECT_THAT(after.Value("farrier_upgrades_total{result=\"given_up\"}"), Optional(1));
  EXPECT_THAT(after.Value("farrier_upgrades_total{result=\"completed\"}"), Optional(0));
  EXPECT_THAT(after.Value("farrier_upgrade_in_progress"), Optional(0));
}

TEST_F(Metrics, ShowAnEngineThatHangsAndAreNotKeptByIt) {
  StartCluster({.daemon = "farrierd-faulty", .daemon_env = {{"FARRIER_TEST_FAULTY_ENGINE", "0"}}});
  const MetricsText before = Read();
  EXPECT_EQ(before.Sum("farrier_engine_condition", "condition=\"running\""), 2);
  cluster_->daemon(kServer).Signal(SIGUSR2);
  const MetricsText hung = Await([](const MetricsText& now) {
    return now.Sum("farrier_engine_condition", "condition=\"hung\"") == 1;
  });
  EXPECT_EQ(hung.Sum("farrier_engine_condition", "condition=\"hung\""), 1);
  EXPECT_EQ(hung.Sum("farrier_engine_condition", "condition=\"running\""), 1);
  EXPECT_EQ(hung.Sum("farrier_thread_quarantined"), 1);
  // The other one's are there, and its own as far as they can be known without it.
  EXPECT_EQ(
      hung.samples.count("farrier_pony_connections{engine=\"pony1\",group=\"pony\",kind=\"pony\"}"),
      1u);
  EXPECT_EQ(hung.samples.count(
                "farrier_engine_polls_total{engine=\"pony0\",group=\"pony\",kind=\"pony\"}"),
            1u);
  EXPECT_THAT(WentBack(before, hung), ::testing::IsEmpty());
  cluster_->daemon(kServer).Signal(SIGUSR2);
  const MetricsText back = Await([](const MetricsText& now) {
    return now.Sum("farrier_engine_condition", "condition=\"running\"") == 2;
  });
  EXPECT_EQ(back.Sum("farrier_engine_condition", "condition=\"running\""), 2);
  EXPECT_THAT(WentBack(hung, back), ::testing::IsEmpty());
}

TEST_F(Metrics, SayThatTheCardDoesNotAnswer) {
  StartCluster();
  cluster_->card(kServer).Signal(SIGKILL);
  ASSERT_TRUE(cluster_->card(kServer).Wait(absl::Seconds(5)).ok());
  const MetricsText read = Await(
      [](const MetricsText& now) { return now.Value("farrier_card_up") == std::optional(0.0); });
  EXPECT_THAT(read.Value("farrier_card_up"), Optional(0));
  EXPECT_EQ(read.Value("farrier_card_rx_packets_total"), std::nullopt);
  EXPECT_EQ(read.Sum("farrier_engine_condition", "condition=\"running\""), 2);
}

TEST_F(Metrics, APortThatIsInUseIsAnErrorAtTheStart) {
  StartCluster();
  cluster_->daemon(0).Stop();
  const std::string address = absl::StrCat("127.0.0.1:", port_);
  cluster_->set_host_config(0, absl::StrCat(R"("metrics": {"address": ")", address, "\"}"));
  EXPECT_FALSE(cluster_->StartDaemon(0).ok());
  EXPECT_THAT(cluster_->daemon(0).Output(),
              HasSubstr(absl::StrCat("farrierd: metrics.address: ", address,
                                     " is in use by another process; end that one")));
  EXPECT_FALSE(std::filesystem::exists(cluster_->ControlSocket(0)));
  EXPECT_FALSE(std::filesystem::exists(cluster_->AppSocket(0)));
}

TEST_F(Metrics, AreServedOnAUnixSocketToo) {
  StartCluster();
  const std::string path = cluster_->directory() / "metrics.sock";
  cluster_->daemon(0).Stop();
  cluster_->set_host_config(0, absl::StrCat(R"("metrics": {"address": ")", path, "\"}"));
  ASSERT_TRUE(cluster_->StartDaemon(0).ok()) << cluster_->daemon(0).Output();
  auto fd = host::ConnectUnix(path, SOCK_STREAM);
  ASSERT_TRUE(fd.ok()) << fd.status();
  const auto text = Get(*fd);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(ReadMetrics(*text).Value("farrier_card_up"), Optional(1));
  cluster_->daemon(0).Stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace farrier::e2e
