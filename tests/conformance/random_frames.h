#pragma once

#include <cstdint>
#include <random>

#include "tests/conformance/frames.h"

namespace farrier::conformance {

// Draws frames of every kind that a card tells apart: mostly well-formed, some with bytes changed
// or cut short. The last four bytes are the frame's id if it has 18 or more.
class RandomFrames {
 public:
  explicit RandomFrames(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t limit) { return random_() % limit; }
  bool OneIn(uint32_t n) { return Below(n) == 0; }

  // For one of a few addresses and ports, so that filters and rules match.
  FrameSpec Spec(uint32_t id);
  Bytes Frame(uint32_t id);

 private:
  size_t Length();

  std::mt19937 random_;
};

}  // namespace farrier::conformance
