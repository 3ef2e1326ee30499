#pragma once

#include <cstdint>

#include "hw/model/cell_memory.h"

namespace farrier::model {

// What the card knows of a packet on its way to the wire.
struct TxInfo {
  uint32_t sequence = 0;
  uint16_t length = 0;
  uint8_t owner = 0;
  uint8_t function = 0;
  bool raw = false;     // from a raw function: nobody's, of the function's quota
  bool report = false;  // tell the host when it left
};

using TxMemory = CellMemory<TxInfo>;

}  // namespace farrier::model
