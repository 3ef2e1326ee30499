#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engines/runtime/clock.h"

namespace farrier::runtime {

// MicroQuanta's stand-in on a stock Linux (Snap, SOSP 2019, section 2.4.1): a thread that preempts
// others soon after it wakes, and yet leaves room for them. Ascending.
enum class ThreadClass : uint8_t {
  kNice,  // SCHED_OTHER, with a weight
  // SCHED_FIFO: before every thread of kNice for as long as it runs, so whoever asks for it must
  // see to it that the thread sleeps now and then, and demote it if it does not.
  kFifo,
  // SCHED_DEADLINE: before the other classes for a share of each period, then throttled by the
  // kernel until the next one. Such a thread must never call sched_yield: that gives up what is
  // left of the period.
  kDeadline,
};

// "nice", "fifo", "deadline".
std::string_view ToString(ThreadClass thread_class);
std::optional<ThreadClass> ThreadClassFromString(std::string_view name);

struct ThreadClassRequest {
  ThreadClass best = ThreadClass::kDeadline;  // what the kernel refuses falls to the next lower
  Nanoseconds period = kMillisecond;          // kDeadline; the kernel takes 100 us to 4 s
  // Of a core in each period, kDeadline: the rest is for others. What other threads of kDeadline
  // leave unused may be used too, up to the kernel's limit for all of them (95% of each CPU).
  int percent = 90;
  int fifo_priority = 10;  // kFifo; 1-99
  int nice = 0;            // kNice; -20..19
};

struct ThreadClassGrant {
  ThreadClass obtained = ThreadClass::kNice;
  // Why nothing better was had, class by class and with what would help, e.g. "SCHED_DEADLINE:
  // EBUSY, the CPUs' real-time bandwidth is taken: ..."; empty: as asked.
  std::string why;
};

// Of thread `tid` of this machine (0: the calling one), upwards or downwards. Threads that it
// creates later start as kNice. Never fails: the last resort is what the thread has. Any thread.
ThreadClassGrant SetThreadClass(pid_t tid, const ThreadClassRequest& request);

}  // namespace farrier::runtime
