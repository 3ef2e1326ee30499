#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "hw/model/packet_info.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// Writes all PREFIX_BYTES of what goes ahead of a packet, or ahead of a MARK's zeros.
void WriteRxPrefix(regs::PrefixKind kind, uint8_t owner, uint32_t generation, uint32_t queue,
                   const PacketInfo& info, uint8_t* out);

// What the card reads of a prefix from the host.
struct TxPrefix {
  uint8_t owner = 0;
  uint32_t generation = 0;  // all 16 bits of the field
  uint32_t sequence = 0;
};

// Nothing if `bytes` does not begin with a valid prefix of kind PACKET.
std::optional<TxPrefix> ReadTxPrefix(std::span<const uint8_t> bytes);

}  // namespace farrier::model
