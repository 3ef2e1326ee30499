// Ternary rules: what becomes of packets that match no exact filter.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

using RuleWords = std::array<uint32_t, regs::kRuleWords>;
constexpr regs::PortRange kAnyPort = {.low = 0, .high = 65'535};

struct Rule {
  RuleWords value{};
  RuleWords mask{};
  regs::PortRange src_ports = kAnyPort;
  regs::PortRange dst_ports = kAnyPort;
  regs::RuleAction action;
};

class RuleTest : public CardTest {
 protected:
  // Owners 0 (what matches nothing) to 3 deliver to function 0, queue 0.
  void SetUp() override {
    CardTest::SetUp();
    Grant(0, 0, 60'000);
    for (uint32_t owner = 0; owner < 4; ++owner) Attach(owner, {0, 0});
  }

  void Stage(const Rule& rule) {
    for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
      Write(regs::kRegRuleValue(i), rule.value[i]);
      Write(regs::kRegRuleMask(i), rule.mask[i]);
    }
    Write(regs::kRegRuleSrcPorts, rule.src_ports.Pack());
    Write(regs::kRegRuleDstPorts, rule.dst_ports.Pack());
    Write(regs::kRegRuleAction, rule.action.Pack());
  }
  void SetRule(uint32_t index, const Rule& rule) {
    Stage(rule);
    Write(regs::kRegRuleCommit, regs::RuleCommand{.index = index, .valid = 1}.Pack());
    Run();
  }
  void Clear(uint32_t index) {
    Write(regs::kRegRuleCommit, index);
    Run();
  }
  uint64_t Hits(uint32_t index) {
    Write(regs::kRegRuleRead, index);
    Run();
    EXPECT_EQ(Read(regs::kRegRuleState), 1u);
    const uint64_t low = Read(regs::kRegRuleHitsLo);
    return low | uint64_t{Read(regs::kRegRuleHitsHi)} << 32;
  }

  static regs::RuleAction To(uint32_t owner) { return {.owner = owner, .has_owner = 1}; }

  int OwnerOfBytes(const Bytes& frame) { return SendAndTake(frame).owner(); }
  int OwnerOf(FrameSpec spec) {
    if (spec.length == 60) spec.length = 100;
    return OwnerOfBytes(MakeFrame(spec));
  }

  // A rule on one word tells frames apart that differ there.
  void ExpectWord(uint32_t word, uint32_t mask, uint32_t value, const Bytes& match,
                  const Bytes& other) {
    Rule rule = {.action = To(2)};
    rule.mask[word] = mask;
    rule.value[word] = value;
    SetRule(7, rule);
    EXPECT_EQ(OwnerOfBytes(match), 2) << "word " << word;
    EXPECT_EQ(OwnerOfBytes(other), 0) << "word " << word;
  }
};
FARRIER_ON_EVERY_CARD(RuleTest);

TEST_P(RuleTest, ARuleNamesTheOwner) {
  FARRIER_NEEDS(ternary);
  EXPECT_EQ(OwnerOf(FrameSpec{}), 0);
  SetRule(10, {.action = To(3)});
  EXPECT_EQ(OwnerOf(FrameSpec{}), 3) << "an empty mask matches everything";
  Bytes arp = MakeFrame({.length = 60});
  arp[13] = 0x06;
  EXPECT_EQ(OwnerOfBytes(arp), 3) << "not IP alone";
  Clear(10);
  EXPECT_EQ(OwnerOf(FrameSpec{}), 0);
}

TEST_P(RuleTest, TheLowestIndexWins) {
  FARRIER_NEEDS(ternary);
  for (const uint32_t index : {63, 40, 5, 0}) {
    SetRule(index, {.action = To(1 + index % 3)});
    EXPECT_EQ(OwnerOf(FrameSpec{}), static_cast<int>(1 + index % 3));
  }
  for (const uint32_t index : {0, 5, 40}) Clear(index);
  EXPECT_EQ(OwnerOf(FrameSpec{}), 1 + 63 % 3);
}

TEST_P(RuleTest, AnExactFilterWins) {
  FARRIER_NEEDS(ternary);
  SetRule(0, {.action = To(3)});
  Listen(7000, 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .dst_port = 7001}), 3);
  EXPECT_EQ(Hits(0), 1u);
  SetRule(0, {.action = {.drop = 1}});
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 1) << "over a drop too";
}

TEST_P(RuleTest, EveryFieldCounts) {
  FARRIER_NEEDS(ternary);
  const Bytes ipv4 = MakeFrame({.length = 100});
  const auto with = [&](Bytes frame, size_t at, uint8_t value) {
    frame.at(at) = value;
    return frame;
  };
  // MACs.
  for (size_t i = 0; i < 6; ++i) {
    const uint32_t shift =
        i < 2 ? 24 - 8 * static_cast<uint32_t>(i) : 24 - 8 * static_cast<uint32_t>(i - 2);
    ExpectWord(i < 2 ? 1 : 0, 0xFFu << shift, 0x5Au << shift, with(ipv4, i, 0x5A), ipv4);
    const uint32_t src_shift =
        i < 2 ? 8 - 8 * static_cast<uint32_t>(i) : 24 - 8 * static_cast<uint32_t>(i - 2);
    ExpectWord(i < 2 ? 1 : 2, 0xFFu << src_shift, 0x5Au << src_shift, with(ipv4, 6 + i, 0x5A),
               ipv4);
  }
  // EtherType and VLAN.
  ExpectWord(3, 0xFFFF, 0x88B5, with(with(ipv4, 12, 0x88), 13, 0xB5), ipv4);
  const Bytes tagged = MakeFrame({.vlans = {{0x88A8, 0xF123}, {0x8100, 0x456}}, .length = 100});
  ExpectWord(3, 0xFFFF, 0x0800, tagged, MakeFrame({.ipv6 = true, .length = 100}));
  ExpectWord(3, 0xFFFu << 16, 0x123u << 16, tagged, ipv4);
  ExpectWord(3, 1u << 28, 1u << 28, tagged, ipv4);
  ExpectWord(3, 1u << 28, 0, ipv4, tagged);
  // What word 4 says.
  ExpectWord(4, 0xFF, 6, MakeFrame({.protocol = 6, .length = 100}), ipv4);
  ExpectWord(4, 0x3Fu << 8, 46u << 8, MakeFrame({.traffic_class = 0xBB, .length = 100}), ipv4);
  const Bytes ipv6 = MakeFrame({.ipv6 = true, .traffic_class = 0xBB, .length = 100});
  ExpectWord(4, 0x3Fu << 8, 46u << 8, ipv6, ipv4);
  ExpectWord(4, 1u << 16, 1u << 16, ipv4, ipv6);
  ExpectWord(4, 1u << 17, 1u << 17, ipv6, ipv4);
  // Addresses.
  ExpectWord(5, 0xFFFFFF00, 0x0A000500, MakeFrame({.dst4 = 0x0A000577, .length = 100}), ipv4);
  ExpectWord(9, 0x000000FF, 0x00000077, MakeFrame({.src4 = 0x0A000577, .length = 100}), ipv4);
  for (uint32_t word = 0; word < 4; ++word) {
    FrameSpec spec = {.ipv6 = true, .length = 100};
    spec.dst6[word] = 0xABCD1234;
    ExpectWord(5 + word, 0xFFFFFFFF, 0xABCD1234, MakeFrame(spec), ipv6);
    spec = {.ipv6 = true, .length = 100};
    spec.src6[word] = 0xABCD1234;
    ExpectWord(9 + word, 0xFFFFFFFF, 0xABCD1234, MakeFrame(spec), ipv6);
  }
}

TEST_P(RuleTest, TheParsersFlagsCount) {
  FARRIER_NEEDS(ternary);
  FARRIER_NEEDS(rx_checksum);
  Write(regs::kRegPonyPorts, regs::PortRange{.low = 9'000, .high = 9'001}.Pack());
  const Bytes plain = MakeFrame({.length = 100});
  ExpectWord(4, 1u << 18, 1u << 18, MakeFrame({.fragment_word = 5, .length = 100}), plain);
  ExpectWord(4, 1u << 19, 1u << 19, MakeFrame({.dst_port = 4789, .length = 100}), plain);
  Bytes bad = plain;
  bad[14] = 0x44;
  ExpectWord(4, 1u << 20, 1u << 20, bad, plain);
  ExpectWord(4, 1u << 21, 0, MakeFrame({.protocol = 1, .length = 100}), plain);
  ExpectWord(4, 1u << 22, 1u << 22, MakeFrame({.dst_port = 9'001, .length = 100}), plain);
  ExpectWord(
      4, 0xFF, 60,
      MakeFrame(
          {.ipv6 = true, .extensions = {{0, 8}, {0, 8}, {0, 8}, {0, 8}, {60, 8}}, .length = 200}),
      plain);
  // What a malformed header would say counts as 0.
  Rule rule = {.action = To(2)};
  rule.mask[4] = 0x3FFFF;
  rule.mask[5] = rule.mask[9] = 0xFFFFFFFF;
  SetRule(7, rule);
  EXPECT_EQ(OwnerOfBytes(bad), 2);
}

TEST_P(RuleTest, PortsAreRangesWithBothEnds) {
  FARRIER_NEEDS(ternary);
  const auto owner_of = [&](uint16_t src, uint16_t dst) {
    return OwnerOf(FrameSpec{.src_port = src, .dst_port = dst});
  };
  constexpr regs::PortRange kRanges[] = {
      {0, 0},           {1, 1},           {7, 8},      {255, 256},  {1'000, 2'000}, {4'095, 4'097},
      {0x7FFF, 0x8001}, {65'535, 65'535}, {0, 65'534}, {1, 65'535}, {5, 4}};
  for (const regs::PortRange& range : kRanges) {
    for (const bool src : {true, false}) {
      Rule rule = {.action = To(2)};
      (src ? rule.src_ports : rule.dst_ports) = range;
      SetRule(3, rule);
      for (const int64_t port :
           {int64_t{range.low} - 1, int64_t{range.low}, int64_t{range.high},
            int64_t{range.high} + 1, (int64_t{range.low} + range.high) / 2, int64_t{40'000}}) {
        if (port < 0 || port > 65'535) continue;
        const auto number = static_cast<uint16_t>(port);
        const bool within = port >= range.low && port <= range.high;
        EXPECT_EQ(owner_of(src ? number : 9, src ? 9 : number), within ? 2 : 0)
            << port << " in " << range.low << "-" << range.high;
      }
    }
  }
}

TEST_P(RuleTest, WithoutPortsBothAreZero) {
  FARRIER_NEEDS(ternary);
  SetRule(
      0, {.src_ports = {.low = 0, .high = 0}, .dst_ports = {.low = 0, .high = 5}, .action = To(1)});
  EXPECT_EQ(OwnerOf(FrameSpec{.protocol = 1}), 1);
  EXPECT_EQ(OwnerOf(FrameSpec{.fragment_word = 7}), 1);
  EXPECT_EQ(OwnerOf(FrameSpec{}), 0);
}

TEST_P(RuleTest, AllPartsMustMatch) {
  FARRIER_NEEDS(ternary);
  Rule rule = {.dst_ports = {.low = 80, .high = 80}, .action = To(1)};
  rule.mask[4] = 0xFF;
  rule.value[4] = 6;
  rule.mask[5] = 0xFFFFFFFF;
  rule.value[5] = kIp;
  SetRule(31, rule);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .protocol = 6, .dst_port = 80}), 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .protocol = 17, .dst_port = 80}), 0);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .protocol = 6, .dst_port = 81}), 0);
  EXPECT_EQ(OwnerOf({.dst4 = kIp + 1, .protocol = 6, .dst_port = 80}), 0);
}

TEST_P(RuleTest, DropsAreCountedAndNobodys) {
  FARRIER_NEEDS(ternary);
  SetRule(1, {.action = {.owner = 2, .has_owner = 1, .drop = 1}});
  for (int i = 0; i < 5; ++i) Offer(MakeFrame({.length = 700}));
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kRxRuleDrop), 5u);
  EXPECT_EQ(Count(GlobalCounter::kRxPackets), 5u);
  EXPECT_EQ(Count(2, OwnerCounter::kIn), 0u);
  EXPECT_EQ(Count(0, OwnerCounter::kIn), 0u);
  EXPECT_EQ(Hits(1), 5u);
}

TEST_P(RuleTest, WithoutAnOwnerItIsTheDefaultOne) {
  FARRIER_NEEDS(ternary);
  SetRule(1, {.action = {.owner = 2, .pacing_class = 9}});
  EXPECT_EQ(OwnerOf(FrameSpec{}), 0);
  SetDefaultOwner(3);
  EXPECT_EQ(OwnerOf(FrameSpec{}), 3);
  EXPECT_EQ(Hits(1), 2u);
}

TEST_P(RuleTest, ADetachedOwnersPacketsAreTheDefaultOwners) {
  FARRIER_NEEDS(ternary);
  SetRule(1, {.action = To(200)});
  EXPECT_EQ(OwnerOf(FrameSpec{}), 0);
}

TEST_P(RuleTest, TheClassIsToldInThePrefix) {
  FARRIER_NEEDS(ternary);
  EXPECT_EQ(SendAndTake(MakeFrame({})).pacing_class(), 0);
  SetRule(1, {.action = {.owner = 2, .has_owner = 1, .pacing_class = 63}});
  EXPECT_EQ(SendAndTake(MakeFrame({})).pacing_class(), 63);
  Hold(2);
  TakeHost();
  Offer(MakeFrame({}));
  Run();
  Clear(1);
  Attach(2, {0, 0});
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(1));
  EXPECT_EQ(packets[0].pacing_class(), 63) << "of its arrival";
}

TEST_P(RuleTest, OnlyTheFirstMatchHits) {
  FARRIER_NEEDS(ternary);
  SetRule(4, {.dst_ports = {.low = 80, .high = 80}, .action = To(1)});
  SetRule(9, {.action = To(2)});
  for (int i = 0; i < 3; ++i) OwnerOf(FrameSpec{.dst_port = 80});
  for (int i = 0; i < 5; ++i) OwnerOf(FrameSpec{.dst_port = 81});
  EXPECT_EQ(Hits(4), 3u);
  EXPECT_EQ(Hits(9), 5u);
  SetRule(4, {.action = To(1)});
  EXPECT_EQ(Hits(4), 0u) << "installed anew";
  Offer(Bytes(13));
  Offer(MakeFrame({.length = 9'601}));
  Run();
  EXPECT_EQ(Hits(4), 0u) << "what is malformed or too long is not classified";
}

TEST_P(RuleTest, RulesReadBack) {
  FARRIER_NEEDS(ternary);
  Rule rule = {.src_ports = {.low = 1, .high = 2},
               .dst_ports = {.low = 3, .high = 4},
               .action = {.owner = 255, .has_owner = 1, .drop = 1, .pacing_class = 63}};
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    rule.mask[i] = i == 3 ? 0x1FFFFFFF : i == 4 ? 0x7F3FFF : 0xFFFFFFFF;
    rule.value[i] = 0x17263544 * (i + 1) & rule.mask[i];
  }
  SetRule(63, rule);
  Stage({});
  Write(regs::kRegRuleRead, 63);
  Run();
  EXPECT_EQ(Read(regs::kRegRuleState), 1u);
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    EXPECT_EQ(Read(regs::kRegRuleValue(i)), rule.value[i]) << i;
    EXPECT_EQ(Read(regs::kRegRuleMask(i)), rule.mask[i]) << i;
  }
  EXPECT_EQ(Read(regs::kRegRuleSrcPorts), rule.src_ports.Pack());
  EXPECT_EQ(Read(regs::kRegRuleDstPorts), rule.dst_ports.Pack());
  EXPECT_EQ(Read(regs::kRegRuleAction), rule.action.Pack());
  Write(regs::kRegRuleRead, 62);
  Run();
  EXPECT_EQ(Read(regs::kRegRuleState), 0u);
}

TEST_P(RuleTest, StagingAloneChangesNothing) {
  FARRIER_NEEDS(ternary);
  SetRule(1, {.action = To(1)});
  Stage({.action = To(2)});
  EXPECT_EQ(OwnerOf(FrameSpec{}), 1);
}

TEST_P(RuleTest, RulesThatAreNotThereAreRefused) {
  FARRIER_NEEDS(ternary);
  Stage({.action = To(2)});
  uint64_t bad = Count(GlobalCounter::kCsrBadAccess);
  for (const uint32_t index : {64u, 65u, 128u, 255u}) {
    Write(regs::kRegRuleCommit, regs::RuleCommand{.index = index, .valid = 1}.Pack());
    EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
    Write(regs::kRegRuleRead, index);
    EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
  }
  EXPECT_EQ(OwnerOf(FrameSpec{}), 0);
  for (const uint32_t offset : {regs::kRegRuleCommit, regs::kRegRuleRead, regs::kRegRuleValue(13),
                                regs::kRegRuleMask(13), regs::kRegRuleHitsHi + 4}) {
    EXPECT_EQ(Read(offset), 0u);
    EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad) << std::hex << offset;
  }
  for (const uint32_t offset : {regs::kRegRuleState, regs::kRegRuleHitsLo, regs::kRegRuleHitsHi}) {
    Write(offset, 1);
    EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad) << std::hex << offset;
  }
}

TEST_P(RuleTest, AllSixtyFourWork) {
  FARRIER_NEEDS(ternary);
  for (uint32_t index = 0; index < regs::kRules; ++index) {
    Rule rule = {.action = To(1 + index % 3)};
    rule.action.pacing_class = index;
    rule.mask[5] = 0xFFFFFFFF;
    rule.value[5] = 0x0B000000 + index;
    SetRule(index, rule);
  }
  for (uint32_t index = 0; index < regs::kRules; ++index) {
    const RxPacket packet = SendAndTake(MakeFrame({.dst4 = 0x0B000000 + index, .length = 100}));
    EXPECT_EQ(packet.owner(), 1 + index % 3) << index;
    EXPECT_EQ(packet.pacing_class(), index);
    EXPECT_EQ(Hits(index), 1u);
  }
}

}  // namespace
}  // namespace farrier::conformance
