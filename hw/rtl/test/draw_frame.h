#pragma once

#include <cstdint>
#include <vector>

#include "hw/rtl/test/bench.h"

namespace farrier::rtl {

using Bytes = std::vector<uint8_t>;

// A frame of 14 to 9,600 bytes that often is nearly what the card looks for: tags, IP with options
// or extension headers, fragments, UDP or TCP, each now and then with a length or a version that is
// wrong. Checksums are anything.
Bytes DrawFrame(Random& random);

}  // namespace farrier::rtl
