#include "hw/driver/rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/fake_tables.h"

namespace farrier::driver {
namespace {

using ::testing::HasSubstr;

Rule ForPorts(uint16_t low, uint16_t high, int owner) {
  return {.match = {.dst_ports = {low, high}}, .verdict = {.owner = runtime::OwnerId(owner)}};
}

TEST(RuleEncoding, EveryFieldIsWhereTheCardLooks) {
  const auto words = Encode({
      .match = {.dst_mac = {{0x01, 0x02, 0x03, 0x04, 0x05, 0x06}},
                .src_mac = {{0x11, 0x12, 0x13, 0x14, 0x15, 0x16}},
                .ether_type = 0x86DD,
                .vlan = 0xABC,
                .dst_ip = IpPrefix{.v6 = true, .address = {1, 2, 0x80000000}, .bits = 65},
                .src_ip = IpPrefix{.v6 = true, .address = {5, 6, 7, 8}, .bits = 128},
                .protocol = 6,
                .dscp = 46,
                .fragment = false,
                .tunnel = true,
                .bad_header = false,
                .pony = true,
                .src_ports = {1, 2},
                .dst_ports = {0, 65535}},
      .verdict = {.owner = runtime::OwnerId{9}, .pacing_class = 63},
  });
  ASSERT_TRUE(words.ok()) << words.status();
  EXPECT_THAT(words->value,
              testing::ElementsAre(0x03040506, 0x01021112, 0x13141516, 0x1ABC86DD,
                                   6 | 46 << 8 | 1 << 17 | 1 << 19 | 1 << 21 | 1 << 22, 1, 2,
                                   0x80000000, 0, 5, 6, 7, 8));
  EXPECT_THAT(words->mask, testing::ElementsAre(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0x1FFFFFFF,
                                                0x7F3FFF, 0xFFFFFFFF, 0xFFFFFFFF, 0x80000000, 0,
                                                0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF));
  EXPECT_EQ(words->src_ports, (regs::PortRange{.low = 1, .high = 2}));
  EXPECT_EQ(words->dst_ports, (regs::PortRange{.low = 0, .high = 65535}));
  EXPECT_EQ(words->action,
            (regs::RuleAction{.owner = 9, .has_owner = 1, .drop = 0, .pacing_class = 63}));
}

TEST(RuleEncoding, WhatIsNotGivenDoesNotCount) {
  const auto words = Encode({.verdict = {.drop = true}});
  ASSERT_TRUE(words.ok());
  EXPECT_THAT(words->mask, testing::Each(0));
  EXPECT_EQ(words->src_ports, (regs::PortRange{.low = 0, .high = 65535}));
  EXPECT_EQ(words->action, (regs::RuleAction{.drop = 1}));
}

TEST(RuleEncoding, PortsAreThoseOfPacketsThatHaveSome) {
  const auto words = Encode({.match = {.src_ports = {0, 1023}}});
  EXPECT_EQ(words->value[4], 1u << 21);
  EXPECT_EQ(words->mask[4], 1u << 21);
}

TEST(RuleEncoding, AnyAddressOfAFamilyIsAPrefixOfNoBits) {
  const auto words = Encode({.match = {.src_ip = IpPrefix{}}});
  EXPECT_EQ(words->value[4], 1u << 16);
  EXPECT_EQ(words->mask[4], 3u << 16);
  EXPECT_EQ(words->mask[9], 0u);
}

TEST(RuleEncoding, WhatCannotBeIsRefusedWithWhatWouldBeRight) {
  const auto refusal = [](const Rule& rule) {
    const auto words = Encode(rule);
    EXPECT_EQ(words.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(words.status().message());
  };
  EXPECT_THAT(refusal({.match = {.vlan = 4096}}), HasSubstr("VLAN 4096; there are 0 to 4095"));
  EXPECT_THAT(refusal({.match = {.tagged = false, .vlan = 7}}), HasSubstr("untagged"));
  EXPECT_THAT(refusal({.match = {.dscp = 64}}), HasSubstr("DSCP 64; there are 0 to 63"));
  EXPECT_THAT(refusal({.match = {.dst_ip = IpPrefix{.bits = 33}}}), HasSubstr("IPv4 has 0 to 32"));
  EXPECT_THAT(refusal({.match = {.src_ip = IpPrefix{.v6 = true, .bits = 129}}}),
              HasSubstr("IPv6 has 0 to 128"));
  EXPECT_THAT(refusal({.match = {.dst_ip = IpPrefix{.address = {0x0A000001}, .bits = 24}}}),
              HasSubstr("behind its prefix of 24 bits"));
  EXPECT_THAT(refusal({.match = {.dst_ip = IpPrefix{}, .src_ip = IpPrefix{.v6 = true}}}),
              HasSubstr("different IP versions"));
  EXPECT_THAT(refusal({.match = {.src_ports = {10, 9}}}), HasSubstr("source ports from 10 to 9"));
  EXPECT_THAT(refusal({.verdict = {.pacing_class = 64}}), HasSubstr("class 64; there are 0 to 63"));
  EXPECT_THAT(refusal({.verdict = {.owner = runtime::OwnerId{3}, .drop = true}}),
              HasSubstr("owner 3 that are dropped"));
}

class RulesTest : public testing::Test {
 protected:
  FakeTables window_;
  Rules rules_{window_, AbleCard()};
};

TEST_F(RulesTest, AreInsertedWhereThereIsRoomAndReadBack) {
  EXPECT_EQ(*rules_.Insert(ForPorts(1, 2, 3), 5), 5u);
  EXPECT_EQ(*rules_.Insert(ForPorts(1, 3, 3), 5), 6u);
  EXPECT_EQ(*rules_.Insert(ForPorts(1, 4, 3)), 0u);
  const auto read = rules_.Read(6);
  ASSERT_TRUE(read.ok() && *read);
  EXPECT_EQ((*read)->words, *Encode(ForPorts(1, 3, 3)));
  EXPECT_EQ(*rules_.Read(7), std::nullopt);
  EXPECT_TRUE(rules_.Remove(6).ok());
  EXPECT_EQ(*rules_.Read(6), std::nullopt);
  EXPECT_EQ(rules_.Remove(6).code(), absl::StatusCode::kNotFound);
}

TEST_F(RulesTest, OneIsReplacedWithoutAGap) {
  for (const uint32_t at : {10u, 11u, 13u}) {
    ASSERT_EQ(*rules_.Insert(ForPorts(80, 80, 1), at), at);
  }
  const auto old_words = *rules_.Read(10);
  const auto new_words = *Encode(ForPorts(80, 80, 2));
  bool stood_in = false;
  window_.after_write = [&](uint32_t offset) {
    if (offset != regs::kRegRuleCommit) return;
    // At 10 it is being written and matches nothing; then it must stand at 12.
    const auto index = regs::RuleCommand::Unpack(window_.csr[regs::kRegRuleCommit]).index;
    if (index == 10) stood_in = window_.rules.contains(12);
  };
  ASSERT_TRUE(rules_.Replace(10, ForPorts(80, 80, 2)).ok());
  EXPECT_TRUE(stood_in);
  EXPECT_EQ((*rules_.Read(10))->words, new_words);
  EXPECT_EQ(*rules_.Read(12), std::nullopt);
  EXPECT_EQ((*rules_.Read(11))->words, old_words->words);
}

TEST_F(RulesTest, AFullTableSaysSo) {
  for (uint32_t i = 0; i < regs::kRules; ++i) ASSERT_TRUE(rules_.Insert(ForPorts(1, 2, 3)).ok());
  EXPECT_THAT(rules_.Insert(ForPorts(1, 2, 3)).status().message(), HasSubstr("all 64 rules"));
  EXPECT_THAT(rules_.Replace(3, ForPorts(1, 2, 3)).message(), HasSubstr("remove one first"));
}

TEST_F(RulesTest, WhatIsNotThereIsRefused) {
  EXPECT_EQ(rules_.Remove(64).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rules_.Insert(ForPorts(1, 2, 3), 64).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rules_.Replace(1, ForPorts(1, 2, 3)).code(), absl::StatusCode::kNotFound);
  Rules none(window_, PlainCard());
  EXPECT_EQ(none.Read(0).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RulesTest, ACardThatDoesNotTakeARuleIsFoundOut) {
  window_.stuck[regs::kRegRuleAction] = true;
  EXPECT_EQ(rules_.Insert(ForPorts(1, 2, 3)).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace farrier::driver
