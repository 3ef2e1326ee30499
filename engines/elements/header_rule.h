#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engines/elements/headers.h"
#include "engines/elements/match.h"

namespace farrier::elements {

// A Match in terms of the bytes of Headers.
struct HeaderRule {
  // Source and destination are of one family.
  explicit HeaderRule(const Match& match);

  bool Matches(const Headers& headers) const;

  // The bits that are set in `mask` must be those of `value`, in which the others are 0.
  std::array<uint8_t, sizeof(Headers)> mask{};
  std::array<uint8_t, sizeof(Headers)> value{};
  // The ranges of ports that a mask cannot say.
  std::optional<PortRange> source_ports;
  std::optional<PortRange> destination_ports;

 private:
  void Ask(size_t byte, uint8_t bits, uint8_t wanted);
  void AskFlags(uint8_t flags) { Ask(offsetof(Headers, flags), flags, flags); }
  void AskWord(size_t byte, uint16_t bits, uint16_t wanted);
  void AskPrefix(size_t byte, const Prefix& prefix);
  void AskPorts(size_t byte, const PortRange& range, std::optional<PortRange>& otherwise);
};

}  // namespace farrier::elements
