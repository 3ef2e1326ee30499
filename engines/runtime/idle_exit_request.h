#pragma once

#include <optional>
#include <string>
#include <utility>

#include "engines/runtime/clock.h"
#include "engines/runtime/unique_fd.h"

namespace farrier::runtime {

// Keeps idle cores awake enough: asks the kernel for no idle state of this machine's cores that
// takes longer to leave than a limit (CPU latency QoS, Documentation/power/pm_qos_interface.rst).
// A thread that sleeps on an idle core then wakes sooner, and for less: without, that takes tens to
// hundreds of microseconds, in a virtual machine, whose host gives a halted core to others, up to
// milliseconds. At limit 0 idle cores spin within the kernel: they take power, and nobody's time.
//
// It ends with the process, however that ends. One thread.
class IdleExitRequest {
 public:
  explicit IdleExitRequest(std::string device = "/dev/cpu_dma_latency")
      : device_(std::move(device)) {}

  // From now on `limit`; none: any state will do.
  void Set(std::optional<Nanoseconds> limit);

  // What stands in the way of what was asked for last, and what would help; empty: it is so.
  const std::string& why() const { return why_; }

 private:
  const std::string device_;
  UniqueFd request_;  // while it is open
  std::optional<Nanoseconds> limit_;
  std::string why_;
};

}  // namespace farrier::runtime
