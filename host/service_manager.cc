#include "host/service_manager.h"

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <cstdlib>

namespace farrier::host {

void NotifyReady(const std::string& status) { sd_notifyf(0, "READY=1\nSTATUS=%s", status.c_str()); }

void NotifyStatus(const std::string& status) { sd_notifyf(0, "STATUS=%s", status.c_str()); }

void NotifyStopping() { sd_notify(0, "STOPPING=1"); }

void NotifyMainPid(pid_t pid) { sd_notifyf(0, "MAINPID=%d", pid); }

void NotifyAlive() { sd_notify(0, "WATCHDOG=1"); }

runtime::Nanoseconds WatchdogPeriod() {
  // Not sd_watchdog_enabled's pid check: after an upgrade WATCHDOG_PID is a predecessor's.
  const char* value = getenv("WATCHDOG_USEC");
  if (value == nullptr) return 0;
  const int64_t microseconds = strtoll(value, nullptr, 10);
  if (microseconds <= 0 || microseconds > 3'600'000'000) return 0;
  return microseconds / 2 * runtime::kMicrosecond;
}

}  // namespace farrier::host
