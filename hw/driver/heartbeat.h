#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "engines/runtime/clock.h"
#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"

namespace farrier::driver {

// Tells the card that a function's host is alive. Without a beat for the limit the card holds what
// is for the rows that are attached to the function, as if each had been written HELD. Same thread
// as the window, which outlives it. kFailedPrecondition on a card without a heartbeat.
class Heartbeat {
 public:
  Heartbeat(CsrWindow& window, const CardInfo& info, uint32_t function)
      : window_(window), present_(info.capabilities.heartbeat), function_(function) {}

  // From now on at most `limit` may pass between beats, 1 us to 4,294 s; kInvalidArgument.
  absl::Status Arm(runtime::Nanoseconds limit);

  absl::Status Beat();

  // No beat is expected any more.
  absl::Status Disarm();

 private:
  absl::Status Check() const;

  CsrWindow& window_;
  const bool present_;
  const uint32_t function_;
};

}  // namespace farrier::driver
