#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "hw/model/packet_info.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// What a prefix tells of an owner's row.
struct RxPrefix {
  regs::PrefixKind kind = regs::PrefixKind::kPacket;
  uint8_t owner = 0;
  uint32_t generation = 0;
  uint32_t queue = 0;
  uint32_t tx_released = 0;
};

// Writes all PREFIX_BYTES of what goes ahead of a packet, or ahead of the zeros of the other kinds.
void WriteRxPrefix(const RxPrefix& prefix, const PacketInfo& info, uint8_t* out);

// What the card reads of a prefix from the host.
struct TxPrefix {
  uint8_t owner = 0;
  uint32_t generation = 0;  // all 16 bits of the field
  uint32_t sequence = 0;
  uint64_t departure_ns = 0;
  uint8_t pacing_class = 0;
  bool insert_checksum = false;
  bool report_departure = false;
};

// Nothing if `bytes` does not begin with a valid prefix of kind PACKET.
std::optional<TxPrefix> ReadTxPrefix(std::span<const uint8_t> bytes);

}  // namespace farrier::model
