#include "engines/runtime/thread_meter.h"

#include <sys/resource.h>

#include <ctime>
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace farrier::runtime {
namespace {

Nanoseconds Read(clockid_t id) {
  timespec ts;
  clock_gettime(id, &ts);
  return ts.tv_sec * kSecond + ts.tv_nsec;
}

#if defined(__x86_64__)
// Intel SDM vol. 3, 18.17.1: CPUID 80000007H, EDX bit 8.
bool CountsEvenly() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1u << 8)) != 0;
}

uint64_t MeasureRate() {
  if (!CountsEvenly()) return 0;
  constexpr Nanoseconds kFor = 2 * kMillisecond;
  const Nanoseconds begin = Read(CLOCK_MONOTONIC);
  const uint64_t first = __rdtsc();
  Nanoseconds now;
  while ((now = Read(CLOCK_MONOTONIC)) - begin < kFor) {
  }
  return (static_cast<uint64_t>(now - begin) << 32) / (__rdtsc() - first);
}
#else
uint64_t MeasureRate() { return 0; }
#endif

}  // namespace

Nanoseconds KernelThreadMeter::CpuTime() const { return Read(CLOCK_THREAD_CPUTIME_ID); }

uint64_t KernelThreadMeter::Blocks() const {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<uint64_t>(usage.ru_nvcsw);
}

CycleClock::CycleClock()
    : rate_([] {
        static const uint64_t rate = MeasureRate();
        return rate;
      }()) {}

Nanoseconds CycleClock::Now() const {
#if defined(__x86_64__)
  if (rate_ > 0) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<Nanoseconds>(Wide{__rdtsc()} * rate_ >> 32);
  }
#endif
  return Read(CLOCK_MONOTONIC);
}

}  // namespace farrier::runtime
