#include "hw/driver/tx_guard.h"

#include "absl/strings/str_format.h"

namespace farrier::driver {

GuardEntry GuardEntry::Mac(const std::array<uint8_t, 6>& mac) {
  GuardEntry entry = {.kind = regs::GuardKind::kMac};
  entry.value[0] = uint32_t{mac[0]} << 8 | mac[1];
  for (int i = 2; i < 6; ++i) entry.value[1] = entry.value[1] << 8 | mac[i];
  return entry;
}

GuardEntry GuardEntry::Ipv4(uint32_t ip) { return {.kind = regs::GuardKind::kIpv4, .value = {ip}}; }

GuardEntry GuardEntry::Ipv6(const std::array<uint32_t, 4>& ip) {
  return {.kind = regs::GuardKind::kIpv6, .value = ip};
}

absl::Status TxGuard::Check(uint32_t function) const {
  if (!present_) return absl::FailedPreconditionError("this card has no TX guard");
  if (function < functions_) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("TX guard: function %d; the card has 0 to %d", function, functions_ - 1));
}

absl::Status TxGuard::WriteEntry(uint32_t function, uint32_t index, const GuardEntry& entry) {
  for (uint32_t i = 0; i < entry.value.size(); ++i) {
    if (auto s = window_.Write(regs::kRegGuardValue(i), entry.value[i]); !s.ok()) return s;
  }
  const regs::GuardCommand command = {
      .index = index, .function = function, .kind = static_cast<uint32_t>(entry.kind)};
  if (auto s = window_.Write(regs::kRegGuardCommit, command.Pack()); !s.ok()) return s;
  if (auto s = window_.Write(regs::kRegGuardRead, command.Pack()); !s.ok()) return s;
  const auto kind = window_.Read(regs::kRegGuardKind);
  if (!kind.ok()) return kind.status();
  GuardEntry now = {.kind = static_cast<regs::GuardKind>(*kind)};
  for (uint32_t i = 0; i < now.value.size(); ++i) {
    const auto word = window_.Read(regs::kRegGuardValue(i));
    if (!word.ok()) return word.status();
    now.value[i] = *word;
  }
  if (now.kind == entry.kind && (now.kind == regs::GuardKind::kNothing || now == entry)) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrFormat("the card did not take entry %d of function %d's TX guard", index, function));
}

absl::Status TxGuard::Switch(uint32_t function, bool on) {
  const uint32_t offset = regs::kRegFunctionControl(function);
  const auto word = window_.Read(offset);
  if (!word.ok()) return word.status();
  auto control = regs::FunctionControl::Unpack(*word);
  control.guard = on;
  if (auto status = window_.Write(offset, control.Pack()); !status.ok()) return status;
  const auto now = window_.Read(offset);
  if (!now.ok()) return now.status();
  if (regs::FunctionControl::Unpack(*now).guard == control.guard) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat("the card did not switch function %d's TX guard %s",
                                             function, on ? "on" : "off"));
}

absl::Status TxGuard::Enable(uint32_t function, std::span<const GuardEntry> allowed) {
  if (auto status = Check(function); !status.ok()) return status;
  if (allowed.size() > regs::kGuardEntries) {
    return absl::InvalidArgumentError(absl::StrFormat("TX guard: %d addresses; a function has %d",
                                                      allowed.size(), regs::kGuardEntries));
  }
  for (const GuardEntry& entry : allowed) {
    if (entry.kind == regs::GuardKind::kMac && (entry.value[0] & 0x100) != 0) {
      return absl::InvalidArgumentError(
          "TX guard: a group MAC address cannot be a source; give the function's own");
    }
  }
  // With all of the old ones gone nothing gets through; then the new ones, one by one.
  for (uint32_t i = 0; i < regs::kGuardEntries; ++i) {
    if (auto status = WriteEntry(function, i, {}); !status.ok()) return status;
  }
  if (auto status = Switch(function, true); !status.ok()) return status;
  for (uint32_t i = 0; i < allowed.size(); ++i) {
    if (auto status = WriteEntry(function, i, allowed[i]); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status TxGuard::Disable(uint32_t function) {
  if (auto status = Check(function); !status.ok()) return status;
  return Switch(function, false);
}

}  // namespace farrier::driver
