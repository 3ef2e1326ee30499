#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hw/driver/csr_window.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// The right to write what all of a card's hosts share: filters, rules, RSS, classes, global
// registers. The LEASE register is compared and swapped like an owner's row, so of two who want it
// one gets it; the card does not enforce it. Who holds it is told by function: a process that
// drives another function of the card. Same thread as the window, which outlives it.
class Lease {
 public:
  Lease(CsrWindow& window, uint32_t function) : window_(window), function_(function) {}

  // The function of whoever holds it; nothing if it is free.
  absl::StatusOr<std::optional<uint32_t>> Holder() const;

  // Takes it if it is free; kAlreadyExists, naming the holder's function, if it is not.
  absl::Status Take();

  // Takes it from whoever has it. Only when the holder is known to be gone, or to have agreed.
  // kAborted if another was faster.
  absl::Status TakeOver();

  // Makes sure that it is still ours, by swapping it for itself: before a series of writes.
  // kAborted, naming the holder, if it is not.
  absl::Status Renew();

  // Gives it up. Nothing happens if it is not ours any more.
  absl::Status Release();

 private:
  absl::StatusOr<regs::SwitchWord> Read() const;
  absl::Status CheckOurs() const;
  absl::Status Swap(regs::OwnerState state, uint32_t expected);

  CsrWindow& window_;
  const uint32_t function_;
  std::optional<uint32_t> generation_;  // while we hold it
};

}  // namespace farrier::driver
