#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string_view>

namespace farrier::sim {

// The only source of chance in a simulation: the same seed and the same calls give the same
// numbers. Parts that should not disturb each other's numbers each get their own Fork.
class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed), engine_(Mix(seed)) {}

  // A generator of its own, decided by this one's seed and `name` alone.
  Random Fork(std::string_view name) const {
    uint64_t hash = seed_;
    for (char c : name) hash = Mix(hash ^ static_cast<uint8_t>(c));
    return Random(hash);
  }

  uint64_t Bits() { return engine_(); }

  // Uniform in [low, high].
  int64_t Uniform(int64_t low, int64_t high) {
    const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
    return low + static_cast<int64_t>(range == 0 ? Bits() : Bits() % range);
  }

  // True with the given probability, 0 to 1.
  bool Chance(double probability) {
    if (probability <= 0) return false;
    return static_cast<double>(Bits() >> 11) * 0x1p-53 < probability;
  }

  // In [low, high], every factor of two equally likely. low > 0.
  int64_t LogUniform(int64_t low, int64_t high) {
    const double unit = static_cast<double>(Bits() >> 11) * 0x1p-53;
    const double ratio = static_cast<double>(high) / static_cast<double>(low);
    const auto value = static_cast<int64_t>(static_cast<double>(low) * std::pow(ratio, unit));
    return std::min(std::max(value, low), high);
  }

  // The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
  // Generators, OOPSLA 2014): neighbouring seeds give unrelated numbers.
  static uint64_t Mix(uint64_t z) {
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t seed_;
  std::mt19937_64 engine_;
};

}  // namespace farrier::sim
