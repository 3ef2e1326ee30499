#include "host/packet_engine_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/config.h"

namespace farrier::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::string_view kPipeline = R"({"elements": [
    {"name": "in", "fromPort": {"port": "card", "output": "all"}},
    {"name": "all", "counter": {"output": "firewall"}},
    {"name": "firewall", "acl": {
      "rules": [{"match": {"destinationPorts": {"first": 9}}, "action": "DENY"}],
      "otherwise": "ALLOW", "output": "slow"}},
    {"name": "slow", "shaper": {"rate": 1000000, "burstBytes": 3000,
      "limits": {"packets": 100, "bytes": 100000}, "output": "out"}},
    {"name": "out", "toPort": {"port": "card"}}]})";

constexpr absl::string_view kReceive = R"([{"match": {"destination": "10.9.0.0/16"}}])";

// An engine of the configuration; `more` are further members.
std::string Engine(absl::string_view name, absl::string_view receive = kReceive,
                   absl::string_view pipeline = kPipeline, absl::string_view more = "") {
  return absl::StrCat(R"({"name": ")", name, R"(", "receive": )", receive, R"(, "pipeline": )",
                      pipeline, more, "}");
}

absl::StatusOr<Config> Parse(absl::string_view engines, absl::string_view pony_engines = "2") {
  return ParseConfig(absl::StrCat(R"({"name": "h", "card": {"sim": {"directory": "/c"}},
      "network": {"ip": "10.0.0.2", "mac": "02:00:00:00:00:02"},
      "pony": {"firstPort": 7000, "engines": )",
                                  pony_engines, R"(},
      "groups": [{"name": "pony"}, {"name": "packets", "mode": "compacting"}],
      "packetEngines": [)",
                                  engines, R"(], "appSocket": "/a", "controlSocket": "/b"})"),
                     "f");
}

std::string Error(absl::string_view engines) {
  return std::string(Parse(engines).status().message());
}

// Of one engine with this pipeline edited.
std::string ErrorOfPipeline(absl::string_view from, absl::string_view to) {
  const std::string pipeline = absl::StrReplaceAll(kPipeline, {{from, to}});
  EXPECT_NE(pipeline, kPipeline) << "nothing was replaced";
  return Error(Engine("edge", kReceive, pipeline));
}

std::string ErrorOfRule(absl::string_view rule) {
  return Error(Engine("edge", absl::StrCat("[", rule, "]")));
}

TEST(PacketEngineConfig, EnginesAreNumberedBehindPonysAndHaveDefaults) {
  const absl::StatusOr<Config> config =
      Parse(Engine("edge") + "," +
            Engine("rest", "[]", kPipeline,
                   R"(, "defaultOwner": true, "group": "packets", "weight": 7)"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(EngineCount(*config), 4u);
  EXPECT_EQ(PacketEngineOf(*config, 1), nullptr);
  ASSERT_NE(PacketEngineOf(*config, 2), nullptr);
  EXPECT_EQ(EngineName(*config, 1), "pony1");
  EXPECT_EQ(EngineName(*config, 2), "edge");
  EXPECT_EQ(EngineKind(*config, 1), "pony");
  EXPECT_EQ(EngineKind(*config, 3), "packet");
  EXPECT_EQ(config->packet_engines(0).group(), "pony");
  EXPECT_EQ(config->packet_engines(0).weight(), 1u);
  EXPECT_FALSE(config->packet_engines(0).default_owner());
  EXPECT_EQ(config->packet_engines(1).group(), "packets");
  EXPECT_EQ(config->packet_engines(1).weight(), 7u);
}

TEST(PacketEngineConfig, TheExampleIsAccepted) {
  std::ifstream file(FARRIER_EXAMPLE_CONFIG);
  std::stringstream text;
  text << file.rdbuf();
  const absl::StatusOr<Config> config = ParseConfig(text.str(), "example");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_GT(config->packet_engines_size(), 0);
}

TEST(PacketEngineConfig, WhatIsHandedOverIsAsItWas) {
  Config config = Parse(Engine("edge")).value();
  const std::string before = config.SerializeAsString();
  ASSERT_TRUE(ValidateConfig(config, "handed over").ok());
  EXPECT_EQ(config.SerializeAsString(), before);
}

TEST(PacketEngineConfig, NamesAreThereOnceAndNotPonys) {
  EXPECT_THAT(Error(Engine("")), HasSubstr("packetEngines[0].name: missing"));
  EXPECT_THAT(Error(Engine("a b")), HasSubstr("packetEngines[0].name: \"a b\" must be"));
  EXPECT_THAT(Error(Engine("pony0")), HasSubstr("\"pony0\" is an engine's number or how Pony's"));
  EXPECT_THAT(Error(Engine("17")), HasSubstr("\"17\" is an engine's number or how Pony's"));
  EXPECT_EQ(Error(Engine("pony")), "");
  EXPECT_THAT(Error(Engine("a") + "," + Engine("a")),
              HasSubstr("packetEngines[1].name: \"a\" stands in the list already"));
}

TEST(PacketEngineConfig, GroupAndWeightMustBe) {
  EXPECT_THAT(Error(Engine("e", kReceive, kPipeline, R"(, "group": "fast")")),
              HasSubstr("packetEngines[0].group: \"fast\" is no group; there are: packets, pony"));
  EXPECT_THAT(Error(Engine("e", kReceive, kPipeline, R"(, "weight": 0)")),
              HasSubstr("packetEngines[0].weight: 0 must be from 1 to 1000"));
}

TEST(PacketEngineConfig, AnEngineReceivesSomething) {
  EXPECT_THAT(Error(Engine("e", "[]")), HasSubstr("packetEngines[0].receive: missing"));
  const std::string rest = Engine("a", "[]", kPipeline, R"(, "defaultOwner": true)");
  EXPECT_EQ(Error(rest), "");
  EXPECT_THAT(Error(rest + "," + Engine("b", "[]", kPipeline, R"(, "defaultOwner": true)")),
              HasSubstr("packetEngines[1].defaultOwner: true stands at another engine already"));
}

TEST(PacketEngineConfig, RulesThatCannotBeAreRefusedByFieldAndValue) {
  const std::string at = "packetEngines[0].receive[0]";
  EXPECT_THAT(ErrorOfRule(R"({"match": {"destination": "10.0.0"}})"),
              HasSubstr(at + ".match.destination: \"10.0.0\" is no prefix"));
  EXPECT_THAT(ErrorOfRule(R"({"match": {"source": "10.0.0.1/24"}})"),
              HasSubstr(at + ".match.source: \"10.0.0.1/24\" has bits behind the prefix"));
  EXPECT_THAT(ErrorOfRule(R"({"match": {"source": "::/0", "destination": "10.0.0.0/8"}})"),
              HasSubstr(at + ".match.destination"));
  EXPECT_THAT(ErrorOfRule(R"({"match": {"vlan": 4096}})"),
              HasSubstr(at + ".match.vlan: 4096 must be from 0 to 4095"));
  EXPECT_THAT(ErrorOfRule(R"({"match": {"destinationPorts": {"first": 70000}}})"),
              HasSubstr(at + ".match.destinationPorts.first: 70000 must be"));
  EXPECT_THAT(ErrorOfRule(R"({"destinationMac": "2:0:0:0:0:1"})"),
              HasSubstr(at + ".destinationMac: \"2:0:0:0:0:1\" is not a MAC address"));
  EXPECT_THAT(ErrorOfRule(R"({"sourceMac": "x"})"), HasSubstr(at + ".sourceMac: \"x\""));
  EXPECT_THAT(ErrorOfRule(R"({"match": {"vlan": 5}, "tagged": false})"),
              HasSubstr(at + ": the rule cannot be: rule: VLAN 5 of an untagged packet"));
  EXPECT_THAT(ErrorOfRule(R"({"match": {"protocol": 0}})"),
              HasSubstr(at + ".match.protocol: 0 is also what is not IP"));
  EXPECT_THAT(ErrorOfRule(R"({"match": {"dscp": 0}})"),
              HasSubstr(at + ".match.dscp: 0 is also what is not IP"));
  EXPECT_EQ(ErrorOfRule(R"({"match": {"dscp": 0, "etherType": 2048}})"), "");
  EXPECT_THAT(ErrorOfRule(R"({"vlan": 5})"), HasSubstr(at + ".vlan: unknown field"));
}

TEST(PacketEngineConfig, TheCardHasRoomForSoManyRules) {
  std::string rules = "{}";
  for (int i = 1; i < 64; ++i) rules += ", {}";
  EXPECT_EQ(Error(Engine("a", absl::StrCat("[", rules, "]"))), "");
  EXPECT_THAT(Error(Engine("a", absl::StrCat("[", rules, "]")) + "," + Engine("b")),
              HasSubstr("packetEngines[1].receive[0]: rule 65 is one too many; the card has 64"));
}

TEST(PacketEngineConfig, AFunctionHasQueuesForSoManyEngines) {
  std::string engines;
  for (int i = 0; i < 5; ++i) {
    absl::StrAppend(&engines, i == 0 ? "" : ",", Engine(absl::StrCat("e", i)));
  }
  EXPECT_TRUE(Parse(engines, "11").ok());
  EXPECT_THAT(std::string(Parse(engines, "12").status().message()),
              HasSubstr("packetEngines: 5 engines and 12 of Pony (pony.engines) are too many"));
}

TEST(PacketEngineConfig, PipelinesAreCheckedByTheirPath) {
  const std::string at = "packetEngines[0].pipeline.elements";
  EXPECT_THAT(ErrorOfPipeline(R"("output": "firewall")", R"("output": "nowhere")"),
              HasSubstr(at + "[1].counter.output: \"nowhere\" is no element's name"));
  EXPECT_THAT(ErrorOfPipeline(R"("rate": 1000000)", R"("rate": 1)"),
              HasSubstr(at + "[3].shaper.rate: 1 must be from"));
  EXPECT_THAT(ErrorOfPipeline(R"("otherwise": "ALLOW")", R"("otherwise": "MAYBE")"),
              HasSubstr(at + "[2].acl.otherwise: \"MAYBE\" must be one of ALLOW, DENY"));
  EXPECT_THAT(ErrorOfPipeline(R"("rate": 1000000)", R"("rate": -1)"),
              HasSubstr(at + "[3].shaper.rate: -1 must be a whole number"));
  EXPECT_THAT(ErrorOfPipeline(R"("rate": 1000000)", R"("rate": "fast")"),
              HasSubstr(at + "[3].shaper.rate: \"fast\" must be a whole number"));
  EXPECT_THAT(ErrorOfPipeline(R"("counter")", R"("counters")"),
              HasSubstr(at + "[1].counters: unknown field; here may stand: name, fromPort"));
  EXPECT_THAT(Error(R"({"name": "e", "receive": [{}]})"),
              HasSubstr("packetEngines[0].pipeline.elements: missing"));
}

TEST(PacketEngineConfig, ARateMayBeTextAsProtocolBuffersWriteIt) {
  const std::string pipeline =
      absl::StrReplaceAll(kPipeline, {{R"("rate": 1000000)", R"("rate": "40000000000")"}});
  const absl::StatusOr<Config> config = Parse(Engine("e", kReceive, pipeline));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->packet_engines(0).pipeline().elements(3).shaper().rate(), 40'000'000'000u);
}

TEST(PacketEngineConfig, ThePortIsTheCard) {
  EXPECT_THAT(ErrorOfPipeline(R"({"port": "card"})", R"({"port": "wire"})"),
              HasSubstr("elements[4].toPort.port: \"wire\" is no port of a packet engine, which "
                        "has one: \"card\""));
  EXPECT_THAT(ErrorOfPipeline(R"({"port": "card", )", R"({"port": "wire", )"),
              HasSubstr("elements[0].fromPort.port: \"wire\" is no port"));
}

TEST(PacketEngineConfig, AnEngineHoldsNoMoreThanAnUpgradeCanMove) {
  EXPECT_THAT(ErrorOfPipeline(R"("bytes": 100000)", R"("bytes": 268435456)"), "");
  const std::string two = R"({"name": "q", "queue": {"limits": {"packets": 1, "bytes": 268435400},
                             "output": "out"}}, {"name": "out")";
  EXPECT_THAT(
      ErrorOfPipeline(R"({"name": "out")", absl::StrReplaceAll(two, {{"268435400", "268435456"}})),
      AllOf(HasSubstr("packetEngines[0].pipeline: 101 packets and 268535456 bytes"),
            HasSubstr("at most 1000000 and 268435456")));
}

TEST(ReceiveRule, AsksTheCardForAllThatIsGiven) {
  const Config config = Parse(Engine("e", R"([{
      "match": {"etherType": 34525, "vlan": 7, "source": "2001:db8::/33",
                "destination": "2001:db8::1", "protocol": 17, "sourcePorts": {"first": 5},
                "destinationPorts": {"first": 6, "last": 8}, "dscp": 46, "fragment": false},
      "sourceMac": "02:00:00:00:00:01", "destinationMac": "02:00:00:00:00:02",
      "tagged": true, "tunnel": false}])"))
                            .value();
  elements::ConfigErrors errors;
  const driver::RuleMatch match = ReadReceiveRule(config.packet_engines(0).receive(0), "r", errors);
  EXPECT_THAT(errors.lines(), ::testing::IsEmpty());
  EXPECT_EQ(match.ether_type, 0x86DD);
  EXPECT_EQ(match.vlan, 7);
  EXPECT_EQ(match.src_ip->address, (std::array<uint32_t, 4>{0x20010DB8, 0, 0, 0}));
  EXPECT_EQ(match.src_ip->bits, 33u);
  EXPECT_EQ(match.dst_ip->address, (std::array<uint32_t, 4>{0x20010DB8, 0, 0, 1}));
  EXPECT_EQ(match.dst_ip->bits, 128u);
  EXPECT_TRUE(match.dst_ip->v6);
  EXPECT_EQ(match.protocol, 17);
  EXPECT_EQ(match.src_ports.low, 5);
  EXPECT_EQ(match.src_ports.high, 5);
  EXPECT_EQ(match.dst_ports.low, 6);
  EXPECT_EQ(match.dst_ports.high, 8);
  EXPECT_EQ(match.dscp, 46);
  EXPECT_EQ(match.fragment, false);
  EXPECT_EQ(match.src_mac->back(), 1);
  EXPECT_EQ(match.dst_mac->back(), 2);
  EXPECT_EQ(match.tagged, true);
  EXPECT_EQ(match.tunnel, false);
}

}  // namespace
}  // namespace farrier::host
