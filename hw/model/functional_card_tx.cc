// The functional model's way from the host to the wire.

#include "hw/model/checksum.h"
#include "hw/model/functional_card.h"

namespace farrier::model {
namespace {

using regs::GlobalCounter;
using regs::OwnerCounter;
using regs::OwnerState;

constexpr int kPacketsPerStep = 64;
constexpr uint32_t kReportCredits = 2;  // one to take, one that stays for a MARK

bool IsFrameLength(size_t bytes) {
  return bytes >= kEthernetHeaderBytes && bytes <= regs::kMaxPacketBytes;
}

}  // namespace

bool FunctionalCard::DepartDue() {
  bool moved = false;
  for (int left = kPacketsPerStep; left > 0; --left) {
    const auto info = pacer_.NextDue(now_ns_, unparked_.data());
    if (!info) break;
    Depart(*info, std::span(unparked_).first(info->length));
    moved = true;
  }
  return moved;
}

bool FunctionalCard::TransmitInput() {
  if (pacer_.NextDeparture() <= now_ns_) return false;  // DepartDue did not get through
  bool moved = false;
  for (int left = kPacketsPerStep; left > 0 && !from_host_.empty(); --left) {
    Transmit(from_host_.Front());
    from_host_.Pop();
    moved = true;
  }
  return moved;
}

void FunctionalCard::Transmit(const PacketRing::Record& record) {
  const uint32_t function = record.function;
  if (function >= options_.functions || !control_[function].enable) {
    ++counters_[GlobalCounter::kTxDisabled];
    return;
  }
  const bool raw = control_[function].raw != 0;
  const size_t prefix_bytes = raw ? 0 : regs::kPrefixBytes;
  const auto prefix =
      raw ? TxPrefix{.pacing_class = static_cast<uint8_t>(function_class_[function])}
          : ReadTxPrefix(record.bytes);
  if (!prefix || record.length < prefix_bytes || !IsFrameLength(record.length - prefix_bytes)) {
    ++counters_[GlobalCounter::kTxBadPrefix];
    return;
  }
  if (!raw && !PassesRow(*prefix)) return;
  const std::span<uint8_t> frame = record.bytes.subspan(prefix_bytes);
  if (!PassesGuard(function, frame, prefix->insert_checksum)) return;

  const TxInfo info = {.sequence = prefix->sequence,
                       .length = static_cast<uint16_t>(frame.size()),
                       .owner = prefix->owner,
                       .function = static_cast<uint8_t>(function),
                       .raw = raw,
                       .report = prefix->report_departure};
  const auto count = [&](OwnerCounter which) {
    if (!raw) ++owners_.row(prefix->owner).counters[which];
  };
  const auto admission = pacer_.Admit(
      frame, info, {.departure_ns = prefix->departure_ns, .pacing_class = prefix->pacing_class},
      now_ns_);
  if (admission == Pacer::Admission::kFull) {
    count(OwnerCounter::kTxFull);
    ++counters_[GlobalCounter::kTxFull];
    return;
  }
  count(OwnerCounter::kTx);
  if (admission == Pacer::Admission::kClamped) count(OwnerCounter::kTxClamped);
  if (admission == Pacer::Admission::kLeaving) Depart(info, frame);
}

bool FunctionalCard::PassesRow(const TxPrefix& prefix) {
  OwnerRow& row = owners_.row(prefix.owner);
  const bool sends = row.state() == OwnerState::kAttached || row.state() == OwnerState::kHeld;
  if (!sends || prefix.generation != row.word.generation) {
    ++row.counters[OwnerCounter::kTxStale];
    return false;
  }
  // It has reached the card, whatever becomes of it now.
  row.tx_seen = prefix.sequence;
  return true;
}

bool FunctionalCard::PassesGuard(uint32_t function, std::span<uint8_t> frame,
                                 bool insert_checksum) {
  const bool guarded = control_[function].guard != 0;
  if (!guarded && !insert_checksum) return true;
  ParseFrame(frame, parsed_);
  if (guarded && !guard_.Allows(function, frame, parsed_)) {
    ++counters_[GlobalCounter::kTxGuard];
    return false;
  }
  if (insert_checksum) InsertChecksums(frame, parsed_);
  return true;
}

void FunctionalCard::Depart(const TxInfo& info, std::span<const uint8_t> frame) {
  pacer_.Released(info);
  ++counters_[GlobalCounter::kTxPackets];
  counters_[GlobalCounter::kTxBytes] += frame.size();
  sink_.ToWire(frame);
  if (info.report) ReportDeparture(info);
}

void FunctionalCard::ReportDeparture(const TxInfo& info) {
  const OwnerRow& row = owners_.row(info.owner);
  const uint32_t queue = row.word.queue_base;
  if (row.state() != OwnerState::kAttached || control_[row.word.function].raw ||
      !HasCredits(row, queue, kReportCredits)) {
    ++counters_[GlobalCounter::kTxReportLost];
    return;
  }
  SendNotice(regs::PrefixKind::kSent, info.owner, queue,
             {.arrival_ns = now_ns_, .sequence = info.sequence});
}

}  // namespace farrier::model
