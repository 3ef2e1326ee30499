#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// A source address that a guarded function may send from.
struct GuardEntry {
  regs::GuardKind kind = regs::GuardKind::kNothing;
  std::array<uint32_t, 4> value{};  // as GUARD_VALUE

  static GuardEntry Mac(const std::array<uint8_t, 6>& mac);
  static GuardEntry Ipv4(uint32_t ip);
  static GuardEntry Ipv6(const std::array<uint32_t, 4>& ip);  // most significant word first

  friend bool operator==(const GuardEntry&, const GuardEntry&) = default;
};

// What a function that is given to somebody untrusted may send. Same thread as the window, which
// outlives it. kFailedPrecondition on a card without a guard, kInvalidArgument for a function that
// it does not have.
class TxGuard {
 public:
  TxGuard(CsrWindow& window, const CardInfo& info)
      : window_(window), present_(info.capabilities.tx_guard), functions_(info.functions) {}

  // From now on the function sends only from these addresses, at most 8; none at all stops it.
  // While they change, nothing gets through that neither the old nor the new ones allow.
  absl::Status Enable(uint32_t function, std::span<const GuardEntry> allowed);

  // The function sends what it likes.
  absl::Status Disable(uint32_t function);

 private:
  absl::Status Check(uint32_t function) const;
  absl::Status WriteEntry(uint32_t function, uint32_t index, const GuardEntry& entry);
  absl::Status Switch(uint32_t function, bool on);

  CsrWindow& window_;
  const bool present_;
  const uint32_t functions_;
};

}  // namespace farrier::driver
