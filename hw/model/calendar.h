#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "hw/model/tx_memory.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// Packets parked until their departure: a ring of slots of SLOT_NS, each first in, first out, from
// the drain pointer on. The drain pointer goes with time but stays at a slot that is occupied.
class Calendar {
 public:
  // `slots`: a multiple of 64.
  explicit Calendar(uint32_t slots);

  uint32_t slots() const { return static_cast<uint32_t>(slots_.size()); }

  struct Place {
    uint64_t slot = 0;
    bool clamped = false;
  };

  // Where a packet for `departure_ns` goes (0: now): not before the drain pointer, and in the last
  // slot if it is beyond the ring. Time is what DueSlot was told last.
  Place PlaceFor(uint64_t departure_ns) const;

  // Whether a packet put there would leave at once.
  bool IsDue(const Place& place) const { return place.slot <= now_; }

  // `memory` has room.
  void Insert(TxMemory& memory, const Place& place, std::span<const uint8_t> frame,
              const TxInfo& info);

  // Moves time to `now_ns`; the queue of the oldest slot that has begun and is occupied, if any.
  // Its packets are to be popped, then Popped() called for each.
  TxMemory::Queue* DueSlot(int64_t now_ns);
  void Popped();

  // When the next packet departs; INT64_MAX if there is none.
  int64_t NextDeparture() const;

 private:
  std::optional<uint64_t> FirstOccupied() const;
  TxMemory::Queue& At(uint64_t slot) { return slots_[slot % slots_.size()]; }
  void SetOccupied(uint64_t slot, bool occupied);

  std::vector<TxMemory::Queue> slots_;
  std::vector<uint64_t> occupied_;  // a bit per slot of the ring
  uint64_t now_ = 0;                // slot that time is in
  uint64_t drain_ = 0;              // slot; at most now_
  uint32_t packets_ = 0;
};

}  // namespace farrier::model
