#include "tests/simulator/payload.h"

#include <algorithm>
#include <cstring>

#include "tests/simulator/random.h"

namespace farrier::sim {
namespace {

// Eight bytes of the content, from the offset `place` * 8.
uint64_t Word(uint64_t key, size_t place) {
  return Random::Mix(key + static_cast<uint64_t>(place) * 0x9e3779b97f4a7c15);
}

}  // namespace

void FillPayload(uint64_t key, std::span<uint8_t> out) {
  for (size_t i = 0; i < out.size(); i += 8) {
    const uint64_t word = Word(key, i / 8);
    std::memcpy(out.data() + i, &word, std::min<size_t>(8, out.size() - i));
  }
}

size_t FirstWrongByte(uint64_t key, std::span<const uint8_t> payload) {
  for (size_t i = 0; i < payload.size(); i += 8) {
    const uint64_t word = Word(key, i / 8);
    const size_t bytes = std::min<size_t>(8, payload.size() - i);
    if (std::memcmp(payload.data() + i, &word, bytes) == 0) continue;
    const auto* expected = reinterpret_cast<const uint8_t*>(&word);
    size_t at = 0;
    while (payload[i + at] == expected[at]) ++at;
    return i + at;
  }
  return payload.size();
}

}  // namespace farrier::sim
