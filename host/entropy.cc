#include "host/entropy.h"

#include <sys/random.h>

namespace farrier::host {

uint64_t RandomNumber() {
  uint64_t value = 0;
  // Cannot fail or be cut short for so few bytes once the machine has booted.
  [[maybe_unused]] ssize_t length = getrandom(&value, sizeof(value), 0);
  return value;
}

uint32_t NewEpoch() {
  for (;;) {
    if (const auto epoch = static_cast<uint32_t>(RandomNumber()); epoch != 0) return epoch;
  }
}

}  // namespace farrier::host
