#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"
#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"

namespace farrier::driver {

// A token bucket that packets without a departure time pass.
struct PacingClass {
  double bits_per_second = 0;      // of frames without FCS; 0 = unlimited
  runtime::Nanoseconds burst = 0;  // how far a burst may run ahead of the rate
};

// The card's pacing classes, 0-63. One writer at a time (the LEASE). Same thread as the window,
// which outlives it. kFailedPrecondition on a card without pacing.
class PacingClasses {
 public:
  PacingClasses(CsrWindow& window, const CardInfo& info)
      : window_(window), present_(info.capabilities.pacing) {}

  // The card counts whole 1/65,536 ns per byte: the rate is rounded down. kInvalidArgument if there
  // is no such class or the rate or burst cannot be expressed.
  absl::Status Set(uint32_t pacing_class, const PacingClass& what);

  absl::StatusOr<PacingClass> Get(uint32_t pacing_class);

 private:
  absl::Status Check(uint32_t pacing_class) const;

  CsrWindow& window_;
  const bool present_;
};

}  // namespace farrier::driver
