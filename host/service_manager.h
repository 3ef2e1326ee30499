#pragma once

#include <sys/types.h>

#include <string>

#include "engines/runtime/clock.h"

namespace farrier::host {

// What the service manager (systemd) is told; nothing happens without one. Any thread.

// The daemon serves. `status` is one line for people.
void NotifyReady(const std::string& status);
void NotifyStatus(const std::string& status);
void NotifyStopping();

// The service's main process is `pid` from now on.
void NotifyMainPid(pid_t pid);

// The watchdog's sign of life, and how often it is asked for; 0 = not at all.
void NotifyAlive();
runtime::Nanoseconds WatchdogPeriod();

}  // namespace farrier::host
