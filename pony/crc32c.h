#pragma once

#include <cstddef>
#include <cstdint>

namespace farrier::pony {

// CRC32C (Castagnoli, RFC 3720 appendix B.4) of `data`. To go on where another call ended, pass its
// result as `crc`.
uint32_t Crc32c(const uint8_t* data, size_t length, uint32_t crc = 0);

// The same without the processor's instruction; for processors that lack it.
uint32_t Crc32cPortable(const uint8_t* data, size_t length, uint32_t crc = 0);

}  // namespace farrier::pony
