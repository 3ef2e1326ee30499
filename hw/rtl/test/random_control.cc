#include "hw/rtl/test/random_control.h"

#include <algorithm>

namespace farrier::rtl {
namespace {

using model::FilterKey;
using regs::OwnerState;
using regs::SwitchWord;

constexpr uint8_t kUdp = 17;
constexpr uint32_t kPlenty = 30'000;                    // credits
constexpr uint32_t kGuardMac[] = {0x0200, 0x00000001};  // as conformance's frames have it
constexpr uint32_t kFirstSource = 0x0A000001;

}  // namespace

void RandomControl::Prepare() {
  log2_queues_ = Below(2);
  for (uint32_t owner = 0; owner < kOwners; ++owner) {
    if (owner > 0) {
      Install(regs::FilterTable::kV4Listen, {kFirstPort + owner, kUdp, kIp}, owner, true);
    }
    cards_.Write(regs::kRegOwnerQuota(owner), 4 + 16 * owner);
    for (int function = 0; function < CardBench::kFunctions; ++function) {
      for (uint32_t q = 0; q < 2; ++q) {
        cards_.Grant(function, static_cast<int>(QueueOf(owner) + q), 200);
      }
    }
    Attach(owner);
  }
  for (uint32_t f = 0; f < CardBench::kFunctions; ++f) {
    cards_.Write(regs::kRegFunctionTxQuota(f), 4'096);
    function_class_[f] = f;
    cards_.Write(regs::kRegFunctionClass(f), f);
  }
  GrantReporters();
}

void RandomControl::Something() {
  switch (Below(24)) {
    case 0:
    case 1:
      InstallSome();
      break;
    case 2:
      RuleSome(random_.Chance(20) ? 60 + Below(20) : Below(8));
      break;
    case 3:
      RssSome();
      break;
    case 4:
    case 5:
      GuardSome();
      break;
    case 6:
    case 7:
      PaceSome();
      break;
    case 8:
      FunctionSome();
      break;
    case 9:
    case 10:
      BeatSome();
      break;
    case 11:
    case 12:
      CreditSome();
      break;
    case 13:
    case 14:
      SettingSome();
      break;
    default:
      SwitchSome();
  }
  const auto queue = Below(2 * kOwners);
  if (!Reports(queue / 2)) {
    cards_.Grant(static_cast<int>(Below(2)), static_cast<int>(queue), Below(60));
  }
  cards_.Settle();
}

void RandomControl::Switch(uint32_t owner, OwnerState state, bool good) {
  const auto row = SwitchWord::Unpack(cards_.Read(regs::kRegOwnerSwitch(owner)));
  SwitchWord word{.state = static_cast<uint32_t>(state),
                  .function = Below(CardBench::kFunctions),
                  .queue_base = QueueOf(owner),
                  .log2_queues = log2_queues_,
                  .generation = row.generation};
  if (!good) {
    switch (Below(4)) {
      case 0:
        word.function = CardBench::kFunctions + Below(2);
        break;
      case 1:
        word.log2_queues = 5 + Below(3);
        break;
      case 2:
        word.queue_base = 15;
        word.log2_queues = 1;
        break;
      default:
        word.generation += 1 + Below(3);
    }
  }
  cards_.Write(regs::kRegOwnerSwitch(owner), word.Pack());
  const auto now = SwitchWord::Unpack(cards_.Read(regs::kRegOwnerSwitch(owner)));
  if (now.generation != generation_[owner]) tx_sequence_[owner] = 0;
  generation_[owner] = now.generation;
}

void RandomControl::Attach(uint32_t owner) { Switch(owner, OwnerState::kAttached, true); }

void RandomControl::SwitchSome() {
  constexpr OwnerState kStates[] = {
      OwnerState::kHeld,     OwnerState::kHeld,     OwnerState::kHeld,
      OwnerState::kAttached, OwnerState::kAttached, OwnerState::kAttached,
      OwnerState::kAttached, OwnerState::kDrop,     OwnerState::kDetached};
  Switch(Below(kOwners), kStates[Below(std::size(kStates))], !random_.Chance(12));
}

void RandomControl::Install(regs::FilterTable which, const Key& key, uint32_t owner, bool valid) {
  for (uint32_t i = 0; i < regs::kFilterKeyWords; ++i) cards_.Write(regs::kRegFilterKey(i), key[i]);
  cards_.Write(regs::kRegFilterValue, regs::FilterValue{.owner = owner}.Pack());
  const auto table = static_cast<uint32_t>(which);
  const auto way = Below(regs::kFilterWays);
  const uint32_t depth = cards_.Read(regs::kRegFilterDepth(table));
  FilterKey hashed{};
  std::ranges::copy(key, hashed.begin());
  const auto hash = static_cast<uint32_t>(
      model::HashKeyWords(hashed, 0, regs::kFilterKeyWords) >> 16 * way & 0xFFFF);
  regs::FilterCommand place{
      .index = hash & (depth - 1), .way = way, .table = table, .valid = valid};
  if (random_.Chance(2)) place.index = depth + Below(100);  // beyond
  cards_.Write(regs::kRegFilterCommit, place.Pack());
  cards_.Write(regs::kRegFilterRead, place.Pack());
  // Only that counts of a place with no entry.
  const uint32_t is_valid = regs::FilterValue{.valid = 1}.Pack();
  if ((cards_.Read(regs::kRegFilterValue, is_valid) & is_valid) == 0) return;
  cards_.Read(regs::kRegFilterValue);
  for (uint32_t i = 0; i < 4; ++i) cards_.Read(regs::kRegFilterKey(i));
}

// For one of the frames that come, FLOW or LISTEN.
void RandomControl::InstallSome() {
  const bool ipv6 = random_.Chance(40);
  const bool flow = random_.Chance(60);
  const uint32_t protocol = random_.Chance(60) ? kUdp : 6;
  const uint32_t vlan = random_.Chance(20) ? Below(4) : 0;
  const uint32_t src_port = flow ? 5'000 + Below(40) : 0;
  Key key = {src_port << 16 | (kFirstPort + Below(8)), vlan << 8 | protocol};
  if (ipv6) {
    constexpr uint32_t kNetwork = 0xFD000000;
    key[2] = kNetwork;
    key[5] = 2;
    if (flow) key[6] = kNetwork, key[9] = 1 + Below(4);
  } else {
    key[2] = kIp + Below(2);
    if (flow) key[3] = kFirstSource + Below(4);
  }
  Install(static_cast<regs::FilterTable>(2 * ipv6 + !flow), key, Below(kOwners),
          random_.Chance(75));
}

// A rule for frames that have a few fields in common with those that come.
void RandomControl::RuleSome(uint32_t index) {
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
    uint32_t value = random_.Chance(50) ? 0 : static_cast<uint32_t>(random_.Next());
    if (i == 3) value = (random_.Chance(50) ? 0x0800u : 0x86DDu) | Below(2) << 28 | Below(4) << 16;
    if (i == 4) value = (random_.Chance(60) ? kUdp : 6u) | Below(128) << 16;
    if (i == 5 || i == 9) value = kFirstSource + Below(4);
    cards_.Write(regs::kRegRuleValue(i), value);
    cards_.Write(regs::kRegRuleMask(i), random_.Chance(25) ? 1u << Below(32) : 0);
  }
  const auto ports = [&](uint32_t first) {
    return random_.Chance(60) ? regs::PortRange{.low = 0, .high = 65'535}.Pack()
                              : regs::PortRange{.low = first, .high = first + Below(9)}.Pack();
  };
  cards_.Write(regs::kRegRuleSrcPorts, ports(5'000 + Below(40)));
  cards_.Write(regs::kRegRuleDstPorts, ports(kFirstPort + Below(8)));
  cards_.Write(regs::kRegRuleAction, regs::RuleAction{.owner = Below(kOwners),
                                                      .has_owner = random_.Chance(60),
                                                      .drop = random_.Chance(15),
                                                      .pacing_class = Below(64)}
                                         .Pack());
  cards_.Write(regs::kRegRuleCommit,
               regs::RuleCommand{.index = index, .valid = random_.Chance(60)}.Pack());
  cards_.Write(regs::kRegRuleRead, index);
  if (cards_.Read(regs::kRegRuleState) == 0 || index >= regs::kRules) return;
  for (uint32_t i = 0; i < regs::kRuleWords; ++i) cards_.Read(regs::kRegRuleMask(i));
  cards_.Read(regs::kRegRuleHitsLo);
}

void RandomControl::RssSome() {
  if (random_.Chance(50)) {
    cards_.Write(regs::kRegRssKey(Below(regs::kRssKeyWords)),
                 static_cast<uint32_t>(random_.Next()));
  }
  for (int i = 0; i < 4; ++i) {
    cards_.Write(regs::kRegRssTable(Below(regs::kRssEntries / 8)),
                 static_cast<uint32_t>(random_.Next()));
  }
  cards_.Read(regs::kRegRssKey(Below(regs::kRssKeyWords)));
  if (random_.Chance(60)) cards_.Write(regs::kRegRssCommit, 0);
  cards_.Read(regs::kRegRssTable(Below(regs::kRssEntries / 8)));
}

void RandomControl::GuardSome() {
  const auto kind = static_cast<uint32_t>(1 + Below(3));
  std::array<uint32_t, 4> value = {kGuardMac[0], kGuardMac[1], 0, 0};
  if (kind == static_cast<uint32_t>(regs::GuardKind::kIpv4)) value = {kFirstSource + Below(4)};
  if (kind == static_cast<uint32_t>(regs::GuardKind::kIpv6))
    value = {0xFD000000, 0, 0, 1 + Below(4)};
  for (uint32_t i = 0; i < value.size(); ++i) cards_.Write(regs::kRegGuardValue(i), value[i]);
  regs::GuardCommand place{
      .index = Below(7), .function = Below(2), .kind = random_.Chance(85) ? kind : 0};
  if (random_.Chance(5)) place.index = regs::kGuardEntries + Below(9);
  if (random_.Chance(5)) place.function = 2 + Below(2);
  cards_.Write(regs::kRegGuardCommit, place.Pack());
  cards_.Write(regs::kRegGuardRead, place.Pack());
  cards_.Read(regs::kRegGuardKind);
  cards_.Read(regs::kRegGuardValue(Below(4)));
}

uint8_t RandomControl::SomeClassOf(int function) {
  return static_cast<uint8_t>(2 * Below(kClasses / 2) + static_cast<uint32_t>(function));
}

void RandomControl::PaceSome() {
  const uint32_t number = Below(kClasses);
  cards_.Write(regs::kRegClassBurst(number), random_.Chance(50) ? 0 : Below(20'000));
  const uint32_t cost = random_.Chance(30) ? 0 : Below(1 << (random_.Chance(50) ? 18 : 20));
  cards_.Write(regs::kRegClassCost(number), cost);
  cards_.Read(regs::kRegClassCost(number));
  limited_[number] = cost != 0;
  const uint32_t function = Below(CardBench::kFunctions);
  function_class_[function] = SomeClassOf(static_cast<int>(function));
  cards_.Write(regs::kRegFunctionClass(function), function_class_[function]);
  if (random_.Chance(50)) {
    cards_.Write(regs::kRegFunctionTxQuota(function), random_.Chance(20) ? 0 : 4'096);
  }
  const uint32_t owner = Below(kOwners);
  if (random_.Chance(50) && !Reports(owner)) {
    few_cells_[owner] = random_.Chance(50);
    cards_.Write(regs::kRegOwnerTxQuota(owner), few_cells_[owner] ? Below(30) : 1'024);
  }
}

void RandomControl::FunctionSome() {
  const uint32_t function = Below(CardBench::kFunctions);
  regs::FunctionControl control{.enable = random_.Chance(90), .raw = random_.Chance(25)};
  control.reset_credits = random_.Chance(20);
  control.guard = random_.Chance(30);
  cards_.SetFunction(function, control);
  GrantReporters();
}

void RandomControl::BeatSome() {
  const uint32_t function = Below(random_.Chance(90) ? 2 : 4);
  const bool both = random_.Chance(20);
  const uint32_t limit = random_.Chance(40) ? 0 : 10 + Below(40);
  for (uint32_t f = 0; f < regs::kMaxFunctions; ++f) {
    if (f != function && !(both && f < 2)) continue;
    if (both || random_.Chance(40)) cards_.Write(regs::kRegHeartbeatUs(f), limit);
    cards_.Read(regs::kRegHeartbeatUs(f));
    cards_.Write(regs::kRegHeartbeat(f), 0);
  }
  timed_ = true;
}

void RandomControl::CreditSome() {
  const uint32_t queue = Below(2 * kOwners);
  if (Reports(queue / 2)) return;
  const regs::CreditDoorbell doorbell{.count = random_.Chance(5) ? 65'535 : Below(50),
                                      .queue = queue,
                                      .function = Below(random_.Chance(90) ? 2 : 4)};
  cards_.Write(regs::kRegCredit, doorbell.Pack());
}

void RandomControl::SettingSome() {
  const uint32_t owner = Below(kOwners);
  switch (Below(7)) {
    case 0:
      return cards_.Write(regs::kRegOwnerQuota(owner), Below(200));
    case 1:
      return cards_.Write(regs::kRegDrainGapNs, Below(3) * 496);
    case 2:
      timed_ = true;
      return cards_.Write(regs::kRegWatchdogUs, random_.Chance(50) ? 0 : 20 + Below(60));
    case 3:
      return cards_.Write(
          regs::kRegPonyPorts,
          regs::PortRange{.low = kFirstPort + Below(8), .high = kFirstPort + Below(8)}.Pack());
    case 4: {
      const auto lease = SwitchWord::Unpack(cards_.Read(regs::kRegLease));
      const SwitchWord word{.state = Below(3),
                            .function = Below(2),
                            .generation = lease.generation + random_.Chance(30)};
      cards_.Write(regs::kRegLease, word.Pack());
      cards_.Read(regs::kRegLease);
      return;
    }
    case 5:
      return cards_.Write(regs::kRegEpoch, static_cast<uint32_t>(random_.Next()));
    default:
      return cards_.Write(regs::kRegDefaultOwner, random_.Chance(70) ? 0 : owner);
  }
}

void RandomControl::GrantReporters() {
  for (uint32_t owner = 0; owner < kOwners; ++owner) {
    for (uint32_t q = 0; Reports(owner) && q < 2; ++q) {
      for (int f = 0; f < CardBench::kFunctions; ++f) {
        cards_.Grant(f, static_cast<int>(QueueOf(owner) + q), kPlenty);
      }
    }
  }
  cards_.Settle();
}

void RandomControl::ReadBeside() {
  static constexpr uint32_t kHole = 0x0FFC;
  const uint32_t offsets[] = {regs::kRegMagic,
                              regs::kRegRuleCommit,
                              regs::kRegRssCommit,
                              regs::kRegHeartbeat(0),
                              regs::kRegGuardCommit,
                              regs::kRegQueues,
                              regs::kRegMtu,
                              regs::kRegMacLo,
                              regs::kRegLease,
                              regs::kRegDefaultOwner,
                              regs::kRegFunctionControl(0),
                              regs::kRegOwnerSwitch(Below(kOwners)),
                              regs::kRegOwnerTxQuota(Below(kOwners)),
                              regs::kRegClassBurst(Below(kClasses)),
                              regs::kRegFunctionTxQuota(Below(2)),
                              regs::kRegHeartbeatUs(Below(2)),
                              regs::kRegRssTable(Below(64)),
                              kHole,
                              regs::kRegCredit,        // write only
                              regs::kWindowBytes + 4,  // beyond
                              regs::kRegMagic + 2};    // unaligned
  cards_.ReadBeside(offsets[Below(std::size(offsets))]);
}

void RandomControl::WriteBeside() {
  const auto value = static_cast<uint32_t>(random_.Next());
  switch (Below(10)) {
    case 0: {
      const regs::FilterCommand place{
          .index = Below(512), .way = Below(regs::kFilterWays), .table = Below(4)};
      return cards_.WriteBeside(regs::kRegFilterRead, place.Pack());
    }
    case 1:  // a rule that nothing matches
      cards_.WriteBeside(regs::kRegRuleSrcPorts, regs::PortRange{.low = 2, .high = 1}.Pack());
      return cards_.WriteBeside(regs::kRegRuleCommit,
                                regs::RuleCommand{.index = 40, .valid = 1}.Pack());
    case 2:
      return cards_.WriteBeside(regs::kRegRuleMask(Below(regs::kRuleWords)), value);
    case 3:
      return cards_.WriteBeside(regs::kRegRssKey(Below(regs::kRssKeyWords)), value);
    case 4: {  // an entry of the guard's that stays empty
      const regs::GuardCommand place{.index = regs::kGuardEntries - 1, .function = Below(2)};
      return cards_.WriteBeside(random_.Chance(50) ? regs::kRegGuardCommit : regs::kRegGuardRead,
                                place.Pack());
    }
    default: {
      static constexpr uint32_t kOffsets[] = {
          regs::kRegScratch,      regs::kRegMagic,       0x0FFC,
          regs::kRegScratch + 1,  regs::kRegOwnerCut(3), regs::kWindowBytes + 4,
          regs::kRegGuardKind,    regs::kRegRuleState,   regs::kRegOwnerTxTaken(0),
          regs::kRegRssCommit + 4};
      cards_.WriteBeside(kOffsets[Below(std::size(kOffsets))], value);
    }
  }
}

void RandomControl::MakeArp(std::span<uint8_t> frame) {
  static constexpr uint8_t kArp[] = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1};
  if (frame.size() < 60) return;
  std::ranges::copy(kArp, frame.begin() + 12);
  const uint32_t ip = random_.Chance(30) ? 0 : kFirstSource + Below(4);
  for (size_t i = 0; i < 4; ++i) frame[28 + i] = static_cast<uint8_t>(ip >> (24 - 8 * i));
  if (random_.Chance(20)) frame[27] ^= 1;
  if (random_.Chance(20)) frame[19] ^= 1;
}

}  // namespace farrier::rtl
