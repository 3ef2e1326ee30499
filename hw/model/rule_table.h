#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "hw/model/parser.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// The ternary rules, and the registers that software sets them by.
class RuleTable {
 public:
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

  uint64_t installed_ = 0;  // bit i: rule i
  std::array<Rule, regs::kRules> rules_;
  Rule staged_;  // with the hits of the rule that was read last
  bool read_installed_ = false;
};

}  // namespace farrier::model
