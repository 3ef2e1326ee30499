#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "engines/runtime/packet_port.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// What a port dropped, or could not place; all count up from 0.
struct PortCounters {
  uint64_t rx_packets = 0;      // given to the engine
  uint64_t rx_bad_prefix = 0;   // no prefix, or too long a packet
  uint64_t rx_wrong_owner = 0;  // another owner's packet or MARK
  uint64_t rx_no_buffer = 0;    // arrived without a buffer: the card sent without credit
  uint64_t marks = 0;
  uint64_t tx_packets = 0;  // numbered and handed over
};

// The packets of one owner on one queue pair of a prefixed function. Takes prefixes off and puts
// them on, swallows MARKs, drops what is not the owner's. The transport of bytes is the subclass's.
class OwnerPort : public runtime::PacketPort {
 public:
  explicit OwnerPort(runtime::OwnerId owner) : owner_(owner) {}

  runtime::OwnerId owner() const { return owner_; }

  // The row's generation after an accepted ATTACHED: TX carries it from now on and is numbered
  // from 1. Before the first call Reserve lends nothing. On the engine's thread between polls, or
  // before the engine starts.
  void SetGeneration(uint16_t generation);

  // Whether the MARK of this generation has come: everything the card delivered before it has been
  // returned by RxBurst. Any thread.
  bool MarkSeen(uint16_t generation) const;

  // Sequence of the last packet committed since SetGeneration, 0 if none: what the row's TX_SEEN
  // becomes. Any thread.
  uint32_t last_tx_sequence() const { return last_tx_sequence_.load(std::memory_order_acquire); }

  // Any thread; not one instant.
  PortCounters counters() const;

 protected:
  bool attached() const { return attached_; }

  // Takes note of a packet as the card delivered it. True: it is for the engine, its frame begins
  // kPrefixBytes into `bytes`, and `metadata` is filled. False: a MARK, or dropped and counted.
  bool Accept(std::span<const uint8_t> bytes, runtime::RxMetadata& metadata);

  // Numbers a packet and writes its prefix.
  void Stamp(const runtime::TxMetadata& metadata, std::span<uint8_t, regs::kPrefixBytes> prefix);

  // For what cannot even be given to Accept.
  void CountBadPrefix() { Add(rx_bad_prefix_); }
  void CountNoBuffer() { Add(rx_no_buffer_); }

 private:
  // One writer, so no read-modify-write is needed.
  static void Add(std::atomic<uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  const runtime::OwnerId owner_;
  uint16_t generation_ = 0;
  bool attached_ = false;
  std::atomic<uint32_t> last_tx_sequence_{0};
  std::atomic<uint64_t> last_mark_{0};  // number of MARKs so far << 16 | generation of the last
  std::atomic<uint64_t> rx_packets_{0};
  std::atomic<uint64_t> rx_bad_prefix_{0};
  std::atomic<uint64_t> rx_wrong_owner_{0};
  std::atomic<uint64_t> rx_no_buffer_{0};
  std::atomic<uint64_t> tx_packets_{0};
};

}  // namespace farrier::driver
