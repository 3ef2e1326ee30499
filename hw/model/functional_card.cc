#include "hw/model/functional_card.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "hw/model/checksum.h"

namespace farrier::model {
namespace {

using regs::GlobalCounter;
using regs::OwnerCounter;
using regs::OwnerState;

constexpr size_t kInputBytes = 128 * 1024;
constexpr int kPacketsPerStep = 64;  // of each kind of work
constexpr uint32_t kMaxCredits = 65'535;
constexpr uint32_t kPacketCredits = 2;  // one to take, one that stays for a MARK
constexpr uint32_t kMarkCredits = 1;

CardOptions InRange(CardOptions options) {
  options.functions = std::clamp(options.functions, 1u, regs::kMaxFunctions);
  options.queues = std::clamp(options.queues, 1u, regs::kMaxQueues);
  options.hold_cells = std::max(options.hold_cells, 1u);
  options.tx_cells = std::max(options.tx_cells, 1u);
  options.pacing_slots = std::bit_ceil(std::clamp(options.pacing_slots, 64u, 1u << 20));
  for (uint32_t& depth : options.filter_depth) {
    depth = std::bit_ceil(std::clamp(depth, 1u, 65'536u));
  }
  return options;
}

}  // namespace

FunctionalCard::FunctionalCard(const CardOptions& options, CardSink& sink)
    : sink_(sink),
      options_(InRange(options)),
      from_wire_(kInputBytes, regs::kMaxPacketBytes),
      from_host_(kInputBytes, regs::kPrefixBytes + regs::kMaxPacketBytes),
      filters_(options_.filter_depth),
      owners_(options_.functions, options_.queues, options_.hold_cells),
      heartbeat_(options_.functions),
      guard_(options_.functions),
      pacer_(options_.tx_cells, options_.pacing_slots) {
  control_.fill({.enable = 1});
}

void FunctionalCard::GrantCredits(int function, int queue, uint32_t count) {
  if (static_cast<uint32_t>(function) >= options_.functions ||
      static_cast<uint32_t>(queue) >= options_.queues) {
    return;
  }
  uint32_t& credits = credits_[function][queue];
  credits += std::min(count, kMaxCredits - credits);
}

bool FunctionalCard::FromWire(std::span<const uint8_t> frame) { return from_wire_.Push(frame, 0); }

bool FunctionalCard::FromHost(int function, int /*queue*/, std::span<const uint8_t> bytes) {
  return from_host_.Push(bytes, static_cast<uint32_t>(function));
}

bool FunctionalCard::Step(int64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  bool moved = false;
  heartbeat_.Expire(now_ns_, [&](uint32_t function) {
    owners_.HoldFunction(function);
    moved = true;
  });
  moved |= owners_.ExpireHolds(now_ns_, watchdog_us_);
  moved |= SendMarks();
  moved |= Drain();
  for (int i = 0; i < kPacketsPerStep && !from_wire_.empty(); ++i) {
    Receive(from_wire_.Front());
    from_wire_.Pop();
    moved = true;
  }
  moved |= DepartDue();
  moved |= TransmitInput();
  return moved;
}

int64_t FunctionalCard::NextEvent() const {
  int64_t next = std::min({owners_.NextExpiry(now_ns_, watchdog_us_),
                           heartbeat_.NextExpiry(now_ns_), pacer_.NextDeparture()});
  owners_.draining().ForEach([&](uint32_t owner) {
    const OwnerRow& row = owners_.row(owner);
    const uint32_t queue = QueueOf(row, owners_.Oldest(owner));
    if (!HasCredits(row, queue, kPacketCredits)) return;  // a grant is no event
    next = std::min(next, row.last_drain_ns + drain_gap_ns_);
  });
  return next;
}

bool FunctionalCard::HasCredits(const OwnerRow& row, uint32_t queue, uint32_t count) const {
  return control_[row.word.function].enable != 0 && credits_[row.word.function][queue] >= count;
}

uint32_t FunctionalCard::QueueOf(const OwnerRow& row, const PacketInfo& info) const {
  return row.word.queue_base + (info.rss_entry & ((1u << row.word.log2_queues) - 1));
}

PacketInfo FunctionalCard::Describe(std::span<const uint8_t> frame) const {
  const auto flag = [](bool value, uint8_t bit) { return value ? bit : uint8_t{0}; };
  const uint32_t hash = rss_.Hash(parsed_);
  return {.arrival_ns = now_ns_,
          .rss_hash = hash,
          .rss_entry = rss_.Entry(hash),
          .flags = static_cast<uint8_t>(flag(parsed_.fragment, regs::prefix::kFlagFragment) |
                                        flag(parsed_.tunnel, regs::prefix::kFlagTunnel) |
                                        flag(parsed_.bad_header, regs::prefix::kFlagBadHeader) |
                                        flag(parsed_.pony, regs::prefix::kFlagPony)),
          .l3_offset = parsed_.l3_offset,
          .l4_offset = parsed_.l4_offset,
          .checksums = VerifyChecksums(frame, parsed_).Pack()};
}

void FunctionalCard::Receive(const PacketRing::Record& record) {
  ++counters_[GlobalCounter::kRxPackets];
  counters_[GlobalCounter::kRxBytes] += record.length;
  if (record.length > regs::kMaxPacketBytes) {
    ++counters_[GlobalCounter::kRxOversize];
    return;
  }
  if (record.length < kEthernetHeaderBytes) {
    ++counters_[GlobalCounter::kRxMalformed];
    return;
  }
  ParseFrame(record.bytes, parsed_, pony_ports_);
  counters_[GlobalCounter::kRxBadHeader] += parsed_.bad_header;
  uint32_t owner = default_owner_;
  regs::RuleAction action;
  if (const auto exact = filters_.Lookup(parsed_)) {
    owner = *exact;
  } else if (const auto rule = rules_.Match(parsed_)) {
    action = *rule;
    if (action.drop) {
      ++counters_[GlobalCounter::kRxRuleDrop];
      return;
    }
    if (action.has_owner) owner = action.owner;
  }
  if (owners_.row(owner).state() == OwnerState::kDetached) owner = default_owner_;
  OwnerRow& row = owners_.row(owner);
  PacketInfo info = Describe(record.bytes);
  info.pacing_class = static_cast<uint8_t>(action.pacing_class);

  if (row.state() == OwnerState::kHeld || row.draining()) {
    switch (owners_.Park(owner, record.bytes, info)) {
      case OwnerTable::Parking::kParked:
        break;
      case OwnerTable::Parking::kQuotaFull:
        ++row.counters[OwnerCounter::kDropQuota];
        break;
      case OwnerTable::Parking::kMemoryFull:
        ++counters_[GlobalCounter::kRxMemoryFull];
        return;
    }
    ++row.counters[OwnerCounter::kIn];
    return;
  }
  ++row.counters[OwnerCounter::kIn];
  if (row.state() == OwnerState::kDetached) {
    ++row.counters[OwnerCounter::kDropDetached];
  } else if (row.state() == OwnerState::kDrop) {
    ++row.counters[OwnerCounter::kDropState];
  } else if (!HasCredits(row, QueueOf(row, info), kPacketCredits)) {
    ++row.counters[OwnerCounter::kDropNoCredit];
  } else {
    info.sequence = row.rx_next++;
    Deliver(owner, info, record.bytes);
  }
}

void FunctionalCard::Deliver(uint32_t owner, const PacketInfo& info, std::span<uint8_t> frame) {
  OwnerRow& row = owners_.row(owner);
  const regs::SwitchWord& word = row.word;
  ++row.counters[OwnerCounter::kDelivered];
  const uint32_t queue = QueueOf(row, info);
  --credits_[word.function][queue];
  std::span<const uint8_t> bytes = frame;
  if (!control_[word.function].raw) {
    uint8_t* const prefix = frame.data() - regs::kPrefixBytes;
    WriteRxPrefix({.owner = static_cast<uint8_t>(owner),
                   .generation = word.generation,
                   .queue = queue,
                   .tx_released = pacer_.owner_account(owner).released},
                  info, prefix);
    bytes = {prefix, regs::kPrefixBytes + frame.size()};
  }
  sink_.ToHost(static_cast<int>(word.function), static_cast<int>(queue), bytes);
}

void FunctionalCard::SendNotice(regs::PrefixKind kind, uint32_t owner, uint32_t queue,
                                const PacketInfo& info) {
  const regs::SwitchWord& word = owners_.row(owner).word;
  --credits_[word.function][queue];
  std::array<uint8_t, regs::kMarkBytes> notice{};
  WriteRxPrefix({.kind = kind,
                 .owner = static_cast<uint8_t>(owner),
                 .generation = word.generation,
                 .queue = queue,
                 .tx_released = pacer_.owner_account(owner).released},
                info, notice.data());
  sink_.ToHost(static_cast<int>(word.function), static_cast<int>(queue), notice);
}

bool FunctionalCard::SendMarks() {
  bool moved = false;
  owners_.marking().ForEach([&](uint32_t owner) {
    OwnerRow& row = owners_.row(owner);
    const regs::SwitchWord word = row.word;
    for (uint32_t i = 0; i < regs::kMaxQueues; ++i) {
      const uint32_t queue = word.queue_base + i;
      if ((row.marks & (1u << i)) == 0) continue;
      const bool raw = control_[word.function].raw != 0;
      if (!raw && !HasCredits(row, queue, kMarkCredits)) continue;
      owners_.MarkDone(owner, i);
      moved = true;
      if (raw) continue;
      SendNotice(regs::PrefixKind::kMark, owner, queue,
                 {.arrival_ns = now_ns_, .sequence = row.cut});
    }
  });
  return moved;
}

bool FunctionalCard::Drain() {
  int left = kPacketsPerStep;
  bool moved = false;
  for (bool again = true; again && left > 0;) {
    again = false;
    owners_.draining().ForEach([&](uint32_t owner) {
      OwnerRow& row = owners_.row(owner);
      if (left == 0 || now_ns_ - row.last_drain_ns < drain_gap_ns_ ||
          !HasCredits(row, QueueOf(row, owners_.Oldest(owner)), kPacketCredits)) {
        return;
      }
      PacketInfo info;
      uint8_t* const frame = unparked_.data() + regs::kPrefixBytes;
      const size_t length = owners_.Unpark(owner, frame, info);
      row.last_drain_ns = now_ns_;
      Deliver(owner, info, {frame, length});
      --left;
      again = true;
    });
    moved |= again;
  }
  return moved;
}

}  // namespace farrier::model
