#pragma once

#include <array>
#include <functional>
#include <map>
#include <vector>

#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// For tests of the driver: a window onto registers that keep what is written, behind which rules
// and guard entries are loaded and stored by command, as hw/regs/registers.yaml says.
class FakeTables : public CsrWindow {
 public:
  absl::StatusOr<uint32_t> Read(uint32_t offset) override { return csr[offset]; }

  absl::Status Write(uint32_t offset, uint32_t value) override {
    writes.emplace_back(offset, value);
    if (stuck.contains(offset)) return absl::OkStatus();
    csr[offset] = value;
    if (offset == regs::kRegRuleCommit || offset == regs::kRegRuleRead) {
      const auto command = regs::RuleCommand::Unpack(value);
      if (offset == regs::kRegRuleRead) {
        csr[regs::kRegRuleState] = rules.contains(command.index);
        if (rules.contains(command.index)) Load(rules[command.index], kRule);
      } else if (command.valid) {
        rules[command.index] = Store(kRule);
      } else {
        rules.erase(command.index);
      }
    }
    if (offset == regs::kRegGuardCommit || offset == regs::kRegGuardRead) {
      auto command = regs::GuardCommand::Unpack(value);
      const std::pair<uint32_t, uint32_t> place = {command.function, command.index};
      if (offset == regs::kRegGuardRead) {
        csr[regs::kRegGuardKind] = guard[place].first;
        Load(guard[place].second, kGuard);
      } else {
        guard[place] = {command.kind, Store(kGuard)};
      }
    }
    if (after_write) after_write(offset);
    return absl::OkStatus();
  }

  std::map<uint32_t, uint32_t> csr;
  std::map<uint32_t, bool> stuck;  // registers that do not take what is written
  std::vector<std::pair<uint32_t, uint32_t>> writes;
  std::map<uint32_t, std::vector<uint32_t>> rules;  // installed ones, by index
  std::map<std::pair<uint32_t, uint32_t>, std::pair<uint32_t, std::vector<uint32_t>>> guard;
  std::function<void(uint32_t offset)> after_write;

 private:
  struct Block {
    uint32_t begin, end;
  };
  static constexpr Block kRule = {regs::kRegRuleValue(0), regs::kRegRuleCommit};
  static constexpr Block kGuard = {regs::kRegGuardValue(0), regs::kRegGuardCommit};

  void Load(const std::vector<uint32_t>& words, Block block) {
    for (size_t i = 0; i < words.size(); ++i) csr[block.begin + 4 * i] = words[i];
  }
  std::vector<uint32_t> Store(Block block) {
    std::vector<uint32_t> words;
    for (uint32_t at = block.begin; at < block.end; at += 4) words.push_back(csr[at]);
    return words;
  }
};

// A card that can do everything.
inline CardInfo AbleCard() {
  CardInfo info;
  info.capabilities = regs::Capabilities::Unpack(~0u);
  info.functions = 2;
  info.queues = 16;
  info.tx_cells = 4096;
  info.pacing_slots = 4096;
  return info;
}

// A card that can only filter and hold.
inline CardInfo PlainCard() {
  CardInfo info = AbleCard();
  info.capabilities = {.exact_filters = 1, .hold = 1};
  return info;
}

}  // namespace farrier::driver
