#pragma once

#include <cstdint>

namespace farrier::driver {

// An owner's 512-byte cells of the card's TX memory, which its packets take from their acceptance
// until they have left. Counts since the card's reset; they wrap.
struct TxCells {
  uint32_t quota = 0;
  uint32_t taken = 0;
  uint32_t released = 0;
};

}  // namespace farrier::driver
