#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "hw/regs/registers.h"

namespace farrier::model {

// The signs of life of each function's host, and their registers.
class Heartbeat {
 public:
  explicit Heartbeat(uint32_t functions) : functions_(functions) {}

  // HEARTBEAT* registers. Nothing or false: a bad access.
  std::optional<uint32_t> Read(uint32_t offset) const;
  bool Write(uint32_t offset, uint32_t value);

  // Calls missed(function) for each function whose host has been silent for longer than it may,
  // which disarms it. A beat since the last call is stamped `now_ns`.
  template <typename Missed>
  void Expire(int64_t now_ns, Missed missed) {
    for (uint32_t function = 0; function < functions_; ++function) {
      Host& host = hosts_[function];
      if (!host.armed || host.limit_us == 0) continue;
      if (host.last_ns == kUnstamped) host.last_ns = now_ns;
      if (now_ns - host.last_ns <= LimitNs(host)) continue;
      host.armed = false;
      missed(function);
    }
  }

  // When Expire next has to be called; INT64_MAX if never.
  int64_t NextExpiry(int64_t now_ns) const;

 private:
  static constexpr int64_t kUnstamped = std::numeric_limits<int64_t>::min();

  struct Host {
    uint32_t limit_us = 0;  // 0: none
    bool armed = false;
    int64_t last_ns = kUnstamped;
  };

  static int64_t LimitNs(const Host& host) { return int64_t{host.limit_us} * 1000; }

  const uint32_t functions_;
  std::array<Host, regs::kMaxFunctions> hosts_;
};

}  // namespace farrier::model
