#include "hw/driver/prefix.h"

#include <algorithm>

namespace farrier::driver {
namespace {

template <typename T>
T Load(std::span<const uint8_t> bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(bytes[at + i]) << (8 * i);
  return value;
}

template <typename T>
void Store(std::span<uint8_t> bytes, size_t at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

runtime::Checksum Verdict(uint8_t bits) {
  switch (static_cast<regs::ChecksumState>(bits & 3)) {
    case regs::ChecksumState::kUnchecked:
      break;
    case regs::ChecksumState::kNone:
      return runtime::Checksum::kNone;
    case regs::ChecksumState::kGood:
      return runtime::Checksum::kGood;
    case regs::ChecksumState::kBad:
      return runtime::Checksum::kBad;
  }
  return runtime::Checksum::kUnchecked;
}

}  // namespace

std::span<const uint8_t> WithoutPadding(std::span<const uint8_t> bytes) {
  constexpr size_t kPadding = 64;
  const bool padded = bytes.size() > regs::kPrefixBytes + kPadding &&
                      (bytes[regs::prefix::kFlags] & regs::prefix::kFlagPadded) != 0;
  return padded ? bytes.first(bytes.size() - kPadding) : bytes;
}

std::optional<RxPrefix> DecodeRx(std::span<const uint8_t> bytes) {
  if (bytes.size() < regs::kPrefixBytes) return std::nullopt;
  for (const auto& fixed : regs::prefix::kFixed) {
    if (bytes[fixed.offset] != fixed.value) return std::nullopt;
  }
  RxPrefix prefix;
  prefix.kind = static_cast<regs::PrefixKind>(bytes[regs::prefix::kKind]);
  const size_t frame = bytes.size() - regs::kPrefixBytes;
  switch (prefix.kind) {
    case regs::PrefixKind::kPacket:
      if (frame == 0) return std::nullopt;
      break;
    case regs::PrefixKind::kMark:
    case regs::PrefixKind::kSent:
      if (bytes.size() != regs::kMarkBytes) return std::nullopt;
      break;
    default:
      return std::nullopt;
  }
  const uint8_t flags = bytes[regs::prefix::kFlags];
  const uint8_t checksums = bytes[regs::prefix::kChecksums];
  prefix.tx_released = Load<uint32_t>(bytes, regs::prefix::kTxReleased);
  prefix.metadata = {
      .arrival = Load<runtime::Nanoseconds>(bytes, regs::prefix::kTime),
      .rss_hash = Load<uint32_t>(bytes, regs::prefix::kRssHash),
      .sequence = Load<uint32_t>(bytes, regs::prefix::kSequence),
      .owner = static_cast<runtime::OwnerId>(bytes[regs::prefix::kOwner]),
      .generation = Load<uint16_t>(bytes, regs::prefix::kGeneration),
      .l3_offset = bytes[regs::prefix::kL3Offset],
      .l4_offset = bytes[regs::prefix::kL4Offset],
      .pacing_class = bytes[regs::prefix::kPacingClass],
      .l3_checksum = Verdict(checksums),
      .l4_checksum = Verdict(checksums >> 2),
      .was_held = (flags & regs::prefix::kFlagWasHeld) != 0,
      .fragment = (flags & regs::prefix::kFlagFragment) != 0,
      .tunnel = (flags & regs::prefix::kFlagTunnel) != 0,
      .bad_header = (flags & regs::prefix::kFlagBadHeader) != 0,
      .pony = (flags & regs::prefix::kFlagPony) != 0,
  };
  if (prefix.metadata.l3_offset > frame || prefix.metadata.l4_offset > frame) return std::nullopt;
  return prefix;
}

void EncodeTx(const TxPrefix& prefix, std::span<uint8_t, regs::kPrefixBytes> out) {
  std::ranges::fill(out, uint8_t{0});
  for (const auto& fixed : regs::prefix::kFixed) out[fixed.offset] = fixed.value;
  out[regs::prefix::kKind] = static_cast<uint8_t>(regs::PrefixKind::kPacket);
  if (prefix.metadata.insert_checksum) {
    out[regs::prefix::kFlags] |= regs::prefix::kFlagInsertChecksum;
  }
  if (prefix.metadata.report_departure) {
    out[regs::prefix::kFlags] |= regs::prefix::kFlagReportDeparture;
  }
  out[regs::prefix::kOwner] = static_cast<uint8_t>(prefix.owner);
  out[regs::prefix::kPacingClass] = prefix.metadata.pacing_class;
  Store(out, regs::prefix::kGeneration, prefix.generation);
  Store(out, regs::prefix::kSequence, prefix.sequence);
  Store(out, regs::prefix::kTime, prefix.metadata.departure);
}

}  // namespace farrier::driver
