#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engines/runtime/packet.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// What the card writes ahead of a packet for the host.
struct RxPrefix {
  regs::PrefixKind kind = regs::PrefixKind::kPacket;
  uint32_t tx_released =
      0;  // TX cells the owner has been given back since the card's reset (wraps)
  // For MARK: owner, generation, and the cut as sequence. For SENT: owner, generation, sequence of
  // the TX packet, and when it left as arrival.
  runtime::RxMetadata metadata;
};

// What the host writes ahead of a packet for the card.
struct TxPrefix {
  runtime::OwnerId owner{};
  uint16_t generation = 0;
  uint32_t sequence = 0;
  runtime::TxMetadata metadata;
};

// `bytes`, a packet as a function delivered it, without the padding that the card's plugin puts
// behind short packets (the flag `padded`). Before everything else.
std::span<const uint8_t> WithoutPadding(std::span<const uint8_t> bytes);

// Reads the prefix of `bytes`, a whole packet as the card delivered it. Nothing if it is not a
// prefix: too short, other constant bytes, an unknown kind, a MARK or SENT of another length, or
// header offsets beyond the frame.
std::optional<RxPrefix> DecodeRx(std::span<const uint8_t> bytes);

// Writes all 64 bytes of a prefix.
void EncodeTx(const TxPrefix& prefix, std::span<uint8_t, regs::kPrefixBytes> out);

}  // namespace farrier::driver
