#include "hw/model/prefix.h"

#include <cstring>

namespace farrier::model {
namespace {

void Store(uint8_t* at, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

}  // namespace

void WriteRxPrefix(regs::PrefixKind kind, uint8_t owner, uint32_t generation, uint32_t queue,
                   const PacketInfo& info, uint8_t* out) {
  std::memset(out, 0, regs::kPrefixBytes);
  for (const auto& fixed : regs::prefix::kFixed) out[fixed.offset] = fixed.value;
  for (size_t bit = 0; bit < regs::prefix::kQueueBytes.size(); ++bit) {
    out[regs::prefix::kQueueBytes[bit]] = (queue >> bit) & 1;
  }
  out[regs::prefix::kKind] = static_cast<uint8_t>(kind);
  out[regs::prefix::kFlags] = info.flags;
  out[regs::prefix::kOwner] = owner;
  Store(out + regs::prefix::kGeneration, generation, 2);
  Store(out + regs::prefix::kSequence, info.sequence, 4);
  Store(out + regs::prefix::kRssHash, info.rss_hash, 4);
  Store(out + regs::prefix::kTime, static_cast<uint64_t>(info.arrival_ns), 8);
  out[regs::prefix::kL3Offset] = info.l3_offset;
  out[regs::prefix::kL4Offset] = info.l4_offset;
  out[regs::prefix::kChecksums] = info.checksums;
  out[regs::prefix::kPacingClass] = info.pacing_class;
}

std::optional<TxPrefix> ReadTxPrefix(std::span<const uint8_t> bytes) {
  if (bytes.size() < regs::kPrefixBytes) return std::nullopt;
  for (const auto& fixed : regs::prefix::kFixed) {
    if (bytes[fixed.offset] != fixed.value) return std::nullopt;
  }
  if (bytes[regs::prefix::kKind] != static_cast<uint8_t>(regs::PrefixKind::kPacket)) {
    return std::nullopt;
  }
  const uint8_t* const generation = &bytes[regs::prefix::kGeneration];
  const uint8_t* const sequence = &bytes[regs::prefix::kSequence];
  return TxPrefix{.owner = bytes[regs::prefix::kOwner],
                  .generation = generation[0] | uint32_t{generation[1]} << 8,
                  .sequence = sequence[0] | uint32_t{sequence[1]} << 8 |
                              uint32_t{sequence[2]} << 16 | uint32_t{sequence[3]} << 24};
}

}  // namespace farrier::model
