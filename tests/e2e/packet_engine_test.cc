// Real processes: packet engines, moved and placed anew under traffic.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
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
using ::testing::HasSubstr;

constexpr int kPeer = 0;    // the host whose card packets come from and go to
constexpr int kServer = 1;  // the host with the packet engine
constexpr int kEdge = 2;    // its number, behind two Pony engines

// As in examples/packet_engine.json. It holds packets at every moment: the shaper is slower than
// the peer, and than the card.
constexpr char kConfig[] = R"("groups": [{"name": "pony"}, {"name": "packets"}],
  "packetEngines": [{"name": "edge", "group": "packets",
    "receive": [{"match": {"destination": "10.9.0.0/16"}}],
    "pipeline": {"elements": [
      {"name": "from-card", "fromPort": {"port": "card", "output": "arrived"}},
      {"name": "arrived", "counter": {"output": "firewall"}},
      {"name": "firewall", "acl": {
        "rules": [{"match": {"protocol": 17, "destinationPorts": {"first": 9}}, "action": "DENY"}],
        "otherwise": "ALLOW", "output": "slow"}},
      {"name": "slow", "shaper": {"rate": 200000, "burstBytes": 3000,
        "limits": {"packets": 1000, "bytes": 1500000}, "output": "tag"}},
      {"name": "tag", "vlanPush": {"id": 100, "output": "to-card"}},
      {"name": "to-card", "toPort": {"port": "card"}}]}}])";

class PacketEngines : public ::testing::TestWithParam<const char*> {
 protected:
  void StartCluster(ClusterOptions options = {}) {
    options.card = GetParam();
    if (options.host_config[kServer].empty()) options.host_config[kServer] = kConfig;
    options.programs = FARRIER_BIN;
    auto cluster = Cluster::Start(std::move(options));
    ASSERT_TRUE(cluster.ok()) << cluster.status().message();
    cluster_ = std::move(*cluster);
  }

  void StartPeer() {
    auto peer = cluster_->Launch(
        "peer", {cluster_->Program("farrier-packet-peer"), "--dir", cluster_->CardDirectory(kPeer),
                 "--json", cluster_->directory() / "peer.json"});
    ASSERT_TRUE(peer.ok()) << peer.status().message();
    peer_.emplace(std::move(*peer));
    const absl::Status attached = peer_->WaitForOutput("attached", absl::Seconds(20));
    ASSERT_TRUE(attached.ok()) << attached.message();
  }

  int Returned() {
    const std::string kLabel = "returned ";
    const std::string output = peer_->Output();
    const size_t at = output.rfind(kLabel);
    if (at == std::string::npos) return 0;
    const std::string rest = output.substr(at + kLabel.size());
    int returned = 0;
    return absl::SimpleAtoi(rest.substr(0, rest.find('\n')), &returned) ? returned : 0;
  }

  // More packets have come back than had.
  void ExpectThatTheyGoOn() {
    const int wanted = Returned() + 100;
    const absl::Time end = absl::Now() + absl::Seconds(40);
    while (Returned() < wanted && absl::Now() < end) absl::SleepFor(absl::Milliseconds(5));
    EXPECT_GE(Returned(), wanted) << peer_->Output();
  }

  // Ends the peer when all that is on its way has come back.
  google::protobuf::Struct FinishPeer() {
    peer_->Signal(SIGTERM);
    auto code = peer_->Wait(absl::Seconds(30));
    EXPECT_TRUE(code.ok() && *code == 0) << peer_->Output();
    google::protobuf::Struct account;
    const absl::Status read = ParseJsonFile(cluster_->directory() / "peer.json", account);
    EXPECT_TRUE(read.ok()) << read.message();
    return account;
  }

  host::StatusReply Status() {
    auto status = cluster_->Status(kServer);
    EXPECT_TRUE(status.ok()) << status.status().message();
    return status.ok() ? *status : host::StatusReply();
  }

  // By element and counter, as farrierctl elements tells them.
  std::map<std::string, uint64_t> Counters() {
    auto run = cluster_->Ctl(kServer, {"elements", "edge", "--json"});
    EXPECT_TRUE(run.ok() && run->exit_code == 0);
    host::StatusReply reply;
    EXPECT_TRUE(ParseJson(run->output, "the elements", reply).ok()) << run->output;
    std::map<std::string, uint64_t> counters;
    for (const host::EngineStatus& engine : reply.engines()) {
      for (const host::ElementStatus& element : engine.elements()) {
        for (const host::Counter& counter : element.counters()) {
          counters[element.name() + "." + counter.name()] = counter.value();
        }
      }
    }
    return counters;
  }

  host::UpgradeResult Upgrade(const std::string& program) {
    auto run = cluster_->Ctl(kServer, {"upgrade", "--json", "--binary", cluster_->Program(program)},
                             absl::Seconds(60));
    host::UpgradeResult result;
    EXPECT_TRUE(run.ok()) << run.status().message();
    if (!run.ok()) return result;
    EXPECT_EQ(run->exit_code, 0) << run->output;
    EXPECT_TRUE(ParseJson(run->output, "the result", result).ok()) << run->output;
    return result;
  }

  bool AwaitRestarts(uint64_t restarts) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (absl::Now() < end) {
      const host::StatusReply status = Status();
      if (status.engines_size() > kEdge &&
          status.engines(kEdge).scheduling().restarts() == restarts &&
          status.engines(kEdge).scheduling().condition() == "running") {
        return true;
      }
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  }

  std::unique_ptr<Cluster> cluster_;
  std::optional<Process> peer_;
};

class PacketEnginesOnBothCards : public PacketEngines {};

TEST_P(PacketEnginesOnBothCards, AreMovedWithAllTheyHoldAndPlacedAnewWithoutLosingAPacket) {
  StartCluster();
  StartPeer();
  auto echo = Echo::Start(*cluster_, {.keep_going = true, .max_bytes = 2000});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ExpectThatTheyGoOn();

  for (const char* program : {"farrierd-next", "farrierd"}) {
    const uint64_t arrived = Counters()["arrived.packets"];
    const host::UpgradeResult result = Upgrade(program);
    ASSERT_EQ(result.engines_size(), 3);
    EXPECT_EQ(result.engines(kEdge).kind(), "packet");
    EXPECT_EQ(result.engines(kEdge).name(), "edge");
    // What the shaper held moved as state.
    EXPECT_GT(result.engines(kEdge).state_bytes(), 50u * 200);
    EXPECT_GE(Counters()["arrived.packets"], arrived);
    ExpectThatTheyGoOn();
  }
  for (const char* mode : {"compacting", "dedicating", "spreading"}) {
    auto set = cluster_->Ctl(kServer, {"group", "set", "packets", "--mode", mode});
    ASSERT_TRUE(set.ok() && set->exit_code == 0) << set->output;
    ExpectThatTheyGoOn();
    EXPECT_EQ(Status().engines(kEdge).scheduling().mode(), mode);
  }

  echo->Enough();
  auto echoed = echo->Finish();
  ASSERT_TRUE(echoed.ok()) << echoed.status().message();
  EXPECT_EQ(Number(*echoed, "verified"), Number(*echoed, "sent"));
  const google::protobuf::Struct account = FinishPeer();
  EXPECT_EQ(Number(account, "lost"), 0);
  EXPECT_EQ(Number(account, "out_of_order"), 0);
  EXPECT_EQ(Number(account, "wrong"), 0);
  // Counters went on from process to process.
  std::map<std::string, uint64_t> counters = Counters();
  EXPECT_EQ(counters["arrived.packets"], Number(account, "sent") + Number(account, "denied"));
  EXPECT_EQ(counters["firewall.denied"], Number(account, "denied"));
  EXPECT_EQ(counters["to-card.packets"], Number(account, "sent"));
  EXPECT_EQ(counters["slow.holds_packets"], 0u);
  const absl::Status stopped = cluster_->StopProcesses();
  EXPECT_TRUE(stopped.ok()) << stopped.message();
}

TEST_P(PacketEngines, ReceiveAsDefaultOwnerWhatNobodyElseDoes) {
  ClusterOptions options;
  options.host_config[kServer] = absl::StrReplaceAll(
      kConfig,
      {{R"("receive": [{"match": {"destination": "10.9.0.0/16"}}])", R"("defaultOwner": true)"}});
  ASSERT_NE(options.host_config[kServer], kConfig);
  StartCluster(std::move(options));
  StartPeer();
  ExpectThatTheyGoOn();
  const google::protobuf::Struct account = FinishPeer();
  EXPECT_EQ(Number(account, "lost"), 0);
  EXPECT_EQ(Number(account, "out_of_order"), 0);
  EXPECT_EQ(Number(account, "wrong"), 0);
}

TEST_P(PacketEngines, AreShownWithTheirKind) {
  StartCluster();
  const host::StatusReply status = Status();
  ASSERT_EQ(status.engines_size(), 3);
  EXPECT_EQ(status.engines(0).kind(), "pony");
  EXPECT_EQ(status.engines(0).name(), "pony0");
  EXPECT_EQ(status.engines(kEdge).kind(), "packet");
  EXPECT_EQ(status.engines(kEdge).name(), "edge");
  EXPECT_EQ(status.engines(kEdge).state(), "ATTACHED");
  EXPECT_EQ(status.engines(kEdge).scheduling().group(), "packets");
  ASSERT_EQ(status.engines(kEdge).elements_size(), 6);
  EXPECT_EQ(status.engines(kEdge).elements(4).name(), "tag");
  EXPECT_EQ(status.engines(kEdge).elements(4).kind(), "vlanPush");
  const auto shown = [&](std::vector<std::string> args) {
    auto run = cluster_->Ctl(kServer, std::move(args));
    return run.ok() ? run->output : std::string(run.status().message());
  };
  EXPECT_THAT(shown({"engines"}), AllOf(HasSubstr("edge"), HasSubstr("packet")));
  EXPECT_THAT(shown({"status"}), AllOf(HasSubstr("edge"), HasSubstr("packet")));
  EXPECT_THAT(shown({"groups"}), HasSubstr("engines: 2 (packet edge)"));
  EXPECT_THAT(shown({"elements"}), AllOf(HasSubstr("firewall"), HasSubstr("vlanPush")));
  EXPECT_THAT(shown({"elements", "2"}), HasSubstr("firewall"));
  EXPECT_THAT(shown({"elements", "wedge"}),
              HasSubstr("there is no packet engine \"wedge\"; there are: edge"));
}

TEST_P(PacketEngines, ThatThrowAreStartedAnewAndOthersGoOn) {
  StartCluster({.daemon = "farrierd-faulty",
                .daemon_env = {{"FARRIER_TEST_FAULTY_ENGINE", absl::StrCat(kEdge)}}});
  StartPeer();
  auto echo = Echo::Start(*cluster_, {.keep_going = true, .max_bytes = 2000});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  ExpectThatTheyGoOn();
  cluster_->daemon(kServer).Signal(SIGUSR1);
  EXPECT_TRUE(AwaitRestarts(1)) << cluster_->daemon(kServer).Output();
  EXPECT_THAT(cluster_->daemon(kServer).Output(),
              AllOf(HasSubstr("engine edge failed: it threw: as a test wants"),
                    HasSubstr("engine 2 was started anew, empty; what it held is lost")));
  ExpectThatTheyGoOn();
  const google::protobuf::Struct account = FinishPeer();
  EXPECT_EQ(Number(account, "out_of_order"), 0);
  EXPECT_EQ(Number(account, "wrong"), 0);
  EXPECT_LT(Counters()["to-card.packets"], Number(account, "returned")) << "it began at 0";
  echo->Enough();
  auto echoed = echo->Finish();
  ASSERT_TRUE(echoed.ok()) << echoed.status().message();
  EXPECT_EQ(Number(*echoed, "verified"), Number(*echoed, "sent"));
}

// The successor dies when it has all engines: the old process takes the rows back.
TEST_P(PacketEngines, AreEmptyButGoOnWhenASuccessorDiesWithThem) {
  StartCluster({.daemon_env = {{"FARRIER_TEST_DIE_AT", "receive all_moved"}}});
  StartPeer();
  ExpectThatTheyGoOn();
  auto upgrade = cluster_->Ctl(
      kServer, {"upgrade", "--binary", cluster_->Program("farrierd-faulty")}, absl::Seconds(60));
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  EXPECT_NE(upgrade->exit_code, 0) << "the step never came";
  ExpectThatTheyGoOn();
  const google::protobuf::Struct account = FinishPeer();
  EXPECT_EQ(Number(account, "out_of_order"), 0);
  EXPECT_EQ(Number(account, "wrong"), 0);
  EXPECT_LT(Counters()["to-card.packets"], Number(account, "returned")) << "it began at 0";
  upgrade = cluster_->Ctl(kServer, {"upgrade", "--binary", cluster_->Program("farrierd-next")},
                          absl::Seconds(60));
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().message();
  EXPECT_EQ(upgrade->exit_code, 0) << upgrade->output;
}

std::string CardName(const ::testing::TestParamInfo<const char*>& info) { return info.param; }
INSTANTIATE_TEST_SUITE_P(Cards, PacketEnginesOnBothCards, ::testing::Values("model", "rtl"),
                         CardName);
INSTANTIATE_TEST_SUITE_P(Cards, PacketEngines, ::testing::Values("model"), CardName);

}  // namespace
}  // namespace farrier::e2e
