#include "hw/model/prefix.h"

#include <cstring>

namespace farrier::model {
namespace {

void Store(uint8_t* at, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint64_t Load(const uint8_t* at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8 | at[i];
  return value;
}

}  // namespace

void WriteRxPrefix(const RxPrefix& prefix, const PacketInfo& info, uint8_t* out) {
  std::memset(out, 0, regs::kPrefixBytes);
  for (const auto& fixed : regs::prefix::kFixed) out[fixed.offset] = fixed.value;
  for (size_t bit = 0; bit < regs::prefix::kQueueBytes.size(); ++bit) {
    out[regs::prefix::kQueueBytes[bit]] = (prefix.queue >> bit) & 1;
  }
  out[regs::prefix::kKind] = static_cast<uint8_t>(prefix.kind);
  out[regs::prefix::kFlags] = info.flags;
  out[regs::prefix::kOwner] = prefix.owner;
  Store(out + regs::prefix::kGeneration, prefix.generation, 2);
  Store(out + regs::prefix::kSequence, info.sequence, 4);
  Store(out + regs::prefix::kRssHash, info.rss_hash, 4);
  Store(out + regs::prefix::kTime, static_cast<uint64_t>(info.arrival_ns), 8);
  out[regs::prefix::kL3Offset] = info.l3_offset;
  out[regs::prefix::kL4Offset] = info.l4_offset;
  out[regs::prefix::kChecksums] = info.checksums;
  out[regs::prefix::kPacingClass] = info.pacing_class;
  Store(out + regs::prefix::kTxReleased, prefix.tx_released, 4);
}

std::optional<TxPrefix> ReadTxPrefix(std::span<const uint8_t> bytes) {
  if (bytes.size() < regs::kPrefixBytes) return std::nullopt;
  for (const auto& fixed : regs::prefix::kFixed) {
    if (bytes[fixed.offset] != fixed.value) return std::nullopt;
  }
  if (bytes[regs::prefix::kKind] != static_cast<uint8_t>(regs::PrefixKind::kPacket)) {
    return std::nullopt;
  }
  const uint8_t flags = bytes[regs::prefix::kFlags];
  const TxPrefix prefix = {
      .owner = bytes[regs::prefix::kOwner],
      .generation = static_cast<uint32_t>(Load(&bytes[regs::prefix::kGeneration], 2)),
      .sequence = static_cast<uint32_t>(Load(&bytes[regs::prefix::kSequence], 4)),
      .departure_ns = Load(&bytes[regs::prefix::kTime], 8),
      .pacing_class = bytes[regs::prefix::kPacingClass],
      .insert_checksum = (flags & regs::prefix::kFlagInsertChecksum) != 0,
      .report_departure = (flags & regs::prefix::kFlagReportDeparture) != 0};
  if (prefix.pacing_class >= regs::kClasses) return std::nullopt;
  return prefix;
}

}  // namespace farrier::model
