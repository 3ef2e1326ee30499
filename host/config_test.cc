#include "host/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/group_settings.h"

namespace farrier::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::string_view kGood = R"({
  "name": "host2",
  "card": {"sim": {"directory": "/run/farrier/card2"}},
  "network": {
    "ip": "10.0.0.2", "mac": "02:00:00:00:00:02",
    "neighbors": [{"ip": "10.0.0.1", "mac": "02:00:00:00:00:01", "firstPort": 7000, "engines": 2}]
  },
  "pony": {"firstPort": 7000, "engines": 2},
  "appSocket": "/run/farrier/host2/app.sock",
  "controlSocket": "/run/farrier/host2/control.sock"
})";

// What ParseConfig says of the good configuration with `from` replaced by `to`.
std::string ErrorWith(absl::string_view from, absl::string_view to) {
  const std::string json = absl::StrReplaceAll(kGood, {{from, to}});
  EXPECT_NE(json, kGood) << "nothing was replaced";
  return std::string(ParseConfig(json, "f.json").status().message());
}

TEST(Config, TheDocumentedExampleIsAcceptedAndDefaultsAreSet) {
  absl::StatusOr<Config> config = ParseConfig(kGood, "f.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->pony().window(), 64u);
  EXPECT_EQ(config->pony().pacing_mbps(), 10'000u);
  EXPECT_FALSE(config->pony().has_queues_per_engine()) << "the card decides";
  EXPECT_EQ(config->card().heartbeat_ms(), 0u);
  EXPECT_EQ(config->network().mtu(), 1500u);
  EXPECT_EQ(config->card().watchdog_ms(), 10'000u);
  EXPECT_EQ(config->upgrade().blackout_ms(), 1'000u);
  EXPECT_FALSE(config->card().has_quota_cells());
}

constexpr absl::string_view kSim = R"({"sim": {"directory": "/run/farrier/card2"}})";

TEST(Config, ACardOnTheFpgaIsAccepted) {
  const std::string json = absl::StrReplaceAll(
      kGood, {{kSim, R"({"fpga": {"device": "0000:81:00", "pmd": "/lib/q.so"}})"}});
  absl::StatusOr<Config> config = ParseConfig(json, "f.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->card().fpga().device(), "0000:81:00");
  EXPECT_FALSE(config->card().fpga().rs_fec());
}

TEST(Config, ACardOnTheFpgaHasAnAddressAndADriver) {
  EXPECT_THAT(ErrorWith(kSim, R"({"fpga": {}})"),
              AllOf(HasSubstr("card.fpga.device: missing"), HasSubstr("card.fpga.pmd: missing")));
  EXPECT_THAT(ErrorWith(kSim, R"({"fpga": {"device": "0000:81:00.0", "pmd": "q.so"}})"),
              AllOf(HasSubstr("card.fpga.device: \"0000:81:00.0\" must be"),
                    HasSubstr("card.fpga.pmd: \"q.so\" must be an absolute path")));
  EXPECT_THAT(ErrorWith(kSim, R"({"fpga": {"rsFec": 1}})"), HasSubstr("1 must be true or false"));
  EXPECT_FALSE(
      ErrorWith(kSim, R"({"sim": {"directory": "/a"}, "fpga": {"device": "0000:81:00"}})").empty())
      << "two cards";
}

// As kGood, with groups, and placements of engines.
std::string WithGroups(absl::string_view groups, absl::string_view placement) {
  return absl::StrReplaceAll(
      kGood, {{R"("pony": {)", absl::StrCat(R"("groups": )", groups, R"(, "pony": {"placement": )",
                                            placement, ", ")}});
}
std::string ErrorWithGroups(absl::string_view groups, absl::string_view placement) {
  return std::string(ParseConfig(WithGroups(groups, placement), "f.json").status().message());
}

TEST(Config, WithoutGroupsThereIsOneThatSpreads) {
  const Config config = ParseConfig(kGood, "f.json").value();
  ASSERT_EQ(config.groups_size(), 1);
  EXPECT_EQ(config.groups(0).name(), "pony");
  EXPECT_EQ(config.groups(0).mode(), "spreading");
  EXPECT_EQ(config.groups(0).cores(), "all");
  EXPECT_EQ(config.groups(0).weight(), 100u);
  EXPECT_EQ(config.groups(0).hang_limit_ms(), 200u);
}

TEST(Config, GroupsAndPlacementsAreTaken) {
  absl::StatusOr<Config> config = ParseConfig(
      WithGroups(R"([{"name": "fast", "mode": "dedicating", "cores": "0-1,3", "threads": 2},
                     {"name": "rest", "mode": "compacting", "threadClass": "fifo",
                      "delayTargetUs": 50, "maxSpinUs": 5, "idleExitUs": "20"}])",
                 R"([{"engine": 0, "group": "rest", "weight": 2}])"),
      "f.json");
  ASSERT_TRUE(config.ok()) << config.status();
  const runtime::GroupOptions fast = GroupOptionsOf(config->groups(0), 1).value();
  EXPECT_EQ(fast.mode, runtime::GroupMode::kDedicating);
  EXPECT_EQ(fast.cores, (std::vector<int>{0, 1, 3}));
  EXPECT_EQ(fast.threads, 2);
  const runtime::GroupOptions rest = GroupOptionsOf(config->groups(1), 1).value();
  EXPECT_EQ(rest.thread_class, runtime::ThreadClass::kFifo);
  EXPECT_EQ(rest.delay_target, 50 * runtime::kMicrosecond);
  EXPECT_EQ(rest.max_spin, 5 * runtime::kMicrosecond);
  EXPECT_EQ(fast.idle_exit, std::nullopt);
  EXPECT_EQ(rest.idle_exit, 20 * runtime::kMicrosecond);
  EXPECT_EQ(config->pony().placement(0).weight(), 2u);
}

TEST(Config, ASpreadingGroupHasAThreadReadyForEachEngine) {
  const Config config = ParseConfig(kGood, "f.json").value();
  EXPECT_EQ(GroupOptionsOf(config.groups(0), 5).value().threads, 5);
}

TEST(Config, GroupsThatMakeNoSenseAreRefused) {
  EXPECT_THAT(
      ErrorWithGroups(R"([{"name": "a", "mode": "fast"}, {"name": "a", "cores": "3-1"},
                          {"name": "b b", "threadClass": "rt"}, {"mode": "spreading"},
                          {"name": "c", "cpuPercent": 99, "delayTargetUs": 0,
                           "hangLimitMs": 4294967295, "idleExitUs": "never"},
                          {"name": "d", "idleExitUs": "2000000"}])",
                      "[]"),
      AllOf(HasSubstr("groups[0]: mode is \"fast\", and must be"),
            HasSubstr("groups[1].name: \"a\" stands in the list already"),
            HasSubstr("groups[1]: cores: \"3-1\""), HasSubstr("groups[2].name: \"b b\" must be"),
            HasSubstr("groups[2]: threadClass is \"rt\""), HasSubstr("groups[3].name: missing"),
            HasSubstr("cpuPercent is 99%, and must be 1 to 95"),
            HasSubstr("groups[4]: idleExitUs is \"never\", and must be a number"),
            HasSubstr("groups[5]: idleExitUs is 2000000 us, and must be 0 to 1000000"),
            HasSubstr("delayTargetUs is 0 us"), HasSubstr("hangLimitMs is 4294967295 ms")));
}

TEST(Config, SpinningThreadsGetNoRealTimeClass) {
  EXPECT_THAT(
      ErrorWithGroups(R"([{"name": "a", "mode": "dedicating", "threadClass": "fifo"}])", "[]"),
      HasSubstr("groups[0]: threadClass is fifo, and dedicating threads"));
}

TEST(Config, PlacementsThatMakeNoSenseAreRefused) {
  EXPECT_THAT(ErrorWithGroups(R"([{"name": "a"}, {"name": "b"}])",
                              R"([{"engine": 2, "group": "a"}, {"group": "c"}, {"engine": 1},
                                  {"engine": 1, "group": "b", "weight": 0}])"),
              AllOf(HasSubstr("pony.placement[0].engine: 2 is none of the 2 engines"),
                    HasSubstr("pony.placement[1].engine: missing"),
                    HasSubstr("pony.placement[1].group: \"c\" is no group; there are: a, b"),
                    HasSubstr("pony.placement[2].group: missing"),
                    HasSubstr("pony.placement[3].engine: 1 stands in the list already"),
                    HasSubstr("pony.placement[3].weight: 0 must be from 1 to 1000")));
}

TEST(Config, EngineOptionsFollowTheIdentities) {
  const Config config = ParseConfig(kGood, "f.json").value();
  const pony::EngineOptions options = EngineOptionsFor(config, 1);
  EXPECT_EQ(options.id, 1u);
  EXPECT_EQ(options.udp_port, 7001);
  EXPECT_EQ(options.engines, 2);
  EXPECT_EQ(options.ip, 0x0A000002u);
  EXPECT_EQ(options.mac, (pony::MacAddress{2, 0, 0, 0, 0, 2}));
  ASSERT_EQ(options.neighbors.size(), 1u);
  EXPECT_EQ(options.neighbors[0].ip, 0x0A000001u);
  EXPECT_EQ(options.neighbors[0].first_port, 7000);
  EXPECT_EQ(options.min_rto, 10 * runtime::kMillisecond);
}

TEST(Config, AnUnknownFieldIsRefusedByItsPathWithTheKnownOnes) {
  EXPECT_THAT(ErrorWith("\"neighbors\"", "\"nieghbors\""),
              AllOf(HasSubstr("f.json: network.nieghbors: unknown field"),
                    HasSubstr("ip, mac, neighbors, mtu")));
  EXPECT_THAT(ErrorWith("\"name\"", "\"nam\""), HasSubstr("nam: unknown field"));
  EXPECT_THAT(ErrorWith("\"engines\": 2}]", "\"engine\": 2}]"),
              HasSubstr("network.neighbors[0].engine: unknown field"));
}

TEST(Config, AFieldGivenUnderBothItsNamesIsRefused) {
  EXPECT_THAT(ErrorWith("\"appSocket\":", "\"app_socket\": \"/a\", \"appSocket\":"),
              HasSubstr("given twice"));
}

TEST(Config, AWrongTypeIsRefusedByItsPathAndValue) {
  EXPECT_THAT(ErrorWith("\"host2\"", "17"), HasSubstr("name: 17 must be a string"));
  EXPECT_THAT(ErrorWith("\"engines\": 2", "\"engines\": \"two\""),
              HasSubstr("pony.engines: \"two\" must be a whole number"));
  EXPECT_THAT(ErrorWith("\"engines\": 2", "\"engines\": 1.5"), HasSubstr("1.5 must be a whole"));
  EXPECT_THAT(ErrorWith("\"engines\": 2", "\"engines\": -1"), HasSubstr("-1 must be a whole"));
  EXPECT_THAT(ErrorWith("\"engines\": 2", "\"engines\": 1e300"), HasSubstr("must be a whole"));
  EXPECT_THAT(ErrorWith("\"engines\": 2", "\"engines\": null"),
              HasSubstr("null must be a whole number"));
  EXPECT_THAT(ErrorWith("{\"sim\": {\"directory\": \"/run/farrier/card2\"}}", "\"sim\""),
              HasSubstr("card: \"sim\" must be an object"));
}

TEST(Config, AListWhereOneValueBelongsIsRefused) {
  EXPECT_THAT(ErrorWith("\"host2\"", "[\"host2\"]"),
              HasSubstr("name: [\"host2\"] must be a string"));
  EXPECT_THAT(ErrorWith("[{\"ip\": \"10.0.0.1\", \"mac\": \"02:00:00:00:00:01\", \"firstPort\": "
                        "7000, \"engines\": 2}]",
                        "{}"),
              HasSubstr("network.neighbors: {} must be a list"));
}

TEST(Config, WhatIsNotJsonIsRefused) {
  for (absl::string_view text : {"", "{", "[]", "7", "{\"name\": }", "\xff\xfe", "{\"a\":1}}",
                                 "{\"name\": \"a\", \"name\": \"b\"}"}) {
    absl::StatusOr<Config> config = ParseConfig(text, "f.json");
    EXPECT_FALSE(config.ok()) << text;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr("f.json: ")) << text;
  }
}

TEST(Config, DeepNestingAndHugeFilesAreRefusedWithoutHarm) {
  EXPECT_FALSE(ParseConfig(std::string(100'000, '['), "f").ok());
  std::string nested;
  for (int i = 0; i < 10'000; ++i) nested += "{\"card\":";
  EXPECT_FALSE(ParseConfig(nested, "f").ok());
  EXPECT_THAT(std::string(ParseConfig(std::string(2 << 20, ' '), "f").status().message()),
              HasSubstr("too long"));
}

TEST(Config, WhatIsMissingIsNamedWithAnExample) {
  const std::string error(ParseConfig("{}", "f.json").status().message());
  for (absl::string_view field :
       {"name", "card", "network", "pony", "appSocket", "controlSocket"}) {
    EXPECT_THAT(error, HasSubstr(absl::StrCat("f.json: ", field, ": missing; give it, e.g. ")));
  }
  EXPECT_THAT(ErrorWith("\"ip\": \"10.0.0.2\",", ""), HasSubstr("network.ip: missing"));
  EXPECT_THAT(ErrorWith("\"ip\": \"10.0.0.1\",", ""),
              HasSubstr("network.neighbors[0].ip: missing"));
  EXPECT_THAT(ErrorWith("{\"sim\": {\"directory\": \"/run/farrier/card2\"}}", "{}"),
              HasSubstr("card.sim: missing"));
  EXPECT_THAT(ErrorWith("{\"directory\": \"/run/farrier/card2\"}", "{}"),
              HasSubstr("card.sim.directory: missing"));
  EXPECT_THAT(ErrorWith("\"firstPort\": 7000, \"engines\": 2}]", "\"engines\": 2}]"),
              HasSubstr("network.neighbors[0].firstPort: missing"));
}

TEST(Config, AnEmbeddedCardHasAPort) {
  const auto with = [](const char* card) {
    return ErrorWith("{\"sim\": {\"directory\": \"/run/farrier/card2\"}}", card);
  };
  EXPECT_EQ(with(R"({"embedded": {"port": "net_af_packet0,iface=eth1"}})"), "");
  EXPECT_THAT(with(R"({"embedded": {}})"), HasSubstr("card.embedded.port: missing"));
  EXPECT_THAT(with(R"({"embedded": {"port": "net\u0000"}})"),
              HasSubstr("card.embedded.port: \"net\" contains a zero byte"));
  EXPECT_THAT(with(R"({"embedded": {"port": "x"}, "sim": {"directory": "/x"}})"),
              HasSubstr("card"));
}

TEST(Config, AllErrorsAreReportedAtOnce) {
  const std::string error(ParseConfig(R"({"name": "a b", "network": {"ip": "x", "mac": "y"}})", "f")
                              .status()
                              .message());
  EXPECT_THAT(error, AllOf(HasSubstr("name: \"a b\""), HasSubstr("network.ip: \"x\""),
                           HasSubstr("network.mac: \"y\""), HasSubstr("pony: missing")));
}

TEST(Config, BadAddressesAreRefusedByValue) {
  for (absl::string_view ip : {"10.0.0", "10.0.0.256", "::1", "ten", "10.0.0.2 ", "010.0.0.2"}) {
    EXPECT_THAT(ErrorWith("\"10.0.0.2\"", absl::StrCat("\"", ip, "\"")),
                HasSubstr(absl::StrCat("network.ip: \"", ip, "\" is not an IPv4 address")));
  }
  for (absl::string_view ip : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255"}) {
    EXPECT_THAT(ErrorWith("\"10.0.0.2\"", absl::StrCat("\"", ip, "\"")),
                HasSubstr("cannot be a host's address"));
  }
  for (absl::string_view mac : {"02:00:00:00:00", "02:00:00:00:00:0g", "02:00:00:00:00:001",
                                "02-00-00-00-00-02", "2:0:0:0:0:2", "02:00:00:00:00:02:"}) {
    EXPECT_THAT(ErrorWith("\"02:00:00:00:00:02\"", absl::StrCat("\"", mac, "\"")),
                HasSubstr(absl::StrCat("network.mac: \"", mac, "\" is not a MAC address")));
  }
  for (absl::string_view mac : {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"}) {
    EXPECT_THAT(ErrorWith("\"02:00:00:00:00:02\"", absl::StrCat("\"", mac, "\"")),
                HasSubstr("cannot be a host's address"));
  }
}

TEST(Config, ANeighborTwiceOrTheHostItselfIsRefused) {
  EXPECT_THAT(ErrorWith("\"10.0.0.1\"", "\"10.0.0.2\""),
              HasSubstr("network.neighbors[0].ip: \"10.0.0.2\" is network.ip"));
  EXPECT_THAT(ErrorWith("2}]",
                        "2}, {\"ip\": \"10.0.0.1\", \"mac\": \"02:00:00:00:00:03\", "
                        "\"firstPort\": 1}]"),
              HasSubstr("network.neighbors[1].ip: \"10.0.0.1\" stands in the list already"));
}

TEST(Config, PortsAndCountsHaveRanges) {
  EXPECT_THAT(ErrorWith("{\"firstPort\": 7000,", "{\"firstPort\": 65536,"),
              HasSubstr("pony.firstPort: 65536 must be from 1 to 65535"));
  EXPECT_THAT(ErrorWith("{\"firstPort\": 7000,", "{\"firstPort\": 65535,"),
              HasSubstr("use at most 65534"));
  EXPECT_THAT(ErrorWith("2},", "17},"), HasSubstr("pony.engines: 17 must be from 1 to 16"));
  EXPECT_THAT(ErrorWith("2},", "0},"), HasSubstr("pony.engines: 0 must be from 1 to 16"));
  EXPECT_THAT(ErrorWith("2},", "2, \"window\": 0},"), HasSubstr("pony.window: 0 must be"));
  EXPECT_THAT(ErrorWith("2},", "2, \"queuesPerEngine\": 3},"),
              HasSubstr("pony.queuesPerEngine: 3 must be 1, 2 or 4"));
  EXPECT_THAT(
      ErrorWith("\"engines\": 2},\n  \"app", "\"engines\": 5, \"queuesPerEngine\": 4},\n  \"app"),
      HasSubstr("pony.queuesPerEngine: 4 is too much for 5 engines"));
  EXPECT_THAT(ErrorWith("2},", "2, \"pacingMbps\": 400001},"),
              HasSubstr("pony.pacingMbps: 400001 must be from 1 to 400000"));
  EXPECT_THAT(ErrorWith("{\"sim\"", "{\"heartbeatMs\": 9, \"sim\""),
              HasSubstr("card.heartbeatMs: 9 must be from 10"));
  EXPECT_THAT(ErrorWith("2},", "2, \"minRtoMs\": 50, \"maxRtoMs\": 49},"),
              HasSubstr("pony.maxRtoMs: 49 must be from 50"));
  EXPECT_THAT(ErrorWith("\"neighbors\"", "\"mtu\": 9587, \"neighbors\""),
              HasSubstr("network.mtu: 9587 must be from 576 to 9586"));
}

TEST(Config, TheLimitsOfABlackoutNest) {
  EXPECT_THAT(ErrorWith("\"name\"", "\"upgrade\": {\"blackoutMs\": 2501}, \"name\""),
              HasSubstr("upgrade.blackoutMs: 2501 must be from 10 to 2500"));
  EXPECT_THAT(ErrorWith("{\"sim\"", "{\"watchdogMs\": 9999, \"sim\""),
              HasSubstr("card.watchdogMs: 9999 must be from 10000"));
}

TEST(Config, SocketPathsAreAbsoluteShortAndDifferent) {
  EXPECT_THAT(ErrorWith("\"/run/farrier/host2/app.sock\"", "\"app.sock\""),
              HasSubstr("appSocket: \"app.sock\" must be an absolute path"));
  EXPECT_THAT(ErrorWith("/run/farrier/host2/app.sock", "/" + std::string(107, 'x')),
              HasSubstr("is 108 bytes long; a socket's name allows at most 107"));
  EXPECT_THAT(ErrorWith("/run/farrier/host2/app.sock", "/run/farrier/host2/control.sock"),
              HasSubstr("controlSocket: \"/run/farrier/host2/control.sock\" is appSocket too"));
  EXPECT_THAT(ErrorWith("/run/farrier/host2/app.sock", "/a\\u0000b"), HasSubstr("zero byte"));
  EXPECT_THAT(ErrorWith("/run/farrier/card2", "/" + std::string(100, 'x')),
              HasSubstr("card.sim.directory"));
}

// What ParseConfig says of the good configuration with this address for metrics.
std::string ErrorWithMetrics(absl::string_view address) {
  return ErrorWith("\"name\"",
                   absl::StrCat("\"metrics\": {\"address\": \"", address, "\"}, \"name\""));
}

TEST(Config, MetricsAreServedWhereTheAddressSaysAndNotUnasked) {
  EXPECT_FALSE(ParseConfig(kGood, "f.json")->has_metrics());
  for (const char* good : {"127.0.0.1:9464", "0.0.0.0:1", "[::1]:9464", "[::]:65535", "/run/m"}) {
    EXPECT_EQ(ErrorWithMetrics(good), "") << good;
  }
}

TEST(Config, ABadAddressForMetricsIsRefusedByValue) {
  EXPECT_THAT(ErrorWith("\"name\"", "\"metrics\": {}, \"name\""),
              HasSubstr("metrics.address: missing; give it, e.g. \"127.0.0.1:9464\""));
  for (const char* bad : {"localhost:9464", "9464", "::1:9464", "[::1:9464", "[127.0.0.1]:9464",
                          "127.0.0.1 :9464", ":9464", "127.0.0.1:9464,127.0.0.1:1"}) {
    EXPECT_THAT(ErrorWithMetrics(bad), HasSubstr(absl::StrCat("metrics.address: \"", bad,
                                                              "\" is no address with a port")));
  }
  for (const char* bad : {"127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:", "127.0.0.1:+1",
                          "127.0.0.1:9464s", "127.0.0.1:99999999999"}) {
    EXPECT_THAT(ErrorWithMetrics(bad),
                HasSubstr(absl::StrCat("metrics.address: \"", bad, "\" must end with a TCP port")));
  }
  EXPECT_THAT(ErrorWithMetrics("/run/farrier/host2/app.sock"), HasSubstr("is appSocket or"));
  EXPECT_THAT(ErrorWithMetrics("/" + std::string(107, 'x')), HasSubstr("is 108 bytes long"));
}

TEST(Config, AFileThatCannotBeReadIsNamed) {
  EXPECT_THAT(std::string(LoadConfig("/nonexistent/x.json").status().message()),
              HasSubstr("/nonexistent/x.json: cannot be read"));
  EXPECT_THAT(std::string(LoadConfig("/").status().message()), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace farrier::host
