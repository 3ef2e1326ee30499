// The CSR window of the functional model: which register is where, and who answers.

#include "hw/model/functional_card.h"

namespace farrier::model {
namespace {

using regs::SwitchWord;

constexpr uint32_t kRowBytes = regs::kRegOwnerSwitch(1) - regs::kRegOwnerSwitch(0);
constexpr uint32_t kRowsEnd = regs::kRegOwnerSwitch(regs::kOwners);
constexpr uint32_t kHighestOwner = regs::kOwners - 1;

// Index of `offset` in an array of words at `base`, or `count` if it lies outside.
constexpr uint32_t IndexIn(uint32_t offset, uint32_t base, uint32_t count) {
  const uint32_t index = (offset - base) / 4;
  return offset >= base && offset % 4 == 0 && index < count ? index : count;
}

// Whether `offset` lies in the registers from `first` to `last`.
constexpr bool Between(uint32_t offset, uint32_t first, uint32_t last) {
  return offset >= first && offset < last + 4;
}
constexpr bool IsHeartbeat(uint32_t offset) {
  return Between(offset, regs::kRegHeartbeatUs(0), regs::kRegHeartbeat(regs::kMaxFunctions - 1));
}
constexpr bool IsRule(uint32_t offset) {
  return Between(offset, regs::kRegRuleValue(0), regs::kRegRuleHitsHi);
}
constexpr bool IsRss(uint32_t offset) {
  return Between(offset, regs::kRegRssKey(0), regs::kRegRssTable(regs::kRssEntries / 8 - 1));
}
constexpr bool IsGuard(uint32_t offset) {
  return Between(offset, regs::kRegGuardValue(0), regs::kRegGuardKind);
}
constexpr bool IsClass(uint32_t offset) {
  return Between(offset, regs::kRegClassCost(0), regs::kRegClassBurst(regs::kClasses - 1));
}

template <typename Block>
uint32_t Half(const Block& block, uint32_t word) {
  return static_cast<uint32_t>(block.at(word / 2) >> (word % 2 ? 32 : 0));
}

uint32_t BigEndian(std::span<const uint8_t> bytes) {
  uint32_t value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

}  // namespace

uint32_t FunctionalCard::ReadCsr(uint32_t offset) {
  const auto value = ReadRegister(offset);
  if (!value) ++counters_[regs::GlobalCounter::kCsrBadAccess];
  return value.value_or(0);
}

void FunctionalCard::WriteCsr(uint32_t offset, uint32_t value) {
  if (!WriteRegister(offset, value)) ++counters_[regs::GlobalCounter::kCsrBadAccess];
}

std::optional<uint32_t> FunctionalCard::ReadRegister(uint32_t offset) {
  if (offset >= regs::kRegOwnerSwitch(0) && offset < kRowsEnd) return ReadOwnerRegister(offset);
  if (const uint32_t i = IndexIn(offset, regs::kRegOwnerCounter(0), 2 * regs::kOwnerCounters);
      i < 2 * regs::kOwnerCounters) {
    return Half(snapshot_owner_, i);
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegGlobalCounter(0), 2 * regs::kGlobalCounters);
      i < 2 * regs::kGlobalCounters) {
    return Half(snapshot_global_, i);
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFilterDepth(0), kFilterTables);
      i < kFilterTables) {
    return filters_.depth(i);
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFilterKey(0), regs::kFilterKeyWords);
      i < regs::kFilterKeyWords) {
    return filter_key_[i];
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFunctionControl(0), options_.functions);
      i < options_.functions) {
    return control_[i].Pack();
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFunctionClass(0), options_.functions);
      i < options_.functions) {
    return function_class_[i];
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFunctionTxQuota(0), options_.functions);
      i < options_.functions) {
    return pacer_.function_account(i).quota;
  }
  if (IsHeartbeat(offset)) return heartbeat_.Read(offset);
  if (IsRule(offset)) return rules_.Read(offset);
  if (IsRss(offset)) return rss_.Read(offset);
  if (IsGuard(offset)) return guard_.Read(offset);
  if (IsClass(offset)) return pacer_.classes().Read(offset);
  switch (offset) {
    case regs::kRegMagic:
      return regs::kMagic;
    case regs::kRegVersion:
      return regs::kVersion;
    case regs::kRegCapabilities:
      return regs::Capabilities{.exact_filters = 1,
                                .hold = 1,
                                .pacing = 1,
                                .rss = 1,
                                .ternary = 1,
                                .rx_checksum = 1,
                                .tx_checksum = 1,
                                .tx_guard = 1,
                                .heartbeat = 1}
          .Pack();
    case regs::kRegEpoch:
      return epoch_;
    case regs::kRegFunctions:
      return options_.functions;
    case regs::kRegQueues:
      return options_.queues;
    case regs::kRegHoldCells:
      return owners_.hold_cells();
    case regs::kRegMtu:
      return regs::kMaxPacketBytes;
    case regs::kRegMacLo:
      return BigEndian(std::span(options_.mac).subspan(2));
    case regs::kRegMacHi:
      return BigEndian(std::span(options_.mac).first(2));
    case regs::kRegLink:
      return 1;
    case regs::kRegTimeLo:
      time_hi_ = static_cast<uint32_t>(static_cast<uint64_t>(now_ns_) >> 32);
      return static_cast<uint32_t>(now_ns_);
    case regs::kRegTimeHi:
      return time_hi_;
    case regs::kRegScratch:
      return scratch_;
    case regs::kRegLease:
      return lease_.Pack();
    case regs::kRegDefaultOwner:
      return default_owner_;
    case regs::kRegWatchdogUs:
      return watchdog_us_;
    case regs::kRegDrainGapNs:
      return drain_gap_ns_;
    case regs::kRegTxCells:
      return pacer_.cells();
    case regs::kRegPacingSlots:
      return pacer_.slots();
    case regs::kRegPonyPorts:
      return pony_ports_.Pack();
    case regs::kRegFilterValue:
      return filter_value_.Pack();
    default:
      return std::nullopt;
  }
}

std::optional<uint32_t> FunctionalCard::ReadOwnerRegister(uint32_t offset) {
  const uint32_t owner = (offset - regs::kRegOwnerSwitch(0)) / kRowBytes;
  const OwnerRow& row = owners_.row(owner);
  switch (regs::kRegOwnerSwitch(0) + (offset - regs::kRegOwnerSwitch(0)) % kRowBytes) {
    case regs::kRegOwnerSwitch(0):
      return row.word.Pack();
    case regs::kRegOwnerQuota(0):
      return row.quota_cells;
    case regs::kRegOwnerCut(0):
      return row.cut;
    case regs::kRegOwnerRxNext(0):
      return row.rx_next;
    case regs::kRegOwnerTxSeen(0):
      return row.tx_seen;
    case regs::kRegOwnerStatus(0):
      return regs::OwnerStatus{.draining = row.draining(),
                               .mark_pending = row.marks != 0,
                               .watchdog = row.watchdog,
                               .heartbeat = row.heartbeat}
          .Pack();
    case regs::kRegOwnerParked(0):
      return row.parked.packets();
    case regs::kRegOwnerRefused(0):
      return row.refused;
    case regs::kRegOwnerTxQuota(0):
      return pacer_.owner_account(owner).quota;
    case regs::kRegOwnerTxTaken(0):
      return pacer_.owner_account(owner).taken;
    case regs::kRegOwnerTxReleased(0):
      return pacer_.owner_account(owner).released;
    default:
      return std::nullopt;
  }
}

bool FunctionalCard::WriteRegister(uint32_t offset, uint32_t value) {
  if (offset >= regs::kRegOwnerSwitch(0) && offset < kRowsEnd) {
    return WriteOwnerRegister(offset, value);
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFilterKey(0), regs::kFilterKeyWords);
      i < regs::kFilterKeyWords) {
    filter_key_[i] = value;
    return true;
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFunctionControl(0), options_.functions);
      i < options_.functions) {
    return WriteFunctionControl(i, value);
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFunctionClass(0), options_.functions);
      i < options_.functions) {
    function_class_[i] = value % regs::kClasses;
    return true;
  }
  if (const uint32_t i = IndexIn(offset, regs::kRegFunctionTxQuota(0), options_.functions);
      i < options_.functions) {
    pacer_.function_account(i).quota = value;
    return true;
  }
  if (IsHeartbeat(offset)) return heartbeat_.Write(offset, value);
  if (IsRule(offset)) return rules_.Write(offset, value);
  if (IsRss(offset)) return rss_.Write(offset, value);
  if (IsGuard(offset)) return guard_.Write(offset, value);
  if (IsClass(offset)) return pacer_.classes().Write(offset, value);
  switch (offset) {
    case regs::kRegEpoch:
      epoch_ = value;
      return true;
    case regs::kRegScratch:
      scratch_ = value;
      return true;
    case regs::kRegLease: {
      auto wanted = SwitchWord::Unpack(value);
      wanted.queue_base = wanted.log2_queues = 0;
      CompareAndSwap(lease_, wanted);
      return true;
    }
    case regs::kRegDefaultOwner:
      default_owner_ = value & kHighestOwner;
      return true;
    case regs::kRegWatchdogUs:
      watchdog_us_ = value;
      return true;
    case regs::kRegDrainGapNs:
      drain_gap_ns_ = value;
      return true;
    case regs::kRegCredit: {
      const auto doorbell = regs::CreditDoorbell::Unpack(value);
      if (doorbell.function >= options_.functions || doorbell.queue >= options_.queues)
        return false;
      GrantCredits(static_cast<int>(doorbell.function), static_cast<int>(doorbell.queue),
                   doorbell.count);
      return true;
    }
    case regs::kRegPonyPorts:
      pony_ports_ = regs::PortRange::Unpack(value);
      return true;
    case regs::kRegFilterValue:
      filter_value_ = regs::FilterValue::Unpack(value);
      return true;
    case regs::kRegFilterCommit:
      return CommitFilter(value);
    case regs::kRegFilterRead:
      return ReadFilter(value);
    case regs::kRegCounterSnapshot:
      if (value > kHighestOwner) return false;
      snapshot_owner_ = owners_.row(value).counters;
      snapshot_global_ = counters_;
      return true;
    default:
      return false;
  }
}

bool FunctionalCard::WriteOwnerRegister(uint32_t offset, uint32_t value) {
  const uint32_t owner = (offset - regs::kRegOwnerSwitch(0)) / kRowBytes;
  if (offset == regs::kRegOwnerQuota(owner)) return owners_.SetQuota(owner, value);
  if (offset == regs::kRegOwnerTxQuota(owner)) {
    pacer_.owner_account(owner).quota = value;
    return true;
  }
  if (offset != regs::kRegOwnerSwitch(owner)) return false;
  owners_.Switch(owner, value);
  return true;
}

bool FunctionalCard::WriteFunctionControl(uint32_t function, uint32_t value) {
  control_[function] = regs::FunctionControl::Unpack(value);
  if (control_[function].reset_credits) credits_[function].fill(0);
  control_[function].reset_credits = 0;
  return true;
}

bool FunctionalCard::CommitFilter(uint32_t value) {
  const auto command = regs::FilterCommand::Unpack(value);
  return filters_.Commit(static_cast<regs::FilterTable>(command.table), command.way, command.index,
                         {.key = filter_key_,
                          .owner = static_cast<uint8_t>(filter_value_.owner),
                          .valid = command.valid != 0});
}

bool FunctionalCard::ReadFilter(uint32_t value) {
  const auto command = regs::FilterCommand::Unpack(value);
  const auto entry =
      filters_.Read(static_cast<regs::FilterTable>(command.table), command.way, command.index);
  if (!entry) return false;
  filter_key_ = entry->key;
  filter_value_ = {.owner = entry->owner, .valid = entry->valid};
  return true;
}

}  // namespace farrier::model
