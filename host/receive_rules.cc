#include "host/receive_rules.h"

#include <cstdint>
#include <optional>

#include "host/card_setup.h"
#include "host/packet_engine_config.h"
#include "hw/regs/registers.h"

namespace farrier::host {
namespace {

absl::Status InstallDefaultOwner(driver::CsrWindow& window, const Config& config) {
  uint32_t wanted = 0;
  for (uint32_t engine = 0; engine < EngineCount(config); ++engine) {
    const PacketEngineConfig* packet = PacketEngineOf(config, engine);
    if (packet != nullptr && packet->default_owner()) {
      wanted = static_cast<uint32_t>(OwnerOf(engine));
    }
  }
  const absl::StatusOr<uint32_t> now = window.Read(regs::kRegDefaultOwner);
  if (!now.ok() || *now == wanted) return now.status();
  return window.Write(regs::kRegDefaultOwner, wanted);
}

}  // namespace

std::vector<driver::Rule> ReceiveRules(const Config& config) {
  std::vector<driver::Rule> rules;
  elements::ConfigErrors errors;  // none: the configuration was validated
  for (uint32_t engine = 0; engine < EngineCount(config); ++engine) {
    const PacketEngineConfig* packet = PacketEngineOf(config, engine);
    if (packet == nullptr) continue;
    for (const ReceiveRule& rule : packet->receive()) {
      rules.push_back(
          {.match = ReadReceiveRule(rule, "", errors), .verdict = {.owner = OwnerOf(engine)}});
    }
  }
  return rules;
}

absl::Status InstallReceiveRules(driver::CsrWindow& window, const driver::CardInfo& info,
                                 const Config& config) {
  if (absl::Status status = InstallDefaultOwner(window, config); !status.ok()) return status;
  if (!info.capabilities.ternary) return absl::OkStatus();
  const std::vector<driver::Rule> wanted = ReceiveRules(config);
  driver::Rules rules(window, info);
  for (uint32_t index = 0; index < regs::kRules; ++index) {
    const absl::StatusOr<std::optional<driver::InstalledRule>> now = rules.Read(index);
    if (!now.ok()) return now.status();
    const bool is_wanted = index < wanted.size();
    if (*now && is_wanted) {
      const absl::StatusOr<driver::RuleWords> words = driver::Encode(wanted[index]);
      if (!words.ok()) return words.status();
      if ((*now)->words == *words) continue;
    }
    if (*now) {
      if (absl::Status status = rules.Remove(index); !status.ok()) return status;
    }
    // The first free one from here on is this one.
    if (is_wanted) {
      if (auto inserted = rules.Insert(wanted[index], index); !inserted.ok()) {
        return inserted.status();
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace farrier::host
