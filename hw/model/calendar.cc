#include "hw/model/calendar.h"

#include <algorithm>
#include <bit>

namespace farrier::model {
namespace {

constexpr uint32_t kWordBits = 64;

}  // namespace

Calendar::Calendar(uint32_t slots) : slots_(slots), occupied_(slots / kWordBits) {}

Calendar::Place Calendar::PlaceFor(uint64_t departure_ns) const {
  if (departure_ns == 0) return {.slot = now_};
  const uint64_t slot = departure_ns / regs::kSlotNs;
  if (slot < drain_) return {.slot = drain_};
  if (slot - drain_ >= slots_.size()) return {.slot = drain_ + slots_.size() - 1, .clamped = true};
  return {.slot = slot};
}

void Calendar::Insert(TxMemory& memory, const Place& place, std::span<const uint8_t> frame,
                      const TxInfo& info) {
  memory.Push(At(place.slot), frame, info);
  SetOccupied(place.slot, true);
  ++packets_;
}

TxMemory::Queue* Calendar::DueSlot(int64_t now_ns) {
  now_ = std::max(now_, static_cast<uint64_t>(now_ns) / regs::kSlotNs);
  drain_ = std::min(now_, FirstOccupied().value_or(now_));
  return At(drain_).empty() ? nullptr : &At(drain_);
}

void Calendar::Popped() {
  --packets_;
  if (At(drain_).empty()) SetOccupied(drain_, false);
}

int64_t Calendar::NextDeparture() const {
  const auto slot = FirstOccupied();
  return slot ? static_cast<int64_t>(*slot * regs::kSlotNs) : std::numeric_limits<int64_t>::max();
}

std::optional<uint64_t> Calendar::FirstOccupied() const {
  if (packets_ == 0) return std::nullopt;
  // From the drain pointer's place in the ring on, around to where it began.
  const uint64_t place = drain_ % slots_.size();
  const size_t words = occupied_.size();
  for (size_t i = 0; i <= words; ++i) {
    const size_t at = (place / kWordBits + i) % words;
    uint64_t word = occupied_[at];
    if (i == 0) word &= ~uint64_t{0} << place % kWordBits;
    if (word == 0) continue;
    const uint64_t found = at * kWordBits + static_cast<uint32_t>(std::countr_zero(word));
    return drain_ + (found + slots_.size() - place) % slots_.size();
  }
  return std::nullopt;
}

void Calendar::SetOccupied(uint64_t slot, bool occupied) {
  const uint64_t place = slot % slots_.size();
  const uint64_t bit = uint64_t{1} << place % kWordBits;
  uint64_t& word = occupied_[place / kWordBits];
  word = occupied ? word | bit : word & ~bit;
}

}  // namespace farrier::model
