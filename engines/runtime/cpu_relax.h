#pragma once

namespace farrier::runtime {

// To be called in each round of a loop that spins: leaves the core's other thread, and the bus,
// room.
inline void CpuRelax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

}  // namespace farrier::runtime
