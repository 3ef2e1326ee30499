#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace farrier::examples {

// What a connection's messages are: length and every byte follow from seed, connection and message
// number, so that nothing needs to be kept to check an echo. The first 8 bytes tell the number.
class EchoContent {
 public:
  // Lengths are log-uniform between the two, in bytes; 8 <= min_bytes <= max_bytes.
  EchoContent(uint64_t seed, uint32_t connection, uint32_t min_bytes, uint32_t max_bytes);

  uint32_t Length(uint64_t number) const;

  // `out` has Length(number) bytes.
  void Fill(uint64_t number, std::span<uint8_t> out) const;

  // Which message this claims to be; nullopt if it is too short to say. May be any number.
  std::optional<uint64_t> Number(std::span<const uint8_t> message) const;

  // Whether it is that message, to the last byte.
  bool Matches(uint64_t number, std::span<const uint8_t> message) const;

 private:
  uint64_t key_;
  uint32_t min_bytes_;
  double log_min_;
  double log_span_;
};

}  // namespace farrier::examples
