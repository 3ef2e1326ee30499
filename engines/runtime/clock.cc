#include "engines/runtime/clock.h"

#include <ctime>

namespace farrier::runtime {
namespace {

Nanoseconds Read(clockid_t id) {
  timespec ts;
  clock_gettime(id, &ts);
  return ts.tv_sec * kSecond + ts.tv_nsec;
}

}  // namespace

Nanoseconds MonotonicClock::Now() const { return Read(CLOCK_MONOTONIC); }
Nanoseconds ThreadCpuClock::Now() const { return Read(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace farrier::runtime
