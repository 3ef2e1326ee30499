#include "hw/model/pacer.h"

#include <algorithm>

namespace farrier::model {
namespace {

constexpr uint32_t kOwnerQuota = 1'024;   // after reset
constexpr uint32_t kFunctionQuota = 512;  // after reset

}  // namespace

Pacer::Pacer(uint32_t cells, uint32_t slots) : memory_(cells), calendar_(slots) {
  owners_.fill({.quota = kOwnerQuota});
  functions_.fill({.quota = kFunctionQuota});
}

Pacer::Admission Pacer::Admit(std::span<const uint8_t> frame, const TxInfo& info, const Wish& wish,
                              int64_t now_ns) {
  const uint32_t cells = CellsFor(frame.size());
  TxAccount& account = AccountOf(info);
  const uint64_t used = account.taken - account.released;
  if (used + cells > account.quota || cells > memory_.free_cells()) return Admission::kFull;
  account.taken += cells;

  if (wish.departure_ns == 0 && classes_.Limits(wish.pacing_class)) {
    if (classes_.MayPass(wish.pacing_class, static_cast<uint64_t>(now_ns))) {
      classes_.Popped(wish.pacing_class, frame.size(), static_cast<uint64_t>(now_ns));
      return Admission::kLeaving;
    }
    classes_.Insert(memory_, wish.pacing_class, frame, info);
    return Admission::kParked;
  }
  const Calendar::Place place = calendar_.PlaceFor(wish.departure_ns);
  if (calendar_.IsDue(place)) return Admission::kLeaving;
  calendar_.Insert(memory_, place, frame, info);
  return place.clamped ? Admission::kClamped : Admission::kParked;
}

std::optional<TxInfo> Pacer::NextDue(int64_t now_ns, uint8_t* out) {
  TxInfo info;
  if (TxMemory::Queue* const slot = calendar_.DueSlot(now_ns)) {
    memory_.Pop(*slot, out, info);
    calendar_.Popped();
    return info;
  }
  if (const auto number = classes_.Next(static_cast<uint64_t>(now_ns))) {
    const size_t bytes = memory_.Pop(classes_.queue(*number), out, info);
    classes_.Popped(*number, bytes, static_cast<uint64_t>(now_ns));
    return info;
  }
  return std::nullopt;
}

void Pacer::Released(const TxInfo& info) { AccountOf(info).released += CellsFor(info.length); }

int64_t Pacer::NextDeparture() const {
  return std::min(calendar_.NextDeparture(), classes_.NextDeparture());
}

}  // namespace farrier::model
