#include "hw/model/rule_table.h"

#include <gtest/gtest.h>

#include <random>

#include "hw/model/test_frames.h"

namespace farrier::model {
namespace {

constexpr uint32_t kAnyPort = 0xFFFF0000;

class RuleTableTest : public testing::Test {
 protected:
  void Stage(const RuleWords& value, const RuleWords& mask, regs::RuleAction action,
             uint32_t src = kAnyPort, uint32_t dst = kAnyPort) {
    for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
      ASSERT_TRUE(rules_.Write(regs::kRegRuleValue(i), value[i]));
      ASSERT_TRUE(rules_.Write(regs::kRegRuleMask(i), mask[i]));
    }
    ASSERT_TRUE(rules_.Write(regs::kRegRuleSrcPorts, src));
    ASSERT_TRUE(rules_.Write(regs::kRegRuleDstPorts, dst));
    ASSERT_TRUE(rules_.Write(regs::kRegRuleAction, action.Pack()));
  }
  bool Commit(uint32_t index, bool valid = true) {
    return rules_.Write(regs::kRegRuleCommit,
                        regs::RuleCommand{.index = index, .valid = valid}.Pack());
  }

  // Owner that the rules name for a frame; -1: none.
  int OwnerOf(const Bytes& frame) {
    ParsedFrame parsed;
    ParseFrame(frame, parsed);
    const auto action = rules_.Match(parsed);
    return action ? static_cast<int>(action->owner) : -1;
  }

  RuleTable rules_;
};

TEST_F(RuleTableTest, TheLowestIndexWins) {
  Stage({}, {}, {.owner = 1});
  ASSERT_TRUE(Commit(63));
  EXPECT_EQ(OwnerOf(Ipv4({})), 1) << "an empty mask matches everything";
  EXPECT_EQ(OwnerOf(Bytes(14)), 1);
  Stage({}, {}, {.owner = 2});
  ASSERT_TRUE(Commit(5));
  EXPECT_EQ(OwnerOf(Ipv4({})), 2);
  ASSERT_TRUE(Commit(5, false));
  EXPECT_EQ(OwnerOf(Ipv4({})), 1);
}

TEST_F(RuleTableTest, EveryBitOfTheWordsIsCompared) {
  const Bytes frame = Ipv6({.vlans = {0x5A5}, .dst_port = 4789});
  ParsedFrame parsed;
  ParseFrame(frame, parsed);
  const RuleWords words = RuleWordsOf(parsed);
  for (size_t word = 0; word < words.size(); ++word) {
    for (uint32_t bit = 0; bit < 32; ++bit) {
      RuleWords mask{};
      mask[word] = 1u << bit;
      RuleWords value = words;
      Stage(value, mask, {.owner = 3});
      Commit(0);
      ASSERT_EQ(OwnerOf(frame), 3) << word << " " << bit;
      if (rules_.Read(regs::kRegRuleMask(static_cast<uint32_t>(word))) == 0u) continue;  // no bit
      value[word] ^= 1u << bit;
      Stage(value, mask, {.owner = 3});
      Commit(0);
      ASSERT_EQ(OwnerOf(frame), -1) << word << " " << bit;
    }
  }
}

TEST_F(RuleTableTest, PortsAreRangesWithBothEnds) {
  Stage({}, {}, {.owner = 3}, 5001u << 16 | 5000, 7002u << 16 | 7000);
  Commit(0);
  const auto owner_of = [&](uint16_t src, uint16_t dst) {
    return OwnerOf(Ipv4({.src_port = src, .dst_port = dst}));
  };
  EXPECT_EQ(owner_of(5000, 7000), 3);
  EXPECT_EQ(owner_of(5001, 7002), 3);
  EXPECT_EQ(owner_of(4999, 7000), -1);
  EXPECT_EQ(owner_of(5002, 7000), -1);
  EXPECT_EQ(owner_of(5000, 6999), -1);
  EXPECT_EQ(owner_of(5000, 7003), -1);
  Stage({}, {}, {.owner = 3}, kAnyPort, 0);
  Commit(0);
  EXPECT_EQ(OwnerOf(Bytes(60)), 3) << "no ports: port 0";
}

TEST_F(RuleTableTest, HitsAreTheFirstMatchs) {
  Stage({}, {}, {.owner = 3});
  Commit(2);
  Commit(4);
  for (int i = 0; i < 5; ++i) OwnerOf(Ipv4({}));
  const auto read = [&](uint32_t index) {
    rules_.Write(regs::kRegRuleRead, index);
    return rules_.Read(regs::kRegRuleHitsLo);
  };
  EXPECT_EQ(read(2), 5u);
  EXPECT_EQ(read(4), 0u);
  Commit(2);
  EXPECT_EQ(read(2), 0u) << "installed anew";
}

TEST_F(RuleTableTest, RulesReadBack) {
  RuleWords value, mask;
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    const uint32_t bits = i == 3 ? 0x1FFFFFFF : i == 4 ? 0x7F3FFF : ~0u;
    value[i] = 0x01010101 * i & bits;
    mask[i] = ~value[i] & bits;
  }
  const regs::RuleAction action = {.owner = 9, .has_owner = 1, .drop = 1, .pacing_class = 63};
  Stage(value, mask, action, 0x00020001, 0x00040003);
  Commit(63);
  Stage({}, {}, {}, 0, 0);
  rules_.Write(regs::kRegRuleRead, 63);
  EXPECT_EQ(rules_.Read(regs::kRegRuleState), 1u);
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    EXPECT_EQ(rules_.Read(regs::kRegRuleValue(i)), value[i]);
    EXPECT_EQ(rules_.Read(regs::kRegRuleMask(i)), mask[i]);
  }
  EXPECT_EQ(rules_.Read(regs::kRegRuleSrcPorts), 0x00020001u);
  EXPECT_EQ(rules_.Read(regs::kRegRuleDstPorts), 0x00040003u);
  EXPECT_EQ(rules_.Read(regs::kRegRuleAction), action.Pack());
  rules_.Write(regs::kRegRuleRead, 62);
  EXPECT_EQ(rules_.Read(regs::kRegRuleState), 0u);
}

TEST_F(RuleTableTest, RulesThatAreNotThereAreRefused) {
  EXPECT_FALSE(Commit(64));
  EXPECT_FALSE(Commit(255));
  EXPECT_FALSE(rules_.Write(regs::kRegRuleRead, 64));
  EXPECT_FALSE(rules_.Write(regs::kRegRuleState, 1)) << "read only";
  EXPECT_EQ(rules_.Read(regs::kRegRuleCommit), std::nullopt) << "write only";
  EXPECT_EQ(rules_.Read(regs::kRegRuleValue(13)), std::nullopt);
  EXPECT_EQ(rules_.Read(regs::kRegRuleMask(13)), std::nullopt);
  EXPECT_EQ(rules_.Read(regs::kRegRuleValue(0) + 2), std::nullopt);
}

// Any frame against any rules: nothing may crash (run it under sanitizers).
TEST_F(RuleTableTest, AnythingMayBeStaged) {
  std::mt19937 random(1);
  int matched = 0;
  for (int round = 0; round < 200; ++round) {
    const uint32_t index = random() % 70;
    RuleWords value{}, mask{};
    for (int n = random() % 3; n > 0; --n) {
      const size_t word = random() % value.size();
      mask[word] = random() & random() & random();
      value[word] = random() & (random() % 2 ? 0 : ~0u);
    }
    Stage(value, mask, {.owner = static_cast<uint32_t>(random() % 256)}, kAnyPort,
          random() % 3 ? kAnyPort : random());
    EXPECT_EQ(Commit(index, random() % 8 != 0), index < regs::kRules);
    for (int i = 0; i < 20; ++i) {
      Bytes frame = random() % 2 ? Ipv4({}) : Ipv6({});
      for (int n = random() % 8; n > 0; --n) frame[random() % frame.size()] = random();
      matched += OwnerOf(frame) >= 0;
    }
  }
  EXPECT_GT(matched, 100);
}

}  // namespace
}  // namespace farrier::model
