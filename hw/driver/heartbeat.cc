#include "hw/driver/heartbeat.h"

#include "absl/strings/str_format.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

absl::Status Heartbeat::Check() const {
  if (present_) return absl::OkStatus();
  return absl::FailedPreconditionError("this card has no heartbeat");
}

absl::Status Heartbeat::Arm(runtime::Nanoseconds limit) {
  if (auto status = Check(); !status.ok()) return status;
  const runtime::Nanoseconds us = limit / runtime::kMicrosecond;
  if (us < 1 || us > UINT32_MAX) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "heartbeat: a limit of %d ns; it can be 1,000 ns to %d us", limit, UINT32_MAX));
  }
  const uint32_t offset = regs::kRegHeartbeatUs(function_);
  if (auto s = window_.Write(offset, static_cast<uint32_t>(us)); !s.ok()) return s;
  const auto now = window_.Read(offset);
  if (!now.ok()) return now.status();
  if (*now != us) {
    return absl::InternalError(
        absl::StrFormat("the card did not take a heartbeat for function %d", function_));
  }
  return Beat();
}

absl::Status Heartbeat::Beat() {
  if (auto status = Check(); !status.ok()) return status;
  return window_.Write(regs::kRegHeartbeat(function_), 1);
}

absl::Status Heartbeat::Disarm() {
  if (auto status = Check(); !status.ok()) return status;
  return window_.Write(regs::kRegHeartbeatUs(function_), 0);
}

}  // namespace farrier::driver
