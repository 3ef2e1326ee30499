#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hw/model/card.h"
#include "hw/model/counters.h"
#include "hw/model/filter_table.h"
#include "hw/model/heartbeat.h"
#include "hw/model/owner_table.h"
#include "hw/model/pacer.h"
#include "hw/model/packet_ring.h"
#include "hw/model/prefix.h"
#include "hw/model/rss.h"
#include "hw/model/rule_table.h"
#include "hw/model/tx_guard.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// What a card is built with. Values out of range are brought into it.
struct CardOptions {
  uint32_t functions = 2;        // 1-4
  uint32_t queues = 16;          // queue pairs per function, 1-16
  uint32_t hold_cells = 8192;    // cells of 512 B for held packets
  uint32_t tx_cells = 4096;      // cells of 512 B for packets on their way to the wire
  uint32_t pacing_slots = 4096;  // of the departure calendar, a power of two of at least 64
  // Entries per way of each FilterTable, in its order; powers of two up to 65,536.
  std::array<uint32_t, kFilterTables> filter_depth = {2048, 512, 512, 512};
  std::array<uint8_t, 6> mac = {0x02, 0xFA, 0x22, 0x1E, 0x20, 0x01};
};

// The functional model: what the card does, packet by packet, without its cycles. Nothing is
// allocated after construction. `sink` outlives the card; it may offer packets and grant credits
// from within a call.
class FunctionalCard final : public Card {
 public:
  FunctionalCard(const CardOptions& options, CardSink& sink);

  uint32_t ReadCsr(uint32_t offset) override;
  void WriteCsr(uint32_t offset, uint32_t value) override;
  void GrantCredits(int function, int queue, uint32_t count) override;
  bool FromWire(std::span<const uint8_t> frame) override;
  bool FromHost(int function, int queue, std::span<const uint8_t> bytes) override;
  bool Step(int64_t now_ns) override;
  int64_t NextEvent() const override;

 private:
  // CSRs (csr.cc). Nothing or false: a bad access.
  std::optional<uint32_t> ReadRegister(uint32_t offset);
  std::optional<uint32_t> ReadOwnerRegister(uint32_t offset);
  bool WriteOwnerRegister(uint32_t offset, uint32_t value);
  bool WriteRegister(uint32_t offset, uint32_t value);
  bool WriteFunctionControl(uint32_t function, uint32_t value);
  bool CommitFilter(uint32_t command);
  bool ReadFilter(uint32_t command);

  // Wire to host.
  void Receive(const PacketRing::Record& record);
  // What the prefix will tell of a frame.
  PacketInfo Describe(std::span<const uint8_t> frame) const;
  uint32_t QueueOf(const OwnerRow& row, const PacketInfo& info) const;
  bool HasCredits(const OwnerRow& row, uint32_t queue, uint32_t count) const;
  // `frame` has a prefix's room ahead of it.
  void Deliver(uint32_t owner, const PacketInfo& info, std::span<uint8_t> frame);
  // A prefix and 64 zeros, for a credit of the queue.
  void SendNotice(regs::PrefixKind kind, uint32_t owner, uint32_t queue, const PacketInfo& info);
  bool SendMarks();
  bool Drain();

  // Host to wire. What is due comes before what comes in.
  bool DepartDue();
  bool TransmitInput();
  void Transmit(const PacketRing::Record& record);
  // What the owner's row and the function's guard make of a frame; false: it was dropped.
  bool PassesRow(const TxPrefix& prefix);
  bool PassesGuard(uint32_t function, std::span<uint8_t> frame, bool insert_checksum);
  void Depart(const TxInfo& info, std::span<const uint8_t> frame);
  void ReportDeparture(const TxInfo& info);

  CardSink& sink_;
  const CardOptions options_;
  int64_t now_ns_ = 0;

  PacketRing from_wire_;
  PacketRing from_host_;
  FilterTables filters_;
  OwnerTable owners_;
  Rss rss_;
  RuleTable rules_;
  Heartbeat heartbeat_;
  TxGuard guard_;
  Pacer pacer_;
  std::array<std::array<uint32_t, regs::kMaxQueues>, regs::kMaxFunctions> credits_{};
  std::array<regs::FunctionControl, regs::kMaxFunctions> control_;
  std::array<uint32_t, regs::kMaxFunctions> function_class_{};
  std::array<uint8_t, regs::kPrefixBytes + regs::kMaxPacketBytes> unparked_;
  ParsedFrame parsed_;

  uint32_t epoch_ = 0;
  uint32_t scratch_ = 0;
  uint32_t time_hi_ = 0;  // latched
  regs::SwitchWord lease_;
  uint32_t default_owner_ = 0;
  uint32_t watchdog_us_ = 10'000'000;
  uint32_t drain_gap_ns_ = 0;
  regs::PortRange pony_ports_ = kNoPonyPorts;
  FilterKey filter_key_{};
  regs::FilterValue filter_value_;
  GlobalCounters counters_;
  GlobalCounters snapshot_global_;
  OwnerCounters snapshot_owner_;
};

}  // namespace farrier::model
