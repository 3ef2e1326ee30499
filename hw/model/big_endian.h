#pragma once

#include <cstdint>

namespace farrier::model {

// Numbers as they stand in a frame, most significant byte first.
inline uint16_t Load16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
inline uint32_t Load32(const uint8_t* at) { return uint32_t{Load16(at)} << 16 | Load16(at + 2); }
inline uint64_t Load48(const uint8_t* at) { return uint64_t{Load16(at)} << 32 | Load32(at + 2); }

inline void Store16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

}  // namespace farrier::model
