#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "hw/model/cell_memory.h"
#include "hw/model/counters.h"
#include "hw/model/packet_info.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// A set of owners that is cheap to walk when it is nearly empty.
class OwnerSet {
 public:
  void Put(uint32_t owner, bool member) {
    const uint64_t bit = uint64_t{1} << (owner % 64);
    words_[owner / 64] = member ? words_[owner / 64] | bit : words_[owner / 64] & ~bit;
  }

  // Calls visit(owner) for each member, in order; members may leave meanwhile.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (uint32_t i = 0; i < words_.size(); ++i) {
      for (uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        visit(64 * i + static_cast<uint32_t>(std::countr_zero(rest)));
      }
    }
  }

 private:
  std::array<uint64_t, regs::kOwners / 64> words_{};
};

// The memory that parked packets are in.
using HoldMemory = CellMemory<PacketInfo>;

struct OwnerRow {
  regs::SwitchWord word;  // as OWNER_SWITCH reads
  uint32_t quota_cells = 64;
  uint32_t cut = 0;
  uint32_t rx_next = 0;
  uint32_t tx_seen = 0;
  uint32_t refused = 0;
  bool watchdog = false;
  bool heartbeat = false;
  uint16_t marks = 0;         // bit i: the MARK for queue_base + i has not gone out
  int64_t held_since_ns = 0;  // kUnstamped until the card's clock is next told
  int64_t last_drain_ns = std::numeric_limits<int64_t>::min() / 2;
  HoldMemory::Queue parked;
  OwnerCounters counters;

  static constexpr int64_t kUnstamped = std::numeric_limits<int64_t>::min();

  regs::OwnerState state() const { return static_cast<regs::OwnerState>(word.state); }
  bool draining() const { return state() == regs::OwnerState::kAttached && parked.packets() > 0; }
};

// Takes `wanted` if it expects `current`'s generation: then an ATTACHED has the next one.
bool CompareAndSwap(regs::SwitchWord& current, const regs::SwitchWord& wanted);

// The owner rows and what they have parked. Delivery is the card's; here is who gets what, and
// when that changes.
class OwnerTable {
 public:
  enum class Parking { kParked, kQuotaFull, kMemoryFull };

  OwnerTable(uint32_t functions, uint32_t queues, uint32_t hold_cells);

  OwnerRow& row(uint32_t owner) { return rows_[owner]; }
  const OwnerRow& row(uint32_t owner) const { return rows_[owner]; }
  uint32_t hold_cells() const { return memory_.capacity(); }

  // A write to OWNER_SWITCH.
  void Switch(uint32_t owner, uint32_t word);

  // A write to OWNER_QUOTA; false if the row does not take it now.
  bool SetQuota(uint32_t owner, uint32_t cells);

  // Parks a frame with the row's next sequence, which it fills into `info`.
  Parking Park(uint32_t owner, std::span<const uint8_t> frame, PacketInfo& info);

  // What is known of the oldest parked packet of a draining row.
  const PacketInfo& Oldest(uint32_t owner) const { return memory_.Front(rows_[owner].parked); }

  // Takes the oldest parked packet of a draining row; see CellMemory::Pop.
  size_t Unpark(uint32_t owner, uint8_t* out, PacketInfo& info);

  // The MARK for one queue of the row, counted from its base, is done with.
  void MarkDone(uint32_t owner, uint32_t queue);

  // Holds every row that is ATTACHED to the function, because its host has missed a heartbeat.
  void HoldFunction(uint32_t function);

  // Tells the clock to holds that began since the last call; those longer than `limit_us` (0: no
  // limit) become DROP. True if any did.
  bool ExpireHolds(int64_t now_ns, uint32_t limit_us);

  // When ExpireHolds next has to be called; INT64_MAX if never.
  int64_t NextExpiry(int64_t now_ns, uint32_t limit_us) const;

  const OwnerSet& draining() const { return draining_; }
  const OwnerSet& marking() const { return marking_; }

 private:
  void BeginHold(OwnerRow& row);
  void Discard(OwnerRow& row);
  void Reclassify(uint32_t owner);

  const uint32_t functions_;
  const uint32_t queues_;
  HoldMemory memory_;
  std::unique_ptr<OwnerRow[]> rows_;
  OwnerSet draining_;
  OwnerSet marking_;
  OwnerSet held_;
};

}  // namespace farrier::model
