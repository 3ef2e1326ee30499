#include "engines/runtime/clock.h"

#include <ctime>

namespace farrier::runtime {

Nanoseconds MonotonicClock::Now() const {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * kSecond + ts.tv_nsec;
}

}  // namespace farrier::runtime
