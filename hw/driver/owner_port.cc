#include "hw/driver/owner_port.h"

#include <algorithm>

#include "hw/driver/prefix.h"

namespace farrier::driver {
namespace {

uint32_t CellsOf(uint32_t frame) { return (frame + regs::kCellBytes - 1) / regs::kCellBytes; }

// Departure reports are asked for when more of the quota than this is in use, and so often.
constexpr uint32_t kAskFrom = 2;   // quota / 2
constexpr uint32_t kAskEvery = 8;  // quota / 8

}  // namespace

void OwnerPort::SetGeneration(uint16_t generation, std::optional<TxCells> cells) {
  generation_ = generation;
  attached_ = true;
  cells_count_ = cells.has_value();
  cells_ = cells.value_or(TxCells());
  asked_at_ = cells_.taken - cells_.quota;
  out_of_cells_.store(false, std::memory_order_relaxed);
  last_tx_sequence_.store(0, std::memory_order_release);
}

bool OwnerPort::MarkSeen(uint16_t generation) const {
  return std::all_of(last_mark_.begin(), last_mark_.begin() + queues_, [&](const auto& last) {
    const uint64_t mark = last.load(std::memory_order_acquire);
    return mark >> 16 != 0 && (mark & 0xFFFF) == generation;
  });
}

PortCounters OwnerPort::counters() const {
  PortCounters counters = {
      .rx_bad_prefix = rx_bad_prefix_.load(std::memory_order_relaxed),
      .rx_wrong_owner = rx_wrong_owner_.load(std::memory_order_relaxed),
      .rx_no_buffer = rx_no_buffer_.load(std::memory_order_relaxed),
      .departures_reported = departures_reported_.load(std::memory_order_relaxed),
      .tx_packets = tx_packets_.load(std::memory_order_relaxed),
      .tx_timed = tx_timed_.load(std::memory_order_relaxed),
      .tx_no_cells = tx_no_cells_.load(std::memory_order_relaxed),
      .queues = queues_,
  };
  for (uint32_t queue = 0; queue < queues_; ++queue) {
    counters.marks += last_mark_[queue].load(std::memory_order_relaxed) >> 16;
    counters.rx_of_queue[queue] = rx_of_queue_[queue].load(std::memory_order_relaxed);
    counters.rx_packets += counters.rx_of_queue[queue];
  }
  return counters;
}

bool OwnerPort::Accept(uint32_t queue, std::span<const uint8_t> bytes,
                       runtime::RxMetadata& metadata) {
  const auto prefix = DecodeRx(bytes);
  if (!prefix) {
    CountBadPrefix();
    return false;
  }
  if (prefix->metadata.owner != owner_) {
    Add(rx_wrong_owner_);
    return false;
  }
  if (cells_count_) NoteReleased(prefix->tx_released);
  switch (prefix->kind) {
    case regs::PrefixKind::kMark: {
      std::atomic<uint64_t>& last = last_mark_[queue];
      const uint64_t count = (last.load(std::memory_order_relaxed) >> 16) + 1;
      last.store(count << 16 | prefix->metadata.generation, std::memory_order_release);
      return false;
    }
    case regs::PrefixKind::kSent:
      Add(departures_reported_);
      return false;
    case regs::PrefixKind::kPacket:
      break;
  }
  metadata = prefix->metadata;
  Add(rx_of_queue_[queue]);
  return true;
}

uint32_t OwnerPort::CellsInUse() const { return cells_.taken - cells_.released; }

void OwnerPort::NoteReleased(uint32_t released) {
  // Queues tell it out of turn.
  if (static_cast<int32_t>(released - cells_.released) <= 0) return;
  cells_.released = released;
  // More than we know of: a predecessor's.
  if (static_cast<int32_t>(CellsInUse()) < 0) cells_.taken = released;
}

void OwnerPort::SyncTxCells(uint32_t tx_seen, const TxCells& cells) {
  if (!cells_count_) return;
  cells_.quota = cells.quota;
  // With everything at the card, what it dropped takes no cells.
  if (tx_seen == last_tx_sequence_.load(std::memory_order_relaxed)) cells_.taken = cells.taken;
  NoteReleased(cells.released);
}

size_t OwnerPort::MayLend(size_t wanted, uint32_t max_frame) {
  if (!attached_) return 0;
  if (!cells_count_) return wanted;
  const uint32_t each = CellsOf(max_frame);
  const uint64_t in_use = CellsInUse() + uint64_t{each} * lent_;
  const size_t room = in_use < cells_.quota ? (cells_.quota - in_use) / each : 0;
  const bool out = room == 0 && wanted > 0;
  out_of_cells_.store(out, std::memory_order_relaxed);
  if (out) Add(tx_no_cells_);
  return std::min(wanted, room);
}

void OwnerPort::Stamp(const runtime::TxMetadata& metadata, uint32_t length,
                      std::span<uint8_t, regs::kPrefixBytes> prefix) {
  --lent_;
  const uint32_t sequence = last_tx_sequence_.load(std::memory_order_relaxed) + 1;
  TxPrefix tx = {
      .owner = owner_, .generation = generation_, .sequence = sequence, .metadata = metadata};
  if (cells_count_) {
    cells_.taken += CellsOf(length);
    if (CellsInUse() > cells_.quota / kAskFrom &&
        cells_.taken - asked_at_ >= cells_.quota / kAskEvery) {
      tx.metadata.report_departure = true;
    }
    if (tx.metadata.report_departure) asked_at_ = cells_.taken;
  }
  EncodeTx(tx, prefix);
  last_tx_sequence_.store(sequence, std::memory_order_release);
  Add(tx_packets_);
  if (metadata.departure != 0) Add(tx_timed_);
}

}  // namespace farrier::driver
