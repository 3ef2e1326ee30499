#include "engines/elements/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace farrier::elements {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kFrom[] = R"({"name": "from", "fromPort": {"port": "wire", "output": "next"}})";
constexpr char kDrop[] = R"({"name": "drop", "discard": {}})";

// What is wrong with a pipeline of `from`, `next`, which leads to `drop`, and `more`.
std::string ErrorsOf(const std::string& next, const std::string& more = "") {
  const std::string json = absl::StrCat("{\"elements\": [", kFrom, ", {\"name\": \"next\", ", next,
                                        "}, ", kDrop, more.empty() ? "" : ", ", more, "]}");
  const absl::StatusOr<Pipeline> pipeline = ParsePipeline(json, "test");
  return std::string(pipeline.status().message());
}

TEST(Pipeline, TheExampleIsValid) {
  std::ifstream file(FARRIER_EXAMPLE_PIPELINE);
  std::stringstream text;
  text << file.rdbuf();
  const absl::StatusOr<Pipeline> pipeline = ParsePipeline(text.str(), "example");
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  EXPECT_GT(pipeline->elements_size(), 10);
}

struct BadField {
  const char* next;
  const char* error;
};
class BadFieldTest : public ::testing::TestWithParam<BadField> {};

TEST_P(BadFieldTest, IsNamedWithItsValueAndWhatWouldBeRight) {
  EXPECT_EQ(ErrorsOf(GetParam().next), absl::StrCat("test: elements[1].", GetParam().error));
}

#define MATCH(fields)                                 \
  "\"classifier\": {\"rules\": [{\"match\": {" fields \
  "}, \"output\": \"drop\"}], \"otherwise\": \"drop\"}"
#define LIMITS "\"limits\": {\"packets\": 1, \"bytes\": 1}"
#define ENCAP(fields)                                                                        \
  "\"vxlanEncap\": {" fields                                                                 \
  "\"destinationMac\": \"02:00:00:00:00:02\", \"destinationIp\": \"10.0.0.2\", \"output\": " \
  "\"drop\"}"
#define GOOD_ENCAP "\"sourceMac\": \"02:00:00:00:00:01\", \"sourceIp\": \"10.0.0.1\", "

INSTANTIATE_TEST_SUITE_P(
    Table, BadFieldTest,
    ::testing::Values(
        BadField{R"("counter": {"output": "nowhere"})",
                 "counter.output: \"nowhere\" is no element's name"},
        BadField{R"("counter": {"output": "from"})",
                 "counter.output: \"from\" is a fromPort, to which nothing can lead"},
        BadField{R"("toPort": {"port": "lan"})",
                 "toPort.port: \"lan\" is received from by no element; add a fromPort for it, if "
                 "need be with a discard behind\ntest: elements[2]: \"drop\" is led to from no "
                 "fromPort; leave it out or name it as an output"},
        BadField{R"("shaper": {"burstBytes": 1, "output": "drop", )" LIMITS "}",
                 "shaper.rate: 0 must be from 1000 to 1000000000000"},
        BadField{R"("shaper": {"rate": 1000, "output": "drop", )" LIMITS "}",
                 "shaper.burstBytes: 0 must be from 1 to 1073741824"},
        BadField{R"("queue": {"output": "drop", "limits": {"bytes": 1}})",
                 "queue.limits.packets: 0 must be from 1 to 1000000"},
        BadField{R"("queue": {"output": "drop", "limits": {"packets": 1, "bytes": 268435457}})",
                 "queue.limits.bytes: 268435457 must be from 1 to 268435456"},
        BadField{R"("queue": {"output": "drop", "limits": {"packets": 1, "bytes": 1, "drop": 9}})",
                 "queue.limits.drop: 9 must be TAIL or OLDEST"},
        BadField{R"("tap": {"output": "drop", "copies": "drop"})",
                 "tap.every: 0 must be from 1 to 4294967295"},
        BadField{R"("tap": {"every": 1, "maxBytes": 0, "output": "drop", "copies": "drop"})",
                 "tap.maxBytes: 0 must be from 1 to 16384"},
        BadField{R"("vlanPush": {"id": 4096, "output": "drop"})",
                 "vlanPush.id: 4096 must be from 0 to 4095"},
        BadField{R"("vlanPush": {"output": "drop"})", "vlanPush.id: missing; give it, e.g. 100"},
        BadField{R"("vlanPush": {"id": 1, "priority": 8, "output": "drop"})",
                 "vlanPush.priority: 8 must be from 0 to 7"},
        BadField{R"("acl": {"output": "drop"})", "acl.otherwise: missing; give it, e.g. \"DENY\""},
        BadField{R"("acl": {"output": "drop", "otherwise": "DENY", "rules": [{}]})",
                 "acl.rules[0].action: missing; give it, e.g. \"DENY\""},
        BadField{R"("acl": {"output": "drop", "otherwise": 7})",
                 "acl.otherwise: 7 must be ALLOW or DENY"},
        BadField{MATCH(R"("etherType": 65536)"),
                 "classifier.rules[0].match.etherType: 65536 must be from 0 to 65535"},
        BadField{MATCH(R"("vlan": 4096)"),
                 "classifier.rules[0].match.vlan: 4096 must be from 0 to 4095"},
        BadField{MATCH(R"("protocol": 256)"),
                 "classifier.rules[0].match.protocol: 256 must be from 0 to 255"},
        BadField{MATCH(R"("dscp": 64)"), "classifier.rules[0].match.dscp: 64 must be from 0 to 63"},
        BadField{MATCH(R"("sourcePorts": {"first": 65536})"),
                 "classifier.rules[0].match.sourcePorts.first: 65536 must be from 0 to 65535"},
        BadField{MATCH(R"("destinationPorts": {"first": 9, "last": 8})"),
                 "classifier.rules[0].match.destinationPorts.last: 8 must be from 9 to 65535"},
        BadField{MATCH(R"("source": "10.0.0.0/33")"),
                 "classifier.rules[0].match.source: \"10.0.0.0/33\" is no prefix; write one like "
                 "\"10.0.0.0/8\" or \"2001:db8::/32\""},
        BadField{MATCH(R"("source": "10.0.0.0/-1")"),
                 "classifier.rules[0].match.source: \"10.0.0.0/-1\" is no prefix; write one like "
                 "\"10.0.0.0/8\" or \"2001:db8::/32\""},
        BadField{MATCH(R"("source": "10.0.0.1/31")"),
                 "classifier.rules[0].match.source: \"10.0.0.1/31\" has bits behind the prefix; "
                 "they must be 0"},
        BadField{MATCH(R"("source": "10.0.0.1", "destination": "::1")"),
                 "classifier.rules[0].match.destination: \"::1\" is not of the same IP version as "
                 "source \"10.0.0.1\""},
        BadField{"\"vxlanDecap\": {\"output\": \"drop\", \"others\": \"drop\"}",
                 "vxlanDecap.vni: missing; give it, e.g. 42"},
        BadField{R"("vxlanDecap": {"vni": 1, "localIp": "x", "output": "drop", "others": "drop"})",
                 "vxlanDecap.localIp: \"x\" is not an IPv4 address; write one like \"10.0.0.1\""},
        BadField{ENCAP(GOOD_ENCAP "\"vni\": 16777216, "),
                 "vxlanEncap.vni: 16777216 must be from 0 to 16777215"},
        BadField{ENCAP(GOOD_ENCAP "\"vni\": 1, \"ttl\": 0, "),
                 "vxlanEncap.ttl: 0 must be from 1 to 255"},
        BadField{ENCAP(GOOD_ENCAP "\"vni\": 1, \"udpPort\": 65536, "),
                 "vxlanEncap.udpPort: 65536 must be from 1 to 65535"},
        BadField{ENCAP("\"vni\": 1, \"sourceIp\": \"10.0.0.1\", \"sourceMac\": \"2:0:0:0:0:1\", "),
                 "vxlanEncap.sourceMac: \"2:0:0:0:0:1\" is not a MAC address; write six bytes in "
                 "hex like \"02:00:00:00:00:01\""},
        BadField{ENCAP("\"vni\": 1, \"sourceMac\": \"02:00:00:00:00:01\", "),
                 "vxlanEncap.sourceIp: missing; give it, e.g. \"10.0.0.1\""}));

TEST(Pipeline, OutputsThatAreNotConnectedAreNamed) {
  EXPECT_THAT(ErrorsOf(R"("tap": {"every": 1, "output": "drop"})"),
              HasSubstr("elements[1].tap.copies: missing"));
  EXPECT_THAT(ErrorsOf(R"("classifier": {"rules": [{"output": "drop"}, {}], "otherwise": "drop"})"),
              HasSubstr("elements[1].classifier.rules[1].output: missing"));
  EXPECT_THAT(ErrorsOf(R"("vlanPop": {"output": "drop"})"),
              HasSubstr("elements[1].vlanPop.untagged: missing"));
}

TEST(Pipeline, ACycleIsNamed) {
  EXPECT_EQ(ErrorsOf(R"("counter": {"output": "a"})",
                     R"({"name": "a", "counter": {"output": "b"}},
                        {"name": "b", "tap": {"every": 1, "output": "drop", "copies": "a"}})"),
            "test: elements: a -> b -> a is a cycle; packets must come to an end");
  EXPECT_EQ(ErrorsOf(R"("counter": {"output": "next"})"),
            "test: elements: next -> next is a cycle; packets must come to an end");
}

TEST(Pipeline, NamesAreGivenGoodAndOnce) {
  const char counter[] = R"("counter": {"output": "drop"})";
  EXPECT_EQ(ErrorsOf(counter, R"({"name": "next", "discard": {}})"),
            "test: elements[3].name: \"next\" is the name of elements[1] too; each only once\n"
            "test: elements[3]: \"next\" is led to from no fromPort; leave it out or name it as an "
            "output");
  EXPECT_THAT(ErrorsOf(counter, R"({"name": "a b", "discard": {}})"),
              HasSubstr("elements[3].name: \"a b\" must be 1 to 32 letters"));
  EXPECT_THAT(ErrorsOf(counter, R"({"discard": {}})"), HasSubstr("elements[3].name: missing"));
  EXPECT_THAT(ErrorsOf(counter, R"({"name": "x"})"), HasSubstr("elements[3].<kind>: missing"));
}

TEST(Pipeline, EachPortIsReceivedFromOnce) {
  EXPECT_THAT(ErrorsOf(R"("counter": {"output": "drop"})",
                       R"({"name": "again", "fromPort": {"port": "wire", "output": "drop"}})"),
              HasSubstr("elements[3].fromPort.port: \"wire\" is received from by elements[0]"));
  EXPECT_THAT(ErrorsOf(R"("fromPort": {"output": "drop"})"),
              HasSubstr("elements[1].fromPort.port: missing"));
  EXPECT_THAT(ParsePipeline("{}", "test").status().message(),
              HasSubstr("elements: missing; give it, e.g. one with \"fromPort\""));
}

TEST(Pipeline, TapsMayNotMultiplyPacketsWithoutBound) {
  std::string more;
  for (int i = 0; i < 60; ++i) {
    const std::string next = i == 59 ? "drop" : absl::StrCat("t", i + 1);
    absl::StrAppend(&more, i == 0 ? "" : ", ", "{\"name\": \"t", i,
                    "\", \"tap\": {\"every\": 1, \"output\": \"", next, "\", \"copies\": \"", next,
                    "\"}}");
  }
  EXPECT_THAT(ErrorsOf(R"("counter": {"output": "t0"})", more),
              AllOf(HasSubstr("elements[0]: \"from\" leads through so many taps"),
                    HasSubstr("1152921504606846976")));
  EXPECT_EQ(ErrorsOf(R"("counter": {"output": "t56"})", more.substr(more.find("{\"name\": \"t56"))),
            "")
      << "16 are allowed";
}

TEST(Pipeline, TooManyRulesOrElementsAreRefused) {
  std::string rules;
  for (int i = 0; i < 65; ++i) absl::StrAppend(&rules, i == 0 ? "" : ", ", R"({"output": "drop"})");
  EXPECT_THAT(
      ErrorsOf(absl::StrCat(R"("classifier": {"otherwise": "drop", "rules": [)", rules, "]}")),
      HasSubstr("elements[1].classifier.rules: 65 rules are too many; at most 64"));
  Pipeline pipeline;
  for (int i = 0; i < 257; ++i) pipeline.add_elements();
  EXPECT_THAT(ValidatePipeline(pipeline, "test").message(),
              HasSubstr("257 elements are too many; at most 256"));
}

TEST(Pipeline, EverythingThatIsWrongIsListed) {
  const std::string errors =
      ErrorsOf(R"("shaper": {"output": "nowhere"})", R"({"name": "drop", "toPort": {}})");
  for (const char* part :
       {"shaper.rate", "shaper.burstBytes", "shaper.limits.packets", "shaper.limits.bytes",
        "\"nowhere\"", "elements[3].name", "elements[3].toPort.port: missing"}) {
    EXPECT_THAT(errors, HasSubstr(part));
  }
}

TEST(Pipeline, WhatIsNoPipelineIsRefused) {
  for (const char* text : {"", "[]", "{\"elements\": 3}", "{\"nothing\": []}",
                           "{\"elements\": [{\"name\": \"a\", \"magic\": {}}]}"}) {
    EXPECT_THAT(ParsePipeline(text, "test").status().message(),
                HasSubstr("test: not the JSON form of a pipeline: "))
        << text;
  }
  EXPECT_THAT(ParsePipeline(std::string(1 << 20, ' ') + "{}", "test").status().message(),
              HasSubstr("is too long"));
}

}  // namespace
}  // namespace farrier::elements
