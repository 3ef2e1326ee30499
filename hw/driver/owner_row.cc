#include "hw/driver/owner_row.h"

#include <mutex>

#include "absl/strings/str_format.h"

namespace farrier::driver {
namespace {

constexpr uint32_t kGenerationMask = regs::SwitchWord::Unpack(~0u).generation;

// The row after the card has taken `word`.
regs::SwitchWord RowAfter(regs::SwitchWord word) {
  if (word.state == static_cast<uint32_t>(regs::OwnerState::kAttached)) {
    word.generation = (word.generation + 1) & kGenerationMask;
  }
  return word;
}

absl::StatusOr<uint64_t> Read64(CsrWindow& window, uint32_t lo_offset) {
  const auto lo = window.Read(lo_offset);
  if (!lo.ok()) return lo.status();
  const auto hi = window.Read(lo_offset + 4);
  if (!hi.ok()) return hi.status();
  return static_cast<uint64_t>(*hi) << 32 | *lo;
}

}  // namespace

absl::StatusOr<regs::SwitchWord> OwnerRow::Read() const {
  const auto word = window_.Read(regs::kRegOwnerSwitch(owner_));
  if (!word.ok()) return word.status();
  return regs::SwitchWord::Unpack(*word);
}

absl::StatusOr<SwitchOutcome> OwnerRow::Switch(const regs::SwitchWord& word) {
  if (auto status = window_.Write(regs::kRegOwnerSwitch(owner_), word.Pack()); !status.ok()) {
    return status;
  }
  const auto row = Read();
  if (!row.ok()) return row.status();
  return SwitchOutcome{.won = *row == RowAfter(regs::SwitchWord::Unpack(word.Pack())), .row = *row};
}

absl::StatusOr<uint32_t> OwnerRow::ReadQuota() const {
  return window_.Read(regs::kRegOwnerQuota(owner_));
}

absl::Status OwnerRow::WriteQuota(uint32_t cells) {
  if (auto status = window_.Write(regs::kRegOwnerQuota(owner_), cells); !status.ok()) return status;
  const auto quota = ReadQuota();
  if (!quota.ok()) return quota.status();
  if (*quota == cells) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrFormat("owner %d: the card keeps a quota of %d cells and did not take %d (it is "
                      "fixed while the row is HELD, draining or discarding)",
                      owner_, *quota, cells));
}

absl::StatusOr<TxCells> OwnerRow::ReadTxCells() const {
  const auto quota = window_.Read(regs::kRegOwnerTxQuota(owner_));
  if (!quota.ok()) return quota.status();
  const auto released = window_.Read(regs::kRegOwnerTxReleased(owner_));
  if (!released.ok()) return released.status();
  const auto taken = window_.Read(regs::kRegOwnerTxTaken(owner_));
  if (!taken.ok()) return taken.status();
  return TxCells{.quota = *quota, .taken = *taken, .released = *released};
}

absl::Status OwnerRow::WriteTxQuota(uint32_t cells) {
  const uint32_t offset = regs::kRegOwnerTxQuota(owner_);
  if (auto status = window_.Write(offset, cells); !status.ok()) return status;
  const auto quota = window_.Read(offset);
  if (!quota.ok()) return quota.status();
  if (*quota == cells) return absl::OkStatus();
  return absl::InternalError(
      absl::StrFormat("owner %d: the card keeps a TX quota of %d cells and did not take %d", owner_,
                      *quota, cells));
}

absl::StatusOr<regs::OwnerStatus> OwnerRow::ReadStatus() const {
  const auto word = window_.Read(regs::kRegOwnerStatus(owner_));
  if (!word.ok()) return word.status();
  return regs::OwnerStatus::Unpack(*word);
}

absl::StatusOr<uint32_t> OwnerRow::ReadCut() const {
  return window_.Read(regs::kRegOwnerCut(owner_));
}

absl::StatusOr<uint32_t> OwnerRow::ReadRxNext() const {
  return window_.Read(regs::kRegOwnerRxNext(owner_));
}

absl::StatusOr<uint32_t> OwnerRow::ReadTxSeen() const {
  return window_.Read(regs::kRegOwnerTxSeen(owner_));
}

absl::StatusOr<uint32_t> OwnerRow::ReadParked() const {
  return window_.Read(regs::kRegOwnerParked(owner_));
}

absl::StatusOr<uint32_t> OwnerRow::ReadRefused() const {
  return window_.Read(regs::kRegOwnerRefused(owner_));
}

absl::StatusOr<CounterSnapshot> OwnerRow::ReadCounters() const {
  // The card has one place for snapshots. Whoever else writes the register before all is read makes
  // it another owner's.
  static std::mutex one_at_a_time;
  std::lock_guard lock(one_at_a_time);
  if (auto status = window_.Write(regs::kRegCounterSnapshot, owner_); !status.ok()) return status;
  CounterSnapshot snapshot;
  for (uint32_t i = 0; i < regs::kOwnerCounters; ++i) {
    const auto value = Read64(window_, regs::kRegOwnerCounter(i));
    if (!value.ok()) return value.status();
    snapshot.owner[i] = *value;
  }
  for (uint32_t i = 0; i < regs::kGlobalCounters; ++i) {
    const auto value = Read64(window_, regs::kRegGlobalCounter(i));
    if (!value.ok()) return value.status();
    snapshot.global[i] = *value;
  }
  return snapshot;
}

}  // namespace farrier::driver
