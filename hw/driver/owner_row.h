#pragma once

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/packet.h"
#include "hw/driver/csr_window.h"
#include "hw/driver/tx_cells.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// Counters of one owner and of the whole card at one instant.
struct CounterSnapshot {
  std::array<uint64_t, regs::kOwnerCounters> owner{};
  std::array<uint64_t, regs::kGlobalCounters> global{};

  uint64_t operator[](regs::OwnerCounter c) const { return owner[static_cast<size_t>(c)]; }
  uint64_t operator[](regs::GlobalCounter c) const { return global[static_cast<size_t>(c)]; }
};

// What became of a switch word.
struct SwitchOutcome {
  bool won = false;
  regs::SwitchWord row;  // the row as it is now, whoever won
};

// One row of the card's owner table. The row is the arbiter between processes; nothing is
// cached here. Same thread as the window, which outlives it.
class OwnerRow {
 public:
  OwnerRow(CsrWindow& window, runtime::OwnerId owner)
      : window_(window), owner_(static_cast<uint32_t>(owner)) {}

  absl::StatusOr<regs::SwitchWord> Read() const;

  // Writes the word, whose generation is the expected one, and learns by reading back whether the
  // card took it. Two rivals that write the very same word both see it won, and a winner that a
  // third overtakes before it has read back sees it refused. On an error the outcome is unknown:
  // Read().
  absl::StatusOr<SwitchOutcome> Switch(const regs::SwitchWord& word);

  // Quota in cells. The card ignores it while the row is HELD or drains: kFailedPrecondition.
  absl::StatusOr<uint32_t> ReadQuota() const;
  absl::Status WriteQuota(uint32_t cells);

  // On a card that paces. The count of released cells is the older one, so that no more seem free
  // than are.
  absl::StatusOr<TxCells> ReadTxCells() const;
  absl::Status WriteTxQuota(uint32_t cells);

  absl::StatusOr<regs::OwnerStatus> ReadStatus() const;
  absl::StatusOr<uint32_t> ReadCut() const;
  absl::StatusOr<uint32_t> ReadRxNext() const;
  absl::StatusOr<uint32_t> ReadTxSeen() const;
  absl::StatusOr<uint32_t> ReadParked() const;
  absl::StatusOr<uint32_t> ReadRefused() const;

  // Several threads of a process take turns, whatever their windows. Of two processes that read at
  // the same time one may get the counters of the other's owner.
  absl::StatusOr<CounterSnapshot> ReadCounters() const;

 private:
  CsrWindow& window_;
  const uint32_t owner_;
};

}  // namespace farrier::driver
