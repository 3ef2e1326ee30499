#include "hw/sim/capture_card.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hw/regs/registers.h"

namespace farrier::sim {
namespace {

namespace prefix = regs::prefix;
using Direction = PcapngWriter::Direction;

constexpr int64_t kFlushIntervalNs = 100'000'000;
constexpr uint32_t kWire = 0;  // interface; function f is 1 + f

// Fields are little-endian, and so is this machine.
template <typename T>
T Load(std::span<const uint8_t> bytes, size_t offset) {
  T value;
  std::memcpy(&value, &bytes[offset], sizeof(value));
  return value;
}

std::string KindName(uint8_t kind) {
  switch (static_cast<regs::PrefixKind>(kind)) {
    case regs::PrefixKind::kPacket:
      return "PACKET";
    case regs::PrefixKind::kMark:
      return "MARK";
    case regs::PrefixKind::kSent:
      return "SENT";
  }
  return absl::StrCat("kind ", kind);
}

const char* ChecksumName(uint8_t state) {
  constexpr const char* kNames[] = {"unchecked", "none", "good", "bad"};
  return kNames[state & 3];
}

}  // namespace

std::string DescribePrefix(std::span<const uint8_t> bytes) {
  std::string text = absl::StrFormat(
      "%s owner %d generation %d sequence %d time %d", KindName(bytes[prefix::kKind]),
      bytes[prefix::kOwner], Load<uint16_t>(bytes, prefix::kGeneration),
      Load<uint32_t>(bytes, prefix::kSequence), Load<uint64_t>(bytes, prefix::kTime));
  const auto number = [&text](const char* name, uint64_t value) {
    if (value != 0) absl::StrAppend(&text, " ", name, " ", value);
  };
  number("class", bytes[prefix::kPacingClass]);
  if (const auto hash = Load<uint32_t>(bytes, prefix::kRssHash); hash != 0) {
    absl::StrAppendFormat(&text, " rss 0x%08x", hash);
  }
  number("l3", bytes[prefix::kL3Offset]);
  number("l4", bytes[prefix::kL4Offset]);
  if (const uint8_t states = bytes[prefix::kChecksums]; states != 0) {
    absl::StrAppend(&text, " checksums ", ChecksumName(states), "/", ChecksumName(states >> 2));
  }
  number("tx_released", Load<uint32_t>(bytes, prefix::kTxReleased));
  constexpr std::pair<uint8_t, const char*> kFlags[] = {
      {prefix::kFlagWasHeld, "was_held"},
      {prefix::kFlagFragment, "fragment"},
      {prefix::kFlagTunnel, "tunnel"},
      {prefix::kFlagBadHeader, "bad_header"},
      {prefix::kFlagPony, "pony"},
      {prefix::kFlagInsertChecksum, "insert_checksum"},
      {prefix::kFlagReportDeparture, "report_departure"},
  };
  for (const auto& [flag, name] : kFlags) {
    if (bytes[prefix::kFlags] & flag) absl::StrAppend(&text, " ", name);
  }
  return text;
}

absl::Status CaptureCard::Begin(std::unique_ptr<model::Card> card, int functions,
                                const std::string& path) {
  card_ = std::move(card);
  std::vector<std::string> interfaces = {"wire"};
  for (int f = 0; f < functions; ++f) {
    interfaces.push_back(absl::StrCat("function", f));
    const uint32_t word = card_->ReadCsr(regs::kRegFunctionControl(static_cast<uint32_t>(f)));
    raw_.push_back(regs::FunctionControl::Unpack(word).raw != 0);
  }
  auto writer = PcapngWriter::Create(path, interfaces);
  if (!writer.ok()) return writer.status();
  writer_ = *std::move(writer);
  return absl::OkStatus();
}

void CaptureCard::SetTime(int64_t now_ns) {
  now_ns_ = now_ns;
  if (now_ns < next_flush_ns_) return;
  next_flush_ns_ = now_ns + kFlushIntervalNs;
  writer_->Flush();
}

void CaptureCard::WriteCsr(uint32_t offset, uint32_t value) {
  card_->WriteCsr(offset, value);
  for (size_t f = 0; f < raw_.size(); ++f) {
    if (offset != regs::kRegFunctionControl(static_cast<uint32_t>(f))) continue;
    raw_[f] = regs::FunctionControl::Unpack(card_->ReadCsr(offset)).raw != 0;
  }
}

bool CaptureCard::FromWire(std::span<const uint8_t> frame) {
  if (!card_->FromWire(frame)) return false;
  WriteWire(Direction::kInbound, frame);
  return true;
}

void CaptureCard::ToWire(std::span<const uint8_t> frame) {
  WriteWire(Direction::kOutbound, frame);
  sink_.ToWire(frame);
}

bool CaptureCard::FromHost(int function, int queue, std::span<const uint8_t> bytes) {
  if (!card_->FromHost(function, queue, bytes)) return false;
  WriteFunction(Direction::kInbound, function, queue, bytes);
  return true;
}

void CaptureCard::ToHost(int function, int queue, std::span<const uint8_t> bytes) {
  WriteFunction(Direction::kOutbound, function, queue, bytes);
  sink_.ToHost(function, queue, bytes);
}

void CaptureCard::WriteWire(Direction direction, std::span<const uint8_t> frame) {
  writer_->Write({.interface = kWire, .time_ns = now_ns_, .direction = direction, .frame = frame});
}

void CaptureCard::WriteFunction(Direction direction, int function, int queue,
                                std::span<const uint8_t> bytes) {
  std::string comment;
  if (!raw_[static_cast<size_t>(function)]) {
    if (bytes.size() < regs::kPrefixBytes) {
      comment = "shorter than a prefix";
    } else {
      comment = DescribePrefix(bytes);
      bytes = bytes.subspan(regs::kPrefixBytes);
    }
  }
  writer_->Write({.interface = 1 + static_cast<uint32_t>(function),
                  .time_ns = now_ns_,
                  .direction = direction,
                  .queue = static_cast<uint32_t>(queue),
                  .comment = comment,
                  .frame = bytes});
}

}  // namespace farrier::sim
