#pragma once

#include <cstdint>

namespace farrier::host {

// From the kernel.
uint64_t RandomNumber();

// Of an engine or a card that starts empty; never 0.
uint32_t NewEpoch();

}  // namespace farrier::host
