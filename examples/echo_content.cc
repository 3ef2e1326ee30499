#include "examples/echo_content.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace farrier::examples {
namespace {

constexpr uint64_t kStep = 0x9E3779B97F4A7C15;

// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// Calls `word(offset, value, bytes)` for each piece of at most eight bytes after the number, until
// it returns false. Returns whether it never did.
template <typename F>
bool EachWord(uint64_t key, size_t length, F word) {
  uint64_t state = key;
  for (size_t at = 8; at < length; at += 8) {
    state += kStep;
    if (!word(at, Mix(state), std::min<size_t>(8, length - at))) return false;
  }
  return true;
}

}  // namespace

EchoContent::EchoContent(uint64_t seed, uint32_t connection, uint32_t min_bytes, uint32_t max_bytes)
    : key_(Mix(Mix(seed + kStep) + connection)),
      min_bytes_(min_bytes),
      log_min_(std::log(min_bytes)),
      log_span_(std::log(max_bytes + 1.0) - log_min_) {}

uint32_t EchoContent::Length(uint64_t number) const {
  const double uniform = static_cast<double>(Mix(key_ + 2 * number * kStep) >> 11) * 0x1p-53;
  return std::max(min_bytes_, static_cast<uint32_t>(std::exp(log_min_ + uniform * log_span_)));
}

void EchoContent::Fill(uint64_t number, std::span<uint8_t> out) const {
  const uint64_t head = number ^ key_;
  std::memcpy(out.data(), &head, 8);
  EachWord(Mix(key_ ^ number), out.size(), [&](size_t at, uint64_t value, size_t bytes) {
    std::memcpy(&out[at], &value, bytes);
    return true;
  });
}

std::optional<uint64_t> EchoContent::Number(std::span<const uint8_t> message) const {
  if (message.size() < 8) return std::nullopt;
  uint64_t head;
  std::memcpy(&head, message.data(), 8);
  return head ^ key_;
}

bool EchoContent::Matches(uint64_t number, std::span<const uint8_t> message) const {
  return Number(message) == number && message.size() == Length(number) &&
         EachWord(Mix(key_ ^ number), message.size(), [&](size_t at, uint64_t value, size_t bytes) {
           return std::memcmp(&message[at], &value, bytes) == 0;
         });
}

}  // namespace farrier::examples
