#pragma once

#include <cstdint>
#include <span>

namespace farrier::sim {

// What a message contains: bytes that follow from its key alone, so that anybody who knows the key
// can check them.
void FillPayload(uint64_t key, std::span<uint8_t> out);

// Offset of the first byte that is not as FillPayload writes it; the size if there is none.
size_t FirstWrongByte(uint64_t key, std::span<const uint8_t> payload);

}  // namespace farrier::sim
