#pragma once

#include <cstdint>

namespace farrier::model {

// What the card knows of a received packet besides its bytes, as its prefix tells it.
struct PacketInfo {
  int64_t arrival_ns = 0;
  uint32_t sequence = 0;
  uint32_t rss_hash = 0;
  uint8_t rss_entry = 0;  // the indirection table's when it arrived
  uint8_t flags = 0;      // regs::prefix::kFlag...
  uint8_t l3_offset = 0;
  uint8_t l4_offset = 0;
  uint8_t checksums = 0;  // as in the prefix
  uint8_t pacing_class = 0;
};

}  // namespace farrier::model
