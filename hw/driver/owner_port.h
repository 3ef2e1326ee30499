#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engines/runtime/packet_port.h"
#include "hw/driver/tx_cells.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// What a port dropped, or could not place; all count up from 0.
struct PortCounters {
  uint64_t rx_packets = 0;      // given to the engine
  uint64_t rx_bad_prefix = 0;   // no prefix, or too long a packet
  uint64_t rx_wrong_owner = 0;  // another owner's packet or MARK
  uint64_t rx_no_buffer = 0;    // arrived without a buffer: the card sent without credit
  uint64_t marks = 0;
  uint64_t departures_reported = 0;
  uint64_t tx_packets = 0;   // numbered and handed over
  uint64_t tx_timed = 0;     // of them, with a departure time
  uint64_t tx_no_cells = 0;  // times that nothing was lent for want of TX cells
  uint32_t queues = 0;       // that the owner has here
  std::array<uint64_t, regs::kMaxQueues> rx_of_queue{};  // rx_packets by queue
};

// The packets of one owner on its queue pairs of a prefixed function: received round robin from
// all, sent on the first. Takes prefixes off and puts them on, swallows MARKs and departure
// reports, drops what is not the owner's. The transport of bytes is the subclass's.
//
// On a card that paces, packets stay in the card until they leave, and take cells of it meanwhile.
// Reserve lends no more than the owner's quota has room for, so that nothing is ever dropped there
// (tx_full). The card tells with every packet how many cells it has given back; when few packets
// come, the port asks for departure reports, which tell as well. Reports can get lost (no receive
// buffer): a port that has waited in vain says so by OutOfTxCells(), and whoever has the card's
// registers helps with SyncTxCells, at leisure.
class OwnerPort : public runtime::PacketPort {
 public:
  // `queues`: 1-16.
  OwnerPort(runtime::OwnerId owner, uint32_t queues) : owner_(owner), queues_(queues) {}

  runtime::OwnerId owner() const { return owner_; }
  uint32_t queues() const { return queues_; }

  // The row's generation after an accepted ATTACHED: TX carries it from now on and is numbered
  // from 1. `cells`: the row's, read after that; nothing if the card does not pace. Before the
  // first call Reserve lends nothing. On the engine's thread between polls, or before the engine
  // starts.
  void SetGeneration(uint16_t generation, std::optional<TxCells> cells = std::nullopt);

  // Whether the MARK of this generation has come on every queue: everything the card delivered
  // before has been returned by RxBurst. Any thread.
  bool MarkSeen(uint16_t generation) const;

  // The last Reserve lent nothing for want of TX cells. Any thread.
  bool OutOfTxCells() const { return out_of_cells_.load(std::memory_order_relaxed); }

  // What the card's registers say: TX_SEEN, read first, and the cells. On the engine's thread
  // between polls.
  void SyncTxCells(uint32_t tx_seen, const TxCells& cells);

  // Sequence of the last packet committed since SetGeneration, 0 if none: what the row's TX_SEEN
  // becomes. Any thread.
  uint32_t last_tx_sequence() const { return last_tx_sequence_.load(std::memory_order_acquire); }

  // Any thread; not one instant.
  PortCounters counters() const;

 protected:
  // How many of `wanted` packets of up to `max_frame` bytes may be lent now; 0 before there is a
  // generation. What is lent is taken note of by Lent, and comes back by Stamp or Unused.
  size_t MayLend(size_t wanted, uint32_t max_frame);
  void Lent(size_t packets) { lent_ += packets; }
  void Unused(size_t packets) { lent_ -= packets; }

  // Takes note of a packet as the card delivered it on the owner's queue `queue`, counted from 0.
  // True: it is for the engine, its frame begins kPrefixBytes into `bytes`, and `metadata` is
  // filled. False: a MARK or report, or dropped and counted.
  bool Accept(uint32_t queue, std::span<const uint8_t> bytes, runtime::RxMetadata& metadata);

  // Numbers a lent packet with a frame of `length` bytes and writes its prefix.
  void Stamp(const runtime::TxMetadata& metadata, uint32_t length,
             std::span<uint8_t, regs::kPrefixBytes> prefix);

  // For what cannot even be given to Accept.
  void CountBadPrefix() { Add(rx_bad_prefix_); }
  void CountNoBuffer() { Add(rx_no_buffer_); }

 private:
  // One writer, so no read-modify-write is needed.
  static void Add(std::atomic<uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  uint32_t CellsInUse() const;
  void NoteReleased(uint32_t released);

  const runtime::OwnerId owner_;
  const uint32_t queues_;
  uint16_t generation_ = 0;
  bool attached_ = false;

  bool cells_count_ = false;  // the card paces
  TxCells cells_;             // taken: by what has been committed
  uint32_t asked_at_ = 0;     // cells_.taken when a report was asked for last
  size_t lent_ = 0;           // packets
  std::atomic<bool> out_of_cells_{false};

  std::atomic<uint32_t> last_tx_sequence_{0};
  // By queue: number of MARKs so far << 16 | generation of the last.
  std::array<std::atomic<uint64_t>, regs::kMaxQueues> last_mark_{};
  std::array<std::atomic<uint64_t>, regs::kMaxQueues> rx_of_queue_{};
  std::atomic<uint64_t> rx_bad_prefix_{0};
  std::atomic<uint64_t> rx_wrong_owner_{0};
  std::atomic<uint64_t> rx_no_buffer_{0};
  std::atomic<uint64_t> departures_reported_{0};
  std::atomic<uint64_t> tx_packets_{0};
  std::atomic<uint64_t> tx_timed_{0};
  std::atomic<uint64_t> tx_no_cells_{0};
};

}  // namespace farrier::driver
