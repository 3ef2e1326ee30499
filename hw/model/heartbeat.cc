#include "hw/model/heartbeat.h"

#include <algorithm>

namespace farrier::model {

std::optional<uint32_t> Heartbeat::Read(uint32_t offset) const {
  for (uint32_t function = 0; function < functions_; ++function) {
    if (offset == regs::kRegHeartbeatUs(function)) return hosts_[function].limit_us;
  }
  return std::nullopt;
}

bool Heartbeat::Write(uint32_t offset, uint32_t value) {
  for (uint32_t function = 0; function < functions_; ++function) {
    Host& host = hosts_[function];
    if (offset == regs::kRegHeartbeatUs(function)) {
      host = {.limit_us = value};
      return true;
    }
    if (offset == regs::kRegHeartbeat(function)) {
      host.armed = true;
      host.last_ns = kUnstamped;
      return true;
    }
  }
  return false;
}

int64_t Heartbeat::NextExpiry(int64_t now_ns) const {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (uint32_t function = 0; function < functions_; ++function) {
    const Host& host = hosts_[function];
    if (!host.armed || host.limit_us == 0) continue;
    next = std::min(next, host.last_ns == kUnstamped ? now_ns : host.last_ns + LimitNs(host) + 1);
  }
  return next;
}

}  // namespace farrier::model
