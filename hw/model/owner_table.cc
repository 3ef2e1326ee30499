#include "hw/model/owner_table.h"

#include <algorithm>

namespace farrier::model {
namespace {

using regs::OwnerCounter;
using regs::OwnerState;
using regs::SwitchWord;

constexpr uint32_t kGenerations = 4096;

int64_t LimitNs(uint32_t limit_us) { return int64_t{limit_us} * 1000; }

}  // namespace

bool CompareAndSwap(SwitchWord& current, const SwitchWord& wanted) {
  if (wanted.generation != current.generation) return false;
  current = wanted;
  if (static_cast<OwnerState>(wanted.state) == OwnerState::kAttached) {
    current.generation = (current.generation + 1) % kGenerations;
  }
  return true;
}

OwnerTable::OwnerTable(uint32_t functions, uint32_t queues, uint32_t hold_cells)
    : functions_(functions),
      queues_(queues),
      memory_(hold_cells),
      rows_(std::make_unique<OwnerRow[]>(regs::kOwners)) {}

void OwnerTable::Switch(uint32_t owner, uint32_t value) {
  OwnerRow& row = rows_[owner];
  const SwitchWord wanted = SwitchWord::Unpack(value);
  const bool placed =
      wanted.function < functions_ && wanted.queue_base + (1u << wanted.log2_queues) <= queues_;
  const bool again = row.state() == OwnerState::kHeld &&
                     static_cast<OwnerState>(wanted.state) == OwnerState::kHeld;
  if (placed && again && wanted.generation == row.word.generation) return;
  if (!placed || !CompareAndSwap(row.word, wanted)) {
    ++row.refused;
    return;
  }
  row.marks = 0;  // whoever waited for them no longer has the owner
  switch (row.state()) {
    case OwnerState::kAttached:
      row.tx_seen = 0;
      row.watchdog = false;
      row.heartbeat = false;
      break;
    case OwnerState::kHeld:
      BeginHold(row);
      break;
    case OwnerState::kDetached:
    case OwnerState::kDrop:
      Discard(row);
      break;
  }
  Reclassify(owner);
}

bool OwnerTable::SetQuota(uint32_t owner, uint32_t cells) {
  OwnerRow& row = rows_[owner];
  if (row.state() == OwnerState::kHeld || row.draining()) return false;
  row.quota_cells = cells;
  return true;
}

OwnerTable::Parking OwnerTable::Park(uint32_t owner, std::span<const uint8_t> frame,
                                     PacketInfo& info) {
  OwnerRow& row = rows_[owner];
  if (row.parked.cells() + CellsFor(frame.size()) > row.quota_cells) return Parking::kQuotaFull;
  info.sequence = row.rx_next;
  info.flags |= regs::prefix::kFlagWasHeld;
  if (!memory_.Push(row.parked, frame, info)) return Parking::kMemoryFull;
  ++row.rx_next;
  ++row.counters[OwnerCounter::kParked];
  ++row.counters[OwnerCounter::kHeld];
  return Parking::kParked;
}

size_t OwnerTable::Unpark(uint32_t owner, uint8_t* out, PacketInfo& info) {
  OwnerRow& row = rows_[owner];
  const size_t length = memory_.Pop(row.parked, out, info);
  --row.counters[OwnerCounter::kParked];
  if (row.parked.packets() == 0) draining_.Put(owner, false);
  return length;
}

void OwnerTable::MarkDone(uint32_t owner, uint32_t queue) {
  OwnerRow& row = rows_[owner];
  row.marks &= static_cast<uint16_t>(~(1u << queue));
  if (row.marks == 0) marking_.Put(owner, false);
}

bool OwnerTable::ExpireHolds(int64_t now_ns, uint32_t limit_us) {
  bool expired = false;
  held_.ForEach([&](uint32_t owner) {
    OwnerRow& row = rows_[owner];
    if (row.held_since_ns == OwnerRow::kUnstamped) row.held_since_ns = now_ns;
    if (limit_us == 0 || now_ns - row.held_since_ns <= LimitNs(limit_us)) return;
    row.word.state = static_cast<uint32_t>(OwnerState::kDrop);
    row.watchdog = true;
    row.marks = 0;
    Discard(row);
    Reclassify(owner);
    expired = true;
  });
  return expired;
}

int64_t OwnerTable::NextExpiry(int64_t now_ns, uint32_t limit_us) const {
  int64_t next = std::numeric_limits<int64_t>::max();
  held_.ForEach([&](uint32_t owner) {
    const int64_t since = rows_[owner].held_since_ns;
    if (since == OwnerRow::kUnstamped) {
      next = std::min(next, now_ns);
    } else if (limit_us != 0) {
      next = std::min(next, since + LimitNs(limit_us) + 1);
    }
  });
  return next;
}

void OwnerTable::BeginHold(OwnerRow& row) {
  row.cut = row.rx_next - row.parked.packets();
  row.marks = static_cast<uint16_t>((1u << (1u << row.word.log2_queues)) - 1);
  row.held_since_ns = OwnerRow::kUnstamped;
}

void OwnerTable::HoldFunction(uint32_t function) {
  for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
    OwnerRow& row = rows_[owner];
    if (row.state() != OwnerState::kAttached || row.word.function != function) continue;
    row.word.state = static_cast<uint32_t>(OwnerState::kHeld);
    row.heartbeat = true;
    BeginHold(row);
    Reclassify(owner);
  }
}

void OwnerTable::Discard(OwnerRow& row) {
  const uint32_t packets = memory_.Clear(row.parked);
  row.counters[OwnerCounter::kParked] -= packets;
  row.counters[OwnerCounter::kDropDiscarded] += packets;
}

void OwnerTable::Reclassify(uint32_t owner) {
  const OwnerRow& row = rows_[owner];
  draining_.Put(owner, row.draining());
  marking_.Put(owner, row.marks != 0);
  held_.Put(owner, row.state() == OwnerState::kHeld);
}

}  // namespace farrier::model
