#include <Vrules.h>

#include <array>
#include <deque>
#include <optional>

#include "hw/regs/registers.h"
#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/classify.h"

namespace farrier::rtl {
namespace {

using Words = std::array<uint32_t, regs::kRuleWords>;

// The bits that RULE_VALUE and RULE_MASK have.
constexpr Words kBits = {~0u, ~0u, ~0u, 0x1FFF'FFFF, 0x007F'3FFF, ~0u, ~0u,
                         ~0u, ~0u, ~0u, ~0u,         ~0u,         ~0u};

struct Rule {
  bool installed = false;
  Words value{}, mask{};
  regs::PortRange src_ports{}, dst_ports{};
  regs::RuleAction action{};
  uint64_t hits = 0;
};

Words WordsOf(const Classify& packet) {
  Words words = {static_cast<uint32_t>(packet.dst_mac),
                 static_cast<uint32_t>(packet.dst_mac >> 32 << 16 | packet.src_mac >> 32),
                 static_cast<uint32_t>(packet.src_mac),
                 packet.ether_type | uint32_t{packet.vlan} << 16 | uint32_t{packet.tagged} << 28,
                 packet.protocol | uint32_t{packet.dscp} << 8 | uint32_t{packet.ipv4} << 16 |
                     uint32_t{packet.ipv6} << 17 | uint32_t{packet.fragment} << 18 |
                     uint32_t{packet.tunnel} << 19 | uint32_t{packet.bad_header} << 20 |
                     uint32_t{packet.has_ports} << 21 | uint32_t{packet.pony} << 22};
  std::copy(packet.dst_ip.begin(), packet.dst_ip.end(), words.begin() + 5);
  std::copy(packet.src_ip.begin(), packet.src_ip.end(), words.begin() + 9);
  return words;
}

bool Matches(const Rule& rule, const Classify& packet) {
  const Words words = WordsOf(packet);
  for (size_t i = 0; i < words.size(); ++i) {
    if (((words[i] ^ rule.value[i]) & rule.mask[i]) != 0) return false;
  }
  return packet.src_port >= rule.src_ports.low && packet.src_port <= rule.src_ports.high &&
         packet.dst_port >= rule.dst_ports.low && packet.dst_port <= rule.dst_ports.high;
}

class RulesBench {
 protected:
  static constexpr int kLatency = 4;

  RulesBench() {
    while (!rules_->ready_o) rules_.Tick();
    expected_.resize(kLatency - 1);
  }

  // One cycle with or without a packet; what comes out must be what the reference says of the
  // packet four cycles before.
  void Clock(const std::optional<Classify>& packet, bool counts = true) {
    rules_->valid_i = packet.has_value();
    std::optional<int> rule;
    if (packet) {
      packet->Write(rules_->classify_i);
      rule = -1;
      for (int i = 0; i < static_cast<int>(regs::kRules) && *rule < 0; ++i) {
        if (rules_of_card_[i].installed && Matches(rules_of_card_[i], *packet)) rule = i;
      }
    }
    expected_.push_back({rule, counts});
    rules_.Tick();
    const auto [number, counted] = expected_.front();
    expected_.pop_front();
    rules_->count_i = number.has_value() && counted;
    if (!number) return;
    ++looked_;
    ASSERT_EQ(rules_->match_o, *number >= 0) << "rule " << *number;
    if (*number < 0) return;
    Rule& matched = rules_of_card_[*number];
    ++matched_;
    matched.hits += counted;
    Bits action(rules_->action_o);
    ASSERT_EQ(action.Get(6), matched.action.pacing_class);
    ASSERT_EQ(action.Get(1), matched.action.drop);
    ASSERT_EQ(action.Get(8), matched.action.owner);
    ASSERT_EQ(action.Get(1), matched.action.has_owner);
  }

  template <typename Clocking>
  BlockAnswer Access(bool write, uint32_t address, uint32_t data, Clocking clock) {
    return AccessBlock(*rules_.operator->(), write, address, data, clock);
  }
  BlockAnswer Access(bool write, uint32_t address, uint32_t data = 0) {
    return Access(write, address, data, [&] { Clock(std::nullopt); });
  }
  void Write(uint32_t address, uint32_t data) { EXPECT_FALSE(Access(true, address, data).bad); }
  uint32_t Read(uint32_t address) {
    const BlockAnswer answer = Access(false, address);
    EXPECT_FALSE(answer.bad);
    return answer.data;
  }

  template <typename Clocking>
  void Stage(const Rule& rule, Clocking clock) {
    const auto write = [&](uint32_t address, uint32_t data) {
      EXPECT_FALSE(Access(true, address, data, clock).bad);
    };
    for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
      write(regs::kRegRuleValue(i), rule.value[i]);
      write(regs::kRegRuleMask(i), rule.mask[i]);
    }
    write(regs::kRegRuleSrcPorts, rule.src_ports.Pack());
    write(regs::kRegRuleDstPorts, rule.dst_ports.Pack());
    write(regs::kRegRuleAction, rule.action.Pack());
  }

  // The rule matches nothing until the answer, or for two cycles less.
  template <typename Clocking>
  void Commit(uint32_t index, const Rule& rule, Clocking clock) {
    Stage(rule, clock);
    Clock(std::nullopt);  // what is being looked up may see the change or not
    rules_of_card_[index].installed = false;
    EXPECT_FALSE(Access(true, regs::kRegRuleCommit,
                        regs::RuleCommand{.index = index, .valid = rule.installed}.Pack(), clock)
                     .bad);
    for (size_t i = 1; i <= 2; ++i) expected_[expected_.size() - i].first.reset();
    rules_of_card_[index] = rule;
    rules_of_card_[index].hits = 0;
  }
  void Commit(uint32_t index, const Rule& rule) {
    Commit(index, rule, [&] { Clock(std::nullopt); });
  }

  // Reads a rule back; must be what was installed.
  void CheckReadBack(uint32_t index) {
    Write(regs::kRegRuleRead, regs::RuleCommand{.index = index}.Pack());
    const Rule& rule = rules_of_card_[index];
    ASSERT_EQ(Read(regs::kRegRuleState), rule.installed);
    if (!rule.installed) return;
    for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
      EXPECT_EQ(Read(regs::kRegRuleValue(i)), rule.value[i]) << i;
      EXPECT_EQ(Read(regs::kRegRuleMask(i)), rule.mask[i]) << i;
    }
    EXPECT_EQ(Read(regs::kRegRuleSrcPorts), rule.src_ports.Pack());
    EXPECT_EQ(Read(regs::kRegRuleDstPorts), rule.dst_ports.Pack());
    EXPECT_EQ(Read(regs::kRegRuleAction), rule.action.Pack());
    const uint64_t hits = Read(regs::kRegRuleHitsLo) | uint64_t{Read(regs::kRegRuleHitsHi)} << 32;
    EXPECT_EQ(hits, rule.hits) << "rule " << index;
  }

  Bench<Vrules> rules_;
  std::array<Rule, regs::kRules> rules_of_card_;
  std::deque<std::pair<std::optional<int>, bool>> expected_;
  int looked_ = 0;
  int matched_ = 0;
};

class RulesTest : public testing::Test, protected RulesBench {};
class RulesRandomTest : public SeededTest, protected RulesBench {};

constexpr regs::PortRange kAnyPort = {.low = 0, .high = 65535};

TEST_F(RulesTest, RegistersKeepTheBitsTheyHave) {
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    EXPECT_EQ(Read(regs::kRegRuleValue(i)), 0u);
    EXPECT_EQ(Read(regs::kRegRuleMask(i)), 0u);
    Write(regs::kRegRuleValue(i), ~0u);
    Write(regs::kRegRuleMask(i), ~i);
  }
  EXPECT_EQ(Read(regs::kRegRuleAction), 0u);
  Write(regs::kRegRuleAction, ~0u);
  Write(regs::kRegRuleSrcPorts, 0x12345678);
  Write(regs::kRegRuleDstPorts, 0x9ABCDEF0);
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    EXPECT_EQ(Read(regs::kRegRuleValue(i)), kBits[i]);
    EXPECT_EQ(Read(regs::kRegRuleMask(i)), kBits[i] & ~i);
  }
  EXPECT_EQ(Read(regs::kRegRuleAction),
            (regs::RuleAction{.owner = 255, .has_owner = 1, .drop = 1, .pacing_class = 63}.Pack()));
  EXPECT_EQ(Read(regs::kRegRuleSrcPorts), 0x12345678u);
  EXPECT_EQ(Read(regs::kRegRuleDstPorts), 0x9ABCDEF0u);
}

TEST_F(RulesTest, HolesAreBad) {
  for (const uint32_t hole : {0x174u, 0x1B4u, 0x1E0u, 0x1FCu}) {
    EXPECT_TRUE(Access(false, hole).bad) << hole;
    EXPECT_TRUE(Access(true, hole).bad) << hole;
  }
  for (const uint32_t write_only : {regs::kRegRuleCommit, regs::kRegRuleRead}) {
    EXPECT_TRUE(Access(false, write_only).bad);
    EXPECT_TRUE(Access(true, write_only, regs::RuleCommand{.index = 64}.Pack()).bad);
    EXPECT_TRUE(Access(true, write_only, regs::RuleCommand{.index = 255, .valid = 1}.Pack()).bad);
  }
  for (const uint32_t read_only :
       {regs::kRegRuleState, regs::kRegRuleHitsLo, regs::kRegRuleHitsHi}) {
    EXPECT_TRUE(Access(true, read_only).bad);
  }
}

TEST_F(RulesTest, EveryBitOfTheKeyCounts) {
  const auto clock = [&] { Clock(std::nullopt); };
  Rule rule = {.installed = true, .src_ports = kAnyPort, .dst_ports = kAnyPort};
  rule.mask = kBits;
  Commit(63, rule, clock);
  const auto flip = [](Classify& packet, size_t bit) {
    std::array<uint32_t, 16> port{};
    packet.Write(port);
    port[bit / 32] ^= 1u << bit % 32;
    packet = Classify::Read(port);
  };
  // All but the ports, which are lowest.
  for (size_t bit = 32; bit < 434; ++bit) {
    Classify packet;
    flip(packet, bit);
    Clock(packet);
    Clock(Classify{});
    ASSERT_FALSE(HasFailure()) << "bit " << bit;
  }
  for (int i = 0; i < kLatency; ++i) clock();
  EXPECT_EQ(matched_, 434 - 32) << "the packet of zeros alone";
}

TEST_F(RulesTest, PortRangesHaveBothTheirEnds) {
  constexpr uint32_t kEnds[] = {0, 16, 255, 4096, 0x1234, 0xFFFF};
  for (const uint32_t low : {0u, 0x0FFFu, 0x1234u}) {
    for (const uint32_t high : {0x1000u, 0x1235u, 0xFFFFu}) {
      Commit(5,
             {.installed = true, .src_ports = {.low = low, .high = high}, .dst_ports = kAnyPort});
      Commit(7,
             {.installed = true, .src_ports = kAnyPort, .dst_ports = {.low = low, .high = high}});
      for (const uint32_t end : kEnds) {
        for (const int off : {-1, 0, 1}) {
          const auto port = static_cast<uint16_t>(end + static_cast<uint32_t>(off));
          Clock(Classify{.src_port = port, .dst_port = static_cast<uint16_t>(high + 1)});
          Clock(Classify{.src_port = static_cast<uint16_t>(high + 1), .dst_port = port});
        }
      }
    }
    ASSERT_FALSE(HasFailure()) << "from " << low;
  }
  EXPECT_GT(matched_, 100);
  EXPECT_LT(matched_, looked_);
}

// A packet of few values, so that rules of few values often match it.
Classify Draw(Random& random) {
  const auto pick = [&](auto... values) {
    const uint64_t all[] = {static_cast<uint64_t>(values)...};
    return all[random.Below(sizeof...(values))];
  };
  Classify packet;
  packet.src_port = static_cast<uint16_t>(pick(0, 80, 4791, 40000, random.Next()));
  packet.dst_port = static_cast<uint16_t>(pick(0, 80, 443, 7000, random.Next()));
  packet.dst_ip = {static_cast<uint32_t>(pick(0x0A000001, 0x0A000102, 0xFE800000)), 0,
                   static_cast<uint32_t>(random.Below(2)), static_cast<uint32_t>(random.Below(4))};
  packet.src_ip = {static_cast<uint32_t>(pick(0x0A000001, 0xC0A80001, 0x20010DB8))};
  packet.dscp = static_cast<uint8_t>(pick(0, 46, 10));
  packet.protocol = static_cast<uint8_t>(pick(6, 17, 1));
  packet.src_mac = pick(0x020000000001, 0x020000000002);
  packet.dst_mac = pick(0x020000000003, 0xFFFFFFFFFFFF, 0x01005E000001);
  packet.ether_type = static_cast<uint16_t>(pick(0x0800, 0x86DD, 0x0806));
  packet.vlan = static_cast<uint16_t>(pick(0, 5, 4095));
  packet.tagged = packet.vlan != 0;
  packet.ipv4 = packet.ether_type == 0x0800;
  packet.ipv6 = packet.ether_type == 0x86DD;
  packet.has_ports = random.Chance(70);
  packet.fragment = random.Chance(10);
  packet.pony = random.Chance(10);
  return packet;
}

Rule DrawRule(Random& random) {
  const auto draw_range = [&]() -> regs::PortRange {
    if (random.Chance(50)) return kAnyPort;
    const auto low = static_cast<uint32_t>(random.Below(random.Chance(50) ? 100 : 65536));
    const auto high = static_cast<uint32_t>(random.Below(65536));
    return {.low = low, .high = random.Chance(95) ? std::max(low, high) : high};
  };
  Rule rule = {.installed = random.Chance(85),
               .src_ports = draw_range(),
               .dst_ports = draw_range(),
               .action = {.owner = static_cast<uint32_t>(random.Below(256)),
                          .has_owner = static_cast<uint32_t>(random.Below(2)),
                          .drop = static_cast<uint32_t>(random.Below(2)),
                          .pacing_class = static_cast<uint32_t>(random.Below(64))}};
  const Words words = WordsOf(Draw(random));
  for (size_t i = 0; i < words.size(); ++i) {
    rule.value[i] = words[i];
    if (random.Chance(80)) continue;  // any
    rule.mask[i] =
        random.Chance(50) ? ~0u << random.Below(32) : static_cast<uint32_t>(random.Next());
    rule.mask[i] &= kBits[i];
  }
  return rule;
}

TEST_P(RulesRandomTest, AgreeWithTheReferenceInEveryCycleWhileSoftwareWrites) {
  Random random(GetParam());
  const auto clock = [&] {
    std::optional<Classify> packet;
    if (random.Chance(95)) packet = Draw(random);
    Clock(packet, random.Chance(80));
  };
  for (int round = 0; round < 12; ++round) {
    const auto index =
        static_cast<uint32_t>(random.Chance(50) ? random.Below(8) : random.Below(64));
    Commit(index, DrawRule(random), clock);
    for (int i = 0; i < 300; ++i) clock();
    if (HasFailure()) FAIL() << "round " << round;
  }
  for (int i = 0; i < 2 * kLatency; ++i) Clock(std::nullopt);  // hits take a moment
  for (uint32_t index = 0; index < regs::kRules; ++index) CheckReadBack(index);
  EXPECT_GT(looked_, 20'000);
  EXPECT_GT(matched_, looked_ / 100);
  EXPECT_LT(matched_, looked_);
}

FARRIER_SEEDS(RulesRandomTest);

}  // namespace
}  // namespace farrier::rtl
