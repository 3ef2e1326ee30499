#include "hw/driver/rules.h"

#include "absl/strings/str_format.h"

namespace farrier::driver {
namespace {

// Words of a rule and bits of word 4: RULE_VALUE in hw/regs/registers.yaml.
constexpr size_t kDstMacLow = 0;
constexpr size_t kMacHigh = 1;  // destination << 16 | source
constexpr size_t kSrcMacLow = 2;
constexpr size_t kLayer2 = 3;
constexpr size_t kFlags = 4;
constexpr size_t kDstIp = 5;
constexpr size_t kSrcIp = 9;
constexpr uint32_t kTagged = 1u << 28;
constexpr uint32_t kIpv4 = 1u << 16;
constexpr uint32_t kIpv6 = 1u << 17;
constexpr uint32_t kFragment = 1u << 18;
constexpr uint32_t kTunnel = 1u << 19;
constexpr uint32_t kBadHeader = 1u << 20;
constexpr uint32_t kHasL4 = 1u << 21;
constexpr uint32_t kPony = 1u << 22;

// Asks for `value` in the bits of `mask`.
void Want(RuleWords& words, size_t word, uint32_t value, uint32_t mask) {
  words.value[word] |= value & mask;
  words.mask[word] |= mask;
}

void WantFlag(RuleWords& words, std::optional<bool> wanted, uint32_t bit) {
  if (wanted) Want(words, kFlags, *wanted ? bit : 0, bit);
}

void WantMac(RuleWords& words, const std::array<uint8_t, 6>& mac, size_t low_word, int high_shift) {
  uint32_t low = 0;
  for (int i = 2; i < 6; ++i) low = low << 8 | mac[i];
  Want(words, low_word, low, 0xFFFFFFFF);
  Want(words, kMacHigh, (uint32_t{mac[0]} << 8 | mac[1]) << high_shift, 0xFFFFu << high_shift);
}

absl::Status WantIp(RuleWords& words, const IpPrefix& prefix, size_t first_word) {
  const uint32_t most = prefix.v6 ? 128 : 32;
  if (prefix.bits > most) {
    return absl::InvalidArgumentError(absl::StrFormat("rule: a prefix of %d bits; %s has 0 to %d",
                                                      prefix.bits, prefix.v6 ? "IPv6" : "IPv4",
                                                      most));
  }
  Want(words, kFlags, prefix.v6 ? kIpv6 : kIpv4, kIpv4 | kIpv6);
  for (uint32_t i = 0; i < prefix.address.size(); ++i) {
    const uint32_t bits = prefix.bits > 32 * i ? std::min(prefix.bits - 32 * i, 32u) : 0;
    const uint32_t mask = bits == 0 ? 0 : 0xFFFFFFFFu << (32 - bits);
    if ((prefix.address[i] & ~mask) != 0) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "rule: the address has bits set behind its prefix of %d bits; clear them", prefix.bits));
    }
    Want(words, first_word + i, prefix.address[i], mask);
  }
  return absl::OkStatus();
}

absl::Status WantPorts(RuleWords& words, const char* which, const Ports& ports,
                       regs::PortRange& range) {
  if (ports.low > ports.high) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "rule: %s ports from %d to %d; the lower one goes first", which, ports.low, ports.high));
  }
  range = {.low = ports.low, .high = ports.high};
  // A packet without ports counts as one with port 0.
  if (!ports.any()) Want(words, kFlags, kHasL4, kHasL4);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RuleWords> Encode(const Rule& rule) {
  const RuleMatch& match = rule.match;
  const RuleVerdict& verdict = rule.verdict;
  RuleWords words;
  if (match.dst_mac) WantMac(words, *match.dst_mac, kDstMacLow, 16);
  if (match.src_mac) WantMac(words, *match.src_mac, kSrcMacLow, 0);
  if (match.ether_type) Want(words, kLayer2, *match.ether_type, 0xFFFF);
  if (match.tagged) Want(words, kLayer2, *match.tagged ? kTagged : 0, kTagged);
  if (match.vlan) {
    if (*match.vlan > 0xFFF) {
      return absl::InvalidArgumentError(
          absl::StrFormat("rule: VLAN %d; there are 0 to 4095", *match.vlan));
    }
    if (match.tagged == false) {
      return absl::InvalidArgumentError(
          absl::StrFormat("rule: VLAN %d of an untagged packet; drop one of the two", *match.vlan));
    }
    Want(words, kLayer2, uint32_t{*match.vlan} << 16 | kTagged, 0xFFFu << 16 | kTagged);
  }
  if (match.protocol) Want(words, kFlags, *match.protocol, 0xFF);
  if (match.dscp) {
    if (*match.dscp > 63) {
      return absl::InvalidArgumentError(
          absl::StrFormat("rule: DSCP %d; there are 0 to 63", *match.dscp));
    }
    Want(words, kFlags, uint32_t{*match.dscp} << 8, 63u << 8);
  }
  WantFlag(words, match.fragment, kFragment);
  WantFlag(words, match.tunnel, kTunnel);
  WantFlag(words, match.bad_header, kBadHeader);
  WantFlag(words, match.pony, kPony);
  if (match.dst_ip && match.src_ip && match.dst_ip->v6 != match.src_ip->v6) {
    return absl::InvalidArgumentError(
        "rule: source and destination are of different IP versions; nothing would match");
  }
  if (match.dst_ip) {
    if (auto status = WantIp(words, *match.dst_ip, kDstIp); !status.ok()) return status;
  }
  if (match.src_ip) {
    if (auto status = WantIp(words, *match.src_ip, kSrcIp); !status.ok()) return status;
  }
  if (auto s = WantPorts(words, "source", match.src_ports, words.src_ports); !s.ok()) return s;
  if (auto s = WantPorts(words, "destination", match.dst_ports, words.dst_ports); !s.ok()) return s;

  if (verdict.pacing_class >= regs::kClasses) {
    return absl::InvalidArgumentError(absl::StrFormat("rule: pacing class %d; there are 0 to %d",
                                                      verdict.pacing_class, regs::kClasses - 1));
  }
  if (verdict.drop && verdict.owner) {
    return absl::InvalidArgumentError(
        absl::StrFormat("rule: packets for owner %d that are dropped; drop one of the two",
                        static_cast<int>(*verdict.owner)));
  }
  words.action = {.owner = verdict.owner ? static_cast<uint32_t>(*verdict.owner) : 0,
                  .has_owner = verdict.owner.has_value(),
                  .drop = verdict.drop,
                  .pacing_class = verdict.pacing_class};
  return words;
}

absl::Status Rules::Check(uint32_t index) const {
  if (!present_) return absl::FailedPreconditionError("this card has no ternary rules");
  if (index < regs::kRules) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("rule %d: there are 0 to %d", index, regs::kRules - 1));
}

absl::StatusOr<bool> Rules::Installed(uint32_t index) {
  const regs::RuleCommand command = {.index = index};
  if (auto s = window_.Write(regs::kRegRuleRead, command.Pack()); !s.ok()) return s;
  const auto state = window_.Read(regs::kRegRuleState);
  if (!state.ok()) return state.status();
  return *state != 0;
}

absl::StatusOr<std::optional<InstalledRule>> Rules::Read(uint32_t index) {
  if (auto status = Check(index); !status.ok()) return status;
  const auto installed = Installed(index);
  if (!installed.ok()) return installed.status();
  if (!*installed) return std::nullopt;
  absl::Status status;
  const auto read = [&](uint32_t offset) -> uint32_t {
    if (!status.ok()) return 0;
    const auto word = window_.Read(offset);
    if (word.ok()) return *word;
    status = word.status();
    return 0;
  };
  InstalledRule rule;
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    rule.words.value[i] = read(regs::kRegRuleValue(i));
    rule.words.mask[i] = read(regs::kRegRuleMask(i));
  }
  rule.words.src_ports = regs::PortRange::Unpack(read(regs::kRegRuleSrcPorts));
  rule.words.dst_ports = regs::PortRange::Unpack(read(regs::kRegRuleDstPorts));
  rule.words.action = regs::RuleAction::Unpack(read(regs::kRegRuleAction));
  rule.hits = read(regs::kRegRuleHitsLo);
  rule.hits |= uint64_t{read(regs::kRegRuleHitsHi)} << 32;
  if (!status.ok()) return status;
  return rule;
}

absl::StatusOr<std::optional<uint32_t>> Rules::FindFree(uint32_t from) {
  for (uint32_t index = from; index < regs::kRules; ++index) {
    const auto installed = Installed(index);
    if (!installed.ok()) return installed.status();
    if (!*installed) return index;
  }
  return std::nullopt;
}

absl::Status Rules::Commit(uint32_t index, const RuleWords& words) {
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    if (auto s = window_.Write(regs::kRegRuleValue(i), words.value[i]); !s.ok()) return s;
    if (auto s = window_.Write(regs::kRegRuleMask(i), words.mask[i]); !s.ok()) return s;
  }
  if (auto s = window_.Write(regs::kRegRuleSrcPorts, words.src_ports.Pack()); !s.ok()) return s;
  if (auto s = window_.Write(regs::kRegRuleDstPorts, words.dst_ports.Pack()); !s.ok()) return s;
  if (auto s = window_.Write(regs::kRegRuleAction, words.action.Pack()); !s.ok()) return s;
  const regs::RuleCommand command = {.index = index, .valid = 1};
  if (auto s = window_.Write(regs::kRegRuleCommit, command.Pack()); !s.ok()) return s;
  const auto now = Read(index);
  if (!now.ok()) return now.status();
  if (*now && (*now)->words == words) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat("the card did not take the rule at index %d", index));
}

absl::Status Rules::Clear(uint32_t index) {
  return window_.Write(regs::kRegRuleCommit, regs::RuleCommand{.index = index}.Pack());
}

absl::StatusOr<uint32_t> Rules::Insert(const Rule& rule, uint32_t from) {
  if (auto status = Check(from); !status.ok()) return status;
  const auto words = Encode(rule);
  if (!words.ok()) return words.status();
  const auto free = FindFree(from);
  if (!free.ok()) return free.status();
  if (!*free) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("all %d rules from index %d on are in use", regs::kRules - from, from));
  }
  if (auto status = Commit(**free, *words); !status.ok()) return status;
  return **free;
}

absl::Status Rules::Replace(uint32_t index, const Rule& rule) {
  if (auto status = Check(index); !status.ok()) return status;
  const auto words = Encode(rule);
  if (!words.ok()) return words.status();
  const auto installed = Installed(index);
  if (!installed.ok()) return installed.status();
  if (!*installed) return absl::NotFoundError(absl::StrFormat("there is no rule %d", index));
  auto meanwhile = FindFree(index + 1);
  if (meanwhile.ok() && !*meanwhile) meanwhile = FindFree(0);
  if (!meanwhile.ok()) return meanwhile.status();
  if (!*meanwhile) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "rule %d cannot be replaced without a gap: all %d are in use; remove one first", index,
        regs::kRules));
  }
  if (auto status = Commit(**meanwhile, *words); !status.ok()) return status;
  if (auto status = Commit(index, *words); !status.ok()) return status;
  return Clear(**meanwhile);
}

absl::Status Rules::Remove(uint32_t index) {
  if (auto status = Check(index); !status.ok()) return status;
  const auto installed = Installed(index);
  if (!installed.ok()) return installed.status();
  if (!*installed) return absl::NotFoundError(absl::StrFormat("there is no rule %d", index));
  return Clear(index);
}

}  // namespace farrier::driver
