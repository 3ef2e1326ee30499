#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"
#include "hw/driver/csr_window.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// What a card says of itself.
struct CardInfo {
  uint32_t version = 0;
  regs::Capabilities capabilities;
  uint32_t epoch = 0;  // 0: reset since it was last set up; see SetEpoch
  uint32_t functions = 0;
  uint32_t queues = 0;  // queue pairs per function
  uint32_t hold_cells = 0;
  uint32_t mtu = 0;                        // bytes of frame without FCS
  std::array<uint32_t, 4> filter_depth{};  // entries per way of each FilterTable
  uint32_t tx_cells = 0;      // 512 B cells of TX memory; 0 without the pacing capability
  uint32_t pacing_slots = 0;  // of the departure calendar, regs::kSlotNs each; 0 without it
  std::array<uint8_t, 6> mac{};
  bool link_up = false;

  // How far ahead of the card's time a departure may lie; 0 without the pacing capability.
  runtime::Nanoseconds pacing_horizon() const {
    return runtime::Nanoseconds{pacing_slots} * regs::kSlotNs;
  }
};

// What the card can do, by name: "exact_filters", "hold", ...
std::vector<std::string> CapabilityNames(const regs::Capabilities& capabilities);

// Reads it, and refuses what this driver cannot drive: no Farrier card, another major version, no
// exact filters, no hold, or numbers outside the contract.
absl::StatusOr<CardInfo> Identify(CsrWindow& window);

// Says that the card is set up: to be called with a non-zero number once everything has been loaded
// into a card whose epoch was 0. Whoever later finds that number knows that filters and rows are
// still there.
absl::Status SetEpoch(CsrWindow& window, uint32_t epoch);

}  // namespace farrier::driver
