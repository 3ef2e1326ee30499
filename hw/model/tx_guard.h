#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "hw/model/parser.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// Which source addresses each function may send from, and the registers that say so.
class TxGuard {
 public:
  explicit TxGuard(uint32_t functions) : functions_(functions) {}

  // GUARD_* registers. Nothing or false: a bad access.
  std::optional<uint32_t> Read(uint32_t offset) const;
  bool Write(uint32_t offset, uint32_t value);

  // Whether a function under guard may send the frame: untagged, well-formed IPv4, IPv6 or ARP,
  // from addresses of its entries.
  bool Allows(uint32_t function, std::span<const uint8_t> frame, const ParsedFrame& parsed) const;

 private:
  struct Entry {
    regs::GuardKind kind = regs::GuardKind::kNothing;
    IpAddress value{};  // as GUARD_VALUE
  };

  bool HasMac(uint32_t function, uint64_t mac) const;
  bool HasIpv4(uint32_t function, uint32_t ip) const;
  bool HasIpv6(uint32_t function, const IpAddress& ip) const;
  bool AllowsArp(uint32_t function, std::span<const uint8_t> frame) const;

  const uint32_t functions_;
  std::array<std::array<Entry, regs::kGuardEntries>, regs::kMaxFunctions> entries_;
  Entry staged_;  // its kind: of the entry that was read last
};

}  // namespace farrier::model
