#include "hw/model/tx_guard.h"

#include <algorithm>

#include "hw/model/big_endian.h"

namespace farrier::model {
namespace {

using regs::GuardKind;

constexpr uint16_t kTypeArp = 0x0806;
constexpr size_t kArpBytes = 28;
constexpr uint64_t kArpEthernetIpv4 = 0x000108000604;  // hardware, protocol and their lengths
constexpr uint32_t kUnspecified = 0;                   // an ARP probe's sender, RFC 5227

}  // namespace

std::optional<uint32_t> TxGuard::Read(uint32_t offset) const {
  if (offset == regs::kRegGuardKind) return static_cast<uint32_t>(staged_.kind);
  const uint32_t word = (offset - regs::kRegGuardValue(0)) / 4;
  if (offset % 4 != 0 || word >= staged_.value.size()) return std::nullopt;
  return staged_.value[word];
}

bool TxGuard::Write(uint32_t offset, uint32_t value) {
  if (offset != regs::kRegGuardCommit && offset != regs::kRegGuardRead) {
    if (offset == regs::kRegGuardKind || !Read(offset)) return false;
    staged_.value[(offset - regs::kRegGuardValue(0)) / 4] = value;
    return true;
  }
  const auto command = regs::GuardCommand::Unpack(value);
  if (command.function >= functions_ || command.index >= regs::kGuardEntries) return false;
  Entry& entry = entries_[command.function][command.index];
  if (offset == regs::kRegGuardCommit) {
    entry = {.kind = static_cast<GuardKind>(command.kind), .value = staged_.value};
  } else {
    staged_ = entry;
  }
  return true;
}

bool TxGuard::HasMac(uint32_t function, uint64_t mac) const {
  return std::ranges::any_of(entries_[function], [&](const Entry& entry) {
    return entry.kind == GuardKind::kMac &&
           (uint64_t{entry.value[0] & 0xFFFF} << 32 | entry.value[1]) == mac;
  });
}

bool TxGuard::HasIpv4(uint32_t function, uint32_t ip) const {
  return std::ranges::any_of(entries_[function], [&](const Entry& entry) {
    return entry.kind == GuardKind::kIpv4 && entry.value[0] == ip;
  });
}

bool TxGuard::HasIpv6(uint32_t function, const IpAddress& ip) const {
  return std::ranges::any_of(entries_[function], [&](const Entry& entry) {
    return entry.kind == GuardKind::kIpv6 && entry.value == ip;
  });
}

bool TxGuard::AllowsArp(uint32_t function, std::span<const uint8_t> frame) const {
  if (frame.size() < kEthernetHeaderBytes + kArpBytes) return false;
  const uint8_t* const arp = frame.data() + kEthernetHeaderBytes;
  const uint32_t sender = Load32(arp + 14);
  return Load48(arp) == kArpEthernetIpv4 && HasMac(function, Load48(arp + 8)) &&
         (sender == kUnspecified || HasIpv4(function, sender));
}

bool TxGuard::Allows(uint32_t function, std::span<const uint8_t> frame,
                     const ParsedFrame& parsed) const {
  if (parsed.tagged || parsed.bad_header || !HasMac(function, parsed.src_mac)) return false;
  switch (parsed.network) {
    case Network::kIpv4:
      return HasIpv4(function, parsed.src_ip[0]);
    case Network::kIpv6:
      return HasIpv6(function, parsed.src_ip);
    case Network::kNone:
      break;
  }
  return parsed.ether_type == kTypeArp && AllowsArp(function, frame);
}

}  // namespace farrier::model
