#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace farrier::driver {

// A card's CSR window: 32-bit registers at byte offsets from its start. One thread at a time. An
// error means that the card was not reached (kUnavailable, kDeadlineExceeded) or that it does not
// take the offset (kInvalidArgument); after an error of Write it is not known whether the card saw
// the value.
class CsrWindow {
 public:
  virtual ~CsrWindow() = default;
  virtual absl::StatusOr<uint32_t> Read(uint32_t offset) = 0;
  virtual absl::Status Write(uint32_t offset, uint32_t value) = 0;
};

}  // namespace farrier::driver
