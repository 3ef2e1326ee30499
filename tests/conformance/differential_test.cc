// One random script to the model and to the RTL: frames, TX packets, CSR writes and time.
// Everything that comes out must be the same, in the same order per queue, and so must counters and
// rows.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "tests/conformance/random_frames.h"
#include "tests/conformance/recorder.h"

namespace farrier::conformance {
namespace {

using regs::OwnerState;

constexpr int kOperations = 1'500;
constexpr uint32_t kOwners = 4;
constexpr uint32_t kQueuesEach = 4;      // owner i has queues 4 i to 4 i + 3, on either function
constexpr uint32_t kEnough = 30'000;     // credits
constexpr uint32_t kLimitedClasses = 4;  // classes 1 to 4 have a rate
// Events of the script (which are multiples of 8 ns behind such a time) do not fall on the
// beginning of a slot: which of two things at one instant comes first is nobody's business.
constexpr int64_t kPhase = 3;

std::vector<uint32_t> Seeds() {
  if (const char* seed = std::getenv("FARRIER_SEED")) {
    return {static_cast<uint32_t>(std::strtoul(seed, nullptr, 0))};
  }
  return {1, 2, 3, 4, 5, 6, 7, 8};
}

class Differential : public testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override { NewCards(); }

  void NewCards() {
    cards_.clear();
    for (const Backend& backend : Backends()) cards_.push_back(std::make_unique<Recorder>(backend));
  }

  // What all cards can do.
  regs::Capabilities Common() {
    uint32_t common = ~0u;
    for (const auto& card : cards_) common &= card->card().ReadCsr(regs::kRegCapabilities);
    return regs::Capabilities::Unpack(common);
  }

  void Start(uint32_t seed) {
    NewCards();
    common_ = Common();
    frames_ = std::make_unique<RandomFrames>(seed);
    now_ns_ = 1'000'000'000 / 64 * 64 + kPhase;
    next_id_ = 1;
    class_of_.clear();
    Settle();
    for (uint32_t queue = 0; queue < regs::kMaxQueues; ++queue) {
      for (int function = 0; function < 2; ++function) Grant(function, queue, kEnough);
    }
    for (uint32_t owner = 0; owner < kOwners; ++owner) Switch(owner, OwnerState::kAttached);
    for (uint32_t owner = 0; owner < kOwners; ++owner) Write(regs::kRegOwnerTxQuota(owner), 12);
    for (uint32_t i = 0; i < 8; ++i) InstallSome();
  }

  uint32_t Below(uint32_t limit) { return frames_->Below(limit); }
  bool OneIn(uint32_t n) { return frames_->OneIn(n); }

  template <typename Do>
  void ForBoth(Do apply) {
    for (const auto& card : cards_) apply(card->card());
  }
  void Write(uint32_t offset, uint32_t value) {
    ForBoth([&](model::Card& card) { card.WriteCsr(offset, value); });
    Settle();
  }
  uint32_t Read(uint32_t offset) {
    const uint32_t value = cards_[0]->card().ReadCsr(offset);
    for (const auto& card : cards_) {
      EXPECT_EQ(card->card().ReadCsr(offset), value) << "register " << std::hex << offset;
    }
    return value;
  }
  void Grant(int function, uint32_t queue, uint32_t count) {
    ForBoth(
        [&](model::Card& card) { card.GrantCredits(function, static_cast<int>(queue), count); });
    Settle();
  }

  // Lets both cards do what there is to do at this time, and compares what comes out.
  void Settle() {
    for (const auto& card : cards_) ASSERT_TRUE(card->Settle(now_ns_)) << "a card goes on and on";
    const Output expected = Sorted(cards_[0]->Take());
    for (size_t i = 1; i < cards_.size(); ++i) Compare(expected, Sorted(cards_[i]->Take()));
  }

  // The wire, class by class: classes take turns, but who begins is nobody's business.
  Output Sorted(Output output) {
    std::ranges::stable_sort(output.wire, {}, [&](const Bytes& frame) {
      const auto found = class_of_.find(frame);
      return found == class_of_.end() ? 0 : found->second;
    });
    return output;
  }

  void Compare(const Output& expected, const Output& actual) {
    ASSERT_EQ(expected.wire.size(), actual.wire.size()) << "frames on the wire";
    for (size_t i = 0; i < expected.wire.size(); ++i) {
      ASSERT_EQ(expected.wire[i], actual.wire[i]) << "frame " << i << " on the wire";
    }
    std::set<std::tuple<int, int, int, int>> keys;
    for (const auto& [key, packets] : expected.host) keys.insert(key);
    for (const auto& [key, packets] : actual.host) keys.insert(key);
    for (const auto& key : keys) {
      const auto& [function, queue, owner, kind] = key;
      SCOPED_TRACE(testing::Message() << "function " << function << " queue " << queue << " owner "
                                      << owner << " kind " << kind);
      const auto packets = [&](const Output& output) {
        const auto found = output.host.find(key);
        return found == output.host.end() ? std::vector<Bytes>() : found->second;
      };
      ASSERT_EQ(packets(expected).size(), packets(actual).size());
      for (size_t i = 0; i < packets(expected).size(); ++i) {
        ASSERT_EQ(packets(expected)[i], packets(actual)[i]) << "packet " << i;
      }
    }
  }

  // Goes to a time from event to event, so that both cards see the same instants.
  void AdvanceTo(int64_t target_ns) {
    while (now_ns_ < target_ns && !HasFatalFailure()) {
      const int64_t next = cards_[0]->card().NextEvent();
      now_ns_ = next > now_ns_ ? std::min(next, target_ns) : target_ns;
      Settle();
    }
  }
  void Advance(int64_t ns) { AdvanceTo((now_ns_ + ns) / 8 * 8 + 8 + kPhase); }

  // Operations.
  void Switch(uint32_t owner, OwnerState state) {
    auto word = regs::SwitchWord::Unpack(Read(regs::kRegOwnerSwitch(owner)));
    word.state = static_cast<uint32_t>(state);
    word.function = Below(2);
    word.log2_queues = Below(3);
    word.queue_base = kQueuesEach * owner + Below(kQueuesEach + 1 - (1u << word.log2_queues));
    word.generation += OneIn(10);
    Write(regs::kRegOwnerSwitch(owner), word.Pack());
  }

  void SwitchSome() {
    constexpr OwnerState kStates[] = {
        OwnerState::kAttached, OwnerState::kAttached, OwnerState::kAttached, OwnerState::kHeld,
        OwnerState::kHeld,     OwnerState::kHeld,     OwnerState::kDrop,     OwnerState::kDetached};
    Switch(Below(kOwners), kStates[Below(8)]);
  }

  void SendFrames() {
    for (uint32_t n = 1 + Below(6); n > 0; --n) {
      const Bytes frame = frames_->Frame(next_id_++);
      ForBoth([&](model::Card& card) { ASSERT_TRUE(card.FromWire(frame)); });
    }
    Settle();
  }

  // Owners with plenty of credits alone ask for reports: who gets the last credit, a packet or a
  // report, is nobody's business.
  static bool Reports(uint32_t owner) { return owner % 2 == 0; }

  void Transmit() {
    const uint32_t owner = Below(kOwners);
    const uint32_t function = Below(2);
    const auto row = regs::SwitchWord::Unpack(Read(regs::kRegOwnerSwitch(owner)));
    TxWish wish = {.pacing_class = static_cast<uint8_t>(Below(kLimitedClasses + 2)),
                   .insert_checksum = common_.tx_checksum && OneIn(2),
                   .report_departure = Reports(owner) && OneIn(3)};
    if (OneIn(2)) {
      const int64_t departure = now_ns_ - 2'000 + Below(OneIn(4) ? 300'000 : 10'000);
      wish.departure = OneIn(30) ? ~uint64_t{0} : static_cast<uint64_t>(departure);
    }
    if (OneIn(40)) wish.pacing_class = static_cast<uint8_t>(Below(256));
    const Bytes frame = frames_->Frame(next_id_++);
    Bytes packet = frame;
    uint32_t number = Read(regs::kRegFunctionClass(function));
    if (!cards_[0]->raw[function]) {
      packet =
          TxPacket(static_cast<uint8_t>(owner), row.generation - OneIn(10), next_id_, frame, wish);
      if (OneIn(20)) packet[Below(64)] ^= static_cast<uint8_t>(1 + Below(255));
      number = wish.departure == 0 ? wish.pacing_class : 0;
    }
    // Frames whose checksums are filled in are other frames on the wire: those are of no class.
    if (number <= kLimitedClasses) {
      if (number != 0 && wish.insert_checksum && !cards_[0]->raw[function]) return;
      class_of_[frame] = number;
    }
    ForBoth([&](model::Card& card) {
      ASSERT_TRUE(card.FromHost(static_cast<int>(function), static_cast<int>(Below(1)), packet));
    });
    Settle();
  }

  // An exact filter for one of the frames that come.
  void InstallSome() {
    const FrameSpec spec = frames_->Spec(0);
    const bool flow = OneIn(2);
    std::array<uint32_t, regs::kFilterKeyWords> key = {
        uint32_t{flow ? spec.src_port : uint16_t{0}} << 16 | spec.dst_port,
        (spec.vlans.empty() ? 0u : spec.vlans[0].tci) << 8 | spec.protocol};
    if (spec.ipv6) {
      for (size_t i = 0; i < 4; ++i) {
        key[2 + i] = spec.dst6[i];
        key[6 + i] = flow ? spec.src6[i] : 0;
      }
    } else {
      key[2] = spec.dst4;
      key[3] = flow ? spec.src4 : 0;
    }
    const uint32_t table = 2 * spec.ipv6 + !flow;
    const uint32_t way = Below(regs::kFilterWays);
    uint32_t hash = 0;
    for (uint32_t bit = 0; bit < 16; ++bit) {
      int ones = 0;
      for (size_t word = 0; word < key.size(); ++word) {
        ones += std::popcount(key[word] & regs::kFilterHashMasks[way][bit][word]);
      }
      hash |= static_cast<uint32_t>(ones & 1) << bit;
    }
    for (uint32_t i = 0; i < key.size(); ++i) Write(regs::kRegFilterKey(i), key[i]);
    Write(regs::kRegFilterValue, Below(kOwners));
    Write(regs::kRegFilterCommit,
          regs::FilterCommand{.index = hash & (Read(regs::kRegFilterDepth(table)) - 1),
                              .way = way,
                              .table = table,
                              .valid = !OneIn(4)}
              .Pack());
  }

  // A rule for frames that resemble one of those that come in a few fields.
  void RuleSome() {
    const FrameSpec spec = frames_->Spec(0);
    const uint32_t values[regs::kRuleWords] = {
        0x00000002,
        0x02000200,
        0x00000001,
        (spec.ipv6 ? 0x86DDu : 0x0800u) |
            (spec.vlans.empty() ? 0 : 1u << 28 | uint32_t{spec.vlans[0].tci} << 16),
        spec.protocol | uint32_t{spec.traffic_class} >> 2 << 8 | Below(128) << 16,
        spec.ipv6 ? spec.dst6[0] : spec.dst4,
        0,
        0,
        spec.ipv6 ? spec.dst6[3] : 0,
        spec.ipv6 ? spec.src6[0] : spec.src4,
        0,
        0,
        spec.ipv6 ? spec.src6[3] : 0};
    constexpr uint32_t kFields[] = {~0u, ~0u, ~0u, 0x1FFFFFFF, 0x7F3FFF, ~0u, ~0u,
                                    ~0u, ~0u, ~0u, ~0u,        ~0u,      ~0u};
    for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
      uint32_t mask = OneIn(5) ? kFields[i] : 0;
      if (OneIn(2)) mask &= 1u << Below(32);
      Write(regs::kRegRuleValue(i), values[i]);
      Write(regs::kRegRuleMask(i), mask);
    }
    const auto range = [&](uint32_t base) {
      if (OneIn(2)) return regs::PortRange{.low = 0, .high = 65'535}.Pack();
      return regs::PortRange{.low = base, .high = base + Below(8)}.Pack();
    };
    Write(regs::kRegRuleSrcPorts, range(5'000 + Below(40)));
    Write(regs::kRegRuleDstPorts, range(7'000 + Below(8)));
    Write(regs::kRegRuleAction, regs::RuleAction{.owner = Below(kOwners + 1),
                                                 .has_owner = Below(2),
                                                 .drop = OneIn(6),
                                                 .pacing_class = Below(64)}
                                    .Pack());
    const uint32_t index = Below(16);
    Write(regs::kRegRuleCommit, regs::RuleCommand{.index = index, .valid = !OneIn(3)}.Pack());
  }

  void ReadRule() {
    Write(regs::kRegRuleRead, Below(16));
    if (Read(regs::kRegRuleState) == 0) return;
    for (uint32_t i = 0; i < regs::kRuleWords; ++i) {
      Read(regs::kRegRuleValue(i));
      Read(regs::kRegRuleMask(i));
    }
    for (const uint32_t offset :
         {regs::kRegRuleSrcPorts, regs::kRegRuleDstPorts, regs::kRegRuleAction,
          regs::kRegRuleHitsLo, regs::kRegRuleHitsHi}) {
      Read(offset);
    }
  }

  void GuardSome() {
    const uint32_t kind = Below(4);
    const uint32_t values[4][4] = {{0, 0, 0, 0},
                                   {0x0200, 0x00000001, 0, 0},
                                   {0x0A000001u + Below(4), 0, 0, 0},
                                   {0xFD000000, 0, 0, 1 + Below(4)}};
    for (uint32_t i = 0; i < 4; ++i) Write(regs::kRegGuardValue(i), values[kind][i]);
    Write(regs::kRegGuardCommit,
          regs::GuardCommand{.index = Below(9), .function = Below(2), .kind = kind}.Pack());
  }

  void SetFunction() {
    const uint32_t function = Below(2);
    const bool raw = function == 1 && OneIn(3);
    Write(regs::kRegFunctionControl(function),
          regs::FunctionControl{.enable = !OneIn(8),
                                .raw = raw,
                                .reset_credits = OneIn(12),
                                .guard = common_.tx_guard && OneIn(3)}
              .Pack());
    for (const auto& card : cards_) card->raw[function] = raw;
    for (uint32_t queue = 0; queue < regs::kMaxQueues; ++queue) {
      Grant(static_cast<int>(function), queue, Reports(queue / kQueuesEach) ? kEnough : Below(20));
    }
  }

  void SetSomething() {
    switch (Below(12)) {
      case 0:
        return Write(regs::kRegDefaultOwner, Below(kOwners));
      case 1:
        return Write(regs::kRegDrainGapNs, 8 * Below(200));
      case 2:
        return Write(regs::kRegWatchdogUs, OneIn(2) ? 0 : 50 + Below(1'000));
      case 3:
        return Write(regs::kRegOwnerQuota(Below(kOwners)), Below(80));
      case 4:
        return Write(regs::kRegOwnerTxQuota(Below(kOwners)), OneIn(2) ? Below(8) : 200);
      case 5:
        return Write(regs::kRegFunctionTxQuota(Below(2)), OneIn(3) ? Below(20) : 200);
      case 6:
        return Write(regs::kRegFunctionClass(Below(2)), Below(kLimitedClasses + 1));
      case 7: {
        const uint32_t number = 1 + Below(kLimitedClasses);
        Write(regs::kRegClassBurst(number), Below(20'000));
        return Write(regs::kRegClassCost(number), Below(1 << 18));
      }
      case 8:
        return Write(regs::kRegHeartbeatUs(Below(2)), OneIn(2) ? 0 : 20 + Below(500));
      case 9:
        return Write(regs::kRegPonyPorts,
                     regs::PortRange{.low = 7'000 + Below(8), .high = 7'000 + Below(8)}.Pack());
      case 10:
        if (OneIn(2)) Write(regs::kRegRssKey(Below(regs::kRssKeyWords)), next_id_ * 2654435761u);
        return Write(regs::kRegRssTable(Below(regs::kRssEntries / 8)), next_id_ * 2654435761u);
      default:
        return Write(regs::kRegRssCommit, 0);
    }
  }

  // Everything that software can see.
  void CompareState() {
    for (uint32_t owner = 0; owner < kOwners + 2; ++owner) {
      SCOPED_TRACE(testing::Message() << "owner " << owner);
      Write(regs::kRegCounterSnapshot, owner);
      for (uint32_t i = 0; i < regs::kOwnerCounters; ++i) {
        const uint32_t value = cards_[0]->card().ReadCsr(regs::kRegOwnerCounter(i));
        for (const auto& card : cards_) {
          EXPECT_EQ(card->card().ReadCsr(regs::kRegOwnerCounter(i)), value)
              << regs::kOwnerCounterNames[i];
        }
      }
      for (const uint32_t offset :
           {regs::kRegOwnerSwitch(owner), regs::kRegOwnerQuota(owner), regs::kRegOwnerCut(owner),
            regs::kRegOwnerRxNext(owner), regs::kRegOwnerTxSeen(owner),
            regs::kRegOwnerStatus(owner), regs::kRegOwnerParked(owner),
            regs::kRegOwnerRefused(owner), regs::kRegOwnerTxQuota(owner),
            regs::kRegOwnerTxTaken(owner), regs::kRegOwnerTxReleased(owner)}) {
        Read(offset);
      }
    }
    for (uint32_t i = 0; i < regs::kGlobalCounters; ++i) {
      const uint32_t value = cards_[0]->card().ReadCsr(regs::kRegGlobalCounter(i));
      for (const auto& card : cards_) {
        EXPECT_EQ(card->card().ReadCsr(regs::kRegGlobalCounter(i)), value)
            << regs::kGlobalCounterNames[i];
      }
    }
  }

  void Play(uint32_t seed) {
    Start(seed);
    for (int i = 0; i < kOperations && !HasFailure(); ++i) {
      SCOPED_TRACE(testing::Message() << "operation " << i);
      switch (Below(16)) {
        case 0:
          SwitchSome();
          break;
        case 1:
          InstallSome();
          break;
        case 2:
          OneIn(3) ? ReadRule() : RuleSome();
          break;
        case 3:
          OneIn(4) || !common_.tx_guard ? SetFunction() : GuardSome();
          break;
        case 4:
        case 5:
          SetSomething();
          break;
        case 6:
          Write(regs::kRegHeartbeat(Below(2)), 0);
          break;
        case 7: {
          const uint32_t queue = Below(regs::kMaxQueues);
          Grant(static_cast<int>(Below(2)), queue,
                Reports(queue / kQueuesEach) ? kEnough : Below(10));
          break;
        }
        case 8:
        case 9:
          Advance(OneIn(10) ? Below(2'000'000) : Below(3'000));
          break;
        case 10:
        case 11:
        case 12:
          Transmit();
          break;
        default:
          SendFrames();
      }
      if (i % 100 == 99 && !HasFailure()) CompareState();
    }
    if (HasFailure()) return;
    Advance(400'000);
    CompareState();
    // Not every script drops for every reason, but those that always run do.
    if (std::getenv("FARRIER_SEED") != nullptr) return;
    cards_[0]->card().WriteCsr(regs::kRegCounterSnapshot, 0);
    for (const auto which : {regs::GlobalCounter::kRxRuleDrop, regs::GlobalCounter::kRxBadHeader,
                             regs::GlobalCounter::kTxPackets, regs::GlobalCounter::kTxGuard,
                             regs::GlobalCounter::kTxFull, regs::GlobalCounter::kTxBadPrefix}) {
      const auto i = static_cast<uint32_t>(which);
      if (which == regs::GlobalCounter::kTxGuard && !common_.tx_guard) continue;
      EXPECT_GT(cards_[0]->card().ReadCsr(regs::kRegGlobalCounter(i)), 0u)
          << regs::kGlobalCounterNames[i] << ": the script exercised nothing of it";
    }
  }

  std::vector<std::unique_ptr<Recorder>> cards_;
  std::unique_ptr<RandomFrames> frames_;
  std::map<Bytes, uint32_t> class_of_;  // of frames that were sent with one that may have a rate
  regs::Capabilities common_;
  int64_t now_ns_ = 0;
  uint32_t next_id_ = 1;
};

TEST_P(Differential, ModelAndRtlDoTheSame) {
  SCOPED_TRACE("replay with FARRIER_SEED=" + std::to_string(GetParam()));
  Play(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Seeds, Differential, testing::ValuesIn(Seeds()));

}  // namespace
}  // namespace farrier::conformance
