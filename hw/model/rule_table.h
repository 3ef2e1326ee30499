#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "hw/model/parser.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// The ternary rules, and the registers that software sets them by. All rules are compared at once:
// for each byte of the words there is a table of which rules agree with each of its values.
class RuleTable {
 public:
  RuleTable();

  // RULE_* registers. Nothing or false: a bad access.
  std::optional<uint32_t> Read(uint32_t offset) const;
  bool Write(uint32_t offset, uint32_t value);

  // What the lowest rule that matches says, which counts as its hit. Nothing if none does.
  std::optional<regs::RuleAction> Match(const ParsedFrame& parsed);

 private:
  struct Rule {
    RuleWords value{};
    RuleWords mask{};
    regs::PortRange src_ports;
    regs::PortRange dst_ports;
    regs::RuleAction action;
    uint64_t hits = 0;
  };

  static constexpr size_t kBytes = regs::kRuleWords * 4;
  using RuleSet = uint64_t;  // bit i: rule i
  using ByteTable = std::array<RuleSet, 256>;

  // Makes the tables say what `index` is now.
  void Tabulate(uint32_t index);

  RuleSet installed_ = 0;
  std::array<Rule, regs::kRules> rules_;
  std::unique_ptr<std::array<ByteTable, kBytes>> agree_;
  uint64_t compared_ = 0;  // bit i: some rule looks at byte i
  Rule staged_;            // with the hits of the rule that was read last
  bool read_installed_ = false;
};

}  // namespace farrier::model
