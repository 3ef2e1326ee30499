#include "hw/model/rule_table.h"

#include <bit>

namespace farrier::model {
namespace {

static_assert(regs::kRules == 64, "a set of rules is one word");
static_assert(regs::kRuleWords * 4 <= 64, "and so is a set of bytes");

bool Contains(const regs::PortRange& range, uint16_t port) {
  return port >= range.low && port <= range.high;
}

constexpr uint32_t kAllBits = 0xFFFF'FFFF;

// The bits that RULE_VALUE and RULE_MASK have.
constexpr std::array<uint32_t, regs::kRuleWords> kWordBits = {
    kAllBits, kAllBits, kAllBits, 0x1FFF'FFFF, 0x007F'3FFF, kAllBits, kAllBits,
    kAllBits, kAllBits, kAllBits, kAllBits,    kAllBits,    kAllBits};

// Index of `offset` in an array of words at `base`.
constexpr uint32_t IndexFrom(uint32_t base, uint32_t offset) { return (offset - base) / 4; }

uint8_t ByteOf(const RuleWords& words, size_t byte) {
  return static_cast<uint8_t>(words[byte / 4] >> (8 * (byte % 4)));
}

}  // namespace

RuleTable::RuleTable() : agree_(std::make_unique<std::array<ByteTable, kBytes>>()) {}

std::optional<uint32_t> RuleTable::Read(uint32_t offset) const {
  if (offset % 4 != 0) return std::nullopt;
  if (const uint32_t i = IndexFrom(regs::kRegRuleValue(0), offset); i < regs::kRuleWords) {
    return staged_.value[i];
  }
  if (const uint32_t i = IndexFrom(regs::kRegRuleMask(0), offset); i < regs::kRuleWords) {
    return staged_.mask[i];
  }
  switch (offset) {
    case regs::kRegRuleSrcPorts:
      return staged_.src_ports.Pack();
    case regs::kRegRuleDstPorts:
      return staged_.dst_ports.Pack();
    case regs::kRegRuleAction:
      return staged_.action.Pack();
    case regs::kRegRuleState:
      return read_installed_;
    case regs::kRegRuleHitsLo:
      return static_cast<uint32_t>(staged_.hits);
    case regs::kRegRuleHitsHi:
      return static_cast<uint32_t>(staged_.hits >> 32);
    default:
      return std::nullopt;
  }
}

bool RuleTable::Write(uint32_t offset, uint32_t value) {
  if (offset % 4 != 0) return false;
  if (const uint32_t i = IndexFrom(regs::kRegRuleValue(0), offset); i < regs::kRuleWords) {
    staged_.value[i] = value & kWordBits[i];
    return true;
  }
  if (const uint32_t i = IndexFrom(regs::kRegRuleMask(0), offset); i < regs::kRuleWords) {
    staged_.mask[i] = value & kWordBits[i];
    return true;
  }
  const auto command = regs::RuleCommand::Unpack(value);
  const uint64_t bit = uint64_t{1} << command.index % regs::kRules;
  switch (offset) {
    case regs::kRegRuleSrcPorts:
      staged_.src_ports = regs::PortRange::Unpack(value);
      return true;
    case regs::kRegRuleDstPorts:
      staged_.dst_ports = regs::PortRange::Unpack(value);
      return true;
    case regs::kRegRuleAction:
      staged_.action = regs::RuleAction::Unpack(value);
      return true;
    case regs::kRegRuleCommit:
      if (command.index >= regs::kRules) return false;
      installed_ = command.valid ? installed_ | bit : installed_ & ~bit;
      rules_[command.index] = staged_;
      rules_[command.index].hits = 0;
      Tabulate(command.index);
      return true;
    case regs::kRegRuleRead:
      if (command.index >= regs::kRules) return false;
      read_installed_ = (installed_ & bit) != 0;
      if (read_installed_) staged_ = rules_[command.index];
      return true;
    default:
      return false;
  }
}

void RuleTable::Tabulate(uint32_t index) {
  const Rule& rule = rules_[index];
  const RuleSet bit = RuleSet{1} << index;
  for (size_t byte = 0; byte < kBytes; ++byte) {
    const uint32_t value = ByteOf(rule.value, byte);
    const uint32_t mask = ByteOf(rule.mask, byte);
    for (uint32_t i = 0; i < 256; ++i) {
      RuleSet& agree = (*agree_)[byte][i];
      agree = ((i ^ value) & mask) == 0 ? agree | bit : agree & ~bit;
    }
  }
  compared_ = 0;
  for (RuleSet rest = installed_; rest != 0; rest &= rest - 1) {
    for (size_t byte = 0; byte < kBytes; ++byte) {
      const bool looks = ByteOf(rules_[std::countr_zero(rest)].mask, byte) != 0;
      compared_ |= uint64_t{looks} << byte;
    }
  }
}

std::optional<regs::RuleAction> RuleTable::Match(const ParsedFrame& parsed) {
  RuleSet matching = installed_;
  if (matching == 0) return std::nullopt;
  const RuleWords words = RuleWordsOf(parsed);
  for (uint64_t rest = compared_; rest != 0 && matching != 0; rest &= rest - 1) {
    const size_t byte = std::countr_zero(rest);
    matching &= (*agree_)[byte][ByteOf(words, byte)];
  }
  for (; matching != 0; matching &= matching - 1) {
    Rule& rule = rules_[std::countr_zero(matching)];
    if (!Contains(rule.src_ports, parsed.src_port) || !Contains(rule.dst_ports, parsed.dst_port)) {
      continue;
    }
    ++rule.hits;
    return rule.action;
  }
  return std::nullopt;
}

}  // namespace farrier::model
