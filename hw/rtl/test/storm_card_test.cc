// Rows, filters and credits change under the card while packets go through it at the rate of the
// wire, as they come. Nobody can say which packet meets which word, so this looks at what must hold
// whatever comes first: order, no packet twice, none behind its MARK, one row for each generation,
// and sums that add up.

#include <array>
#include <map>
#include <set>

#include "hw/model/filter_table.h"
#include "hw/regs/registers.h"
#include "hw/rtl/test/card_bench.h"
#include "tests/conformance/frames.h"

namespace farrier::rtl {
namespace {

using conformance::RxPacket;
using regs::OwnerState;
using regs::SwitchWord;

constexpr uint32_t kOwners = 6;        // 0 is the default owner: of what has no filter
constexpr uint16_t kFirstPort = 7000;  // owner i > 0 listens on kFirstPort + i
constexpr uint32_t kIp = 0x0A000002;
constexpr int kCycles = 15'000;
constexpr size_t kBacklog = 4;  // frames ahead of the wire
constexpr uint32_t kIdStride = 8;

class StormTest : public testing::TestWithParam<uint32_t> {
 protected:
  StormTest() : random_(GetParam()), card_(GetParam(), 0x02FA221E2001) {
    card_.set_time(1'000'000'003);
  }

  uint32_t Below(uint64_t end) { return static_cast<uint32_t>(random_.Below(end)); }

  void Write(uint32_t offset, uint32_t value) { card_.csr().Write(offset, value); }
  uint32_t ReadNow(uint32_t offset) {
    uint32_t value = 0;
    card_.csr().Read(offset, [&](uint32_t read) { value = read; });
    EXPECT_TRUE(card_.Settle());
    return value;
  }

  // The entry of an owner's filter in one of its ways.
  void Filter(uint32_t owner, uint32_t way, bool valid) {
    model::FilterKey key{};
    key[0] = kFirstPort + owner;
    key[1] = 17;
    key[2] = kIp;
    for (uint32_t i = 0; i < regs::kFilterKeyWords; ++i) Write(regs::kRegFilterKey(i), key[i]);
    Write(regs::kRegFilterValue, regs::FilterValue{.owner = owner}.Pack());
    const auto table = static_cast<uint32_t>(regs::FilterTable::kV4Listen);
    const auto hash = static_cast<uint32_t>(
        model::HashKeyWords(key, 0, regs::kFilterKeyWords) >> 16 * way & 0xFFFF);
    Write(regs::kRegFilterCommit,
          regs::FilterCommand{
              .index = hash & (depth_ - 1), .way = way, .table = table, .valid = valid}
              .Pack());
  }

  // Insert before delete: a moving entry never misses.
  void MoveFilter(uint32_t owner) {
    const uint32_t way = (way_[owner] + 1 + Below(3)) % regs::kFilterWays;
    Filter(owner, way, true);
    Filter(owner, way_[owner], false);
    way_[owner] = way;
  }

  // Queue 2 i is owner i's, on either function.
  void Switch(uint32_t owner, OwnerState state, bool stale) {
    SwitchWord word = rows_[owner];
    word.state = static_cast<uint32_t>(state);
    word.queue_base = 2 * owner;
    word.log2_queues = 0;
    word.generation += stale;
    // HELD names the queues that its MARKs go to: those of before.
    if (state != OwnerState::kHeld) word.function = Below(CardBench::kFunctions);
    refused_[owner] += stale;
    Write(regs::kRegOwnerSwitch(owner), word.Pack());
  }
  void SwitchSome() {
    const uint32_t owner = Below(kOwners);
    constexpr OwnerState kStates[] = {OwnerState::kAttached, OwnerState::kAttached,
                                      OwnerState::kHeld, OwnerState::kHeld, OwnerState::kDrop};
    Switch(owner, kStates[Below(std::size(kStates))], random_.Chance(10));
    busy_ = true;
    // Writes and reads are not in order with each other; so only when the write is done.
    then_read_ = owner;
  }
  void ReadRow(uint32_t owner) {
    card_.csr().Read(regs::kRegOwnerSwitch(owner), [this, owner](uint32_t value) {
      const auto row = SwitchWord::Unpack(value);
      const bool attached = row.state == static_cast<uint32_t>(OwnerState::kAttached);
      if (attached) function_of_[{owner, row.generation}] = row.function;
      switches_ += value != rows_[owner].Pack();
      rows_[owner] = row;
    });
  }

  void ReceiveSome() {
    if (!card_.wire().empty()) return;
    for (size_t i = 0; i < kBacklog; ++i) {
      const uint32_t owner = Below(kOwners);
      const size_t length = random_.Chance(70) ? 60 + Below(70) : 60 + Below(1'500);
      auto& sent = sent_[owner];
      const auto id = static_cast<uint32_t>(sent.size()) * kIdStride + owner;
      sent.push_back(conformance::MakeFrame({.dst4 = kIp,
                                             .dst_port = static_cast<uint16_t>(kFirstPort + owner),
                                             .length = length,
                                             .id = id}));
      card_.wire().Push(sent.back());
      ++frames_;
    }
  }

  // An owner sends on one function, as the row that was read last.
  void TransmitSome() {
    const uint32_t owner = Below(kOwners);
    const uint32_t function = owner % CardBench::kFunctions;
    if (!card_.host(static_cast<int>(function)).empty()) return;
    auto& sent = transmitted_[function];
    const auto id = static_cast<uint32_t>(sent.size()) * kIdStride + function;
    sent.push_back(conformance::MakeFrame({.length = 60 + Below(200), .id = id}));
    card_.host(static_cast<int>(function))
        .Push(conformance::TxPacket(static_cast<uint8_t>(owner), rows_[owner].generation, ++tx_,
                                    sent.back(), {.insert_checksum = random_.Chance(20)}));
  }

  void LookAtWire() {
    for (const Bytes& frame : card_.TakeWire()) {
      const uint32_t id = conformance::FrameId(frame);
      const uint32_t function = id % kIdStride;
      ASSERT_LT(function, CardBench::kFunctions);
      const size_t number = id / kIdStride;
      ASSERT_LT(number, transmitted_[function].size());
      EXPECT_EQ(frame, transmitted_[function][number]);
      EXPECT_GE(number, tx_next_[function]) << "out of order, or twice";
      tx_next_[function] = number + 1;
      ++on_wire_;
    }
  }

  void GrantSome() {
    card_.Grant(static_cast<int>(Below(2)), static_cast<int>(2 * Below(kOwners)), Below(40));
  }

  // What came out.
  void Look() {
    LookAtWire();
    for (const auto& packet : card_.TakeHost()) {
      See({packet.function, packet.queue, packet.bytes});
    }
  }

  void See(const RxPacket& packet) {
    const uint32_t owner = packet.owner();
    ASSERT_LT(owner, kOwners);
    Seen& seen = seen_[owner];
    EXPECT_EQ(packet.queue, static_cast<int>(2 * owner));
    EXPECT_GE(packet.generation(), seen.generation) << "back to an older row";
    seen.generation = packet.generation();
    if (packet.is_mark()) {
      EXPECT_GE(packet.sequence(), seen.next) << "what was delivered is behind the cut";
      seen.marked = packet.generation();
      ++marks_;
      return;
    }
    EXPECT_NE(packet.generation(), seen.marked) << "a packet behind its MARK";
    EXPECT_GE(packet.sequence(), seen.next) << "a sequence number again";
    seen.next = packet.sequence() + 1;
    where_.insert({owner, packet.generation(), static_cast<uint32_t>(packet.function)});
    held_ += packet.was_held();
    ++seen.packets;

    const Bytes frame = packet.frame();
    const uint32_t id = conformance::FrameId(frame);
    EXPECT_EQ(id % kIdStride, owner) << "for another owner: a filter missed";
    const size_t number = id / kIdStride;
    ASSERT_LT(number, sent_[owner].size());
    EXPECT_EQ(frame, sent_[owner][number]);
    EXPECT_GE(number, seen.number) << "out of order, or twice";
    seen.number = number + 1;
  }

  uint64_t Counter(regs::OwnerCounter which) {
    return ReadNow(regs::kRegOwnerCounter(static_cast<uint32_t>(which)));
  }

  struct Seen {
    uint32_t generation = 0;
    uint32_t marked = ~0u;  // generation
    uint32_t next = 0;      // sequence number
    size_t number = 0;      // of the next frame
    uint64_t packets = 0;
  };

  Random random_;
  CardBench card_;
  uint32_t depth_ = 1;
  std::array<SwitchWord, kOwners> rows_{};
  std::array<uint32_t, kOwners> way_{};
  std::array<uint32_t, kOwners> refused_{};
  std::array<std::vector<Bytes>, kOwners> sent_;
  std::array<Seen, kOwners> seen_{};
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> function_of_;  // owner, generation
  std::set<std::tuple<uint32_t, uint32_t, uint32_t>> where_;       // owner, generation, function
  std::array<std::vector<Bytes>, CardBench::kFunctions> transmitted_;
  std::array<size_t, CardBench::kFunctions> tx_next_{};
  uint32_t tx_ = 0;
  uint64_t on_wire_ = 0;
  uint64_t frames_ = 0;
  uint64_t held_ = 0;
  int marks_ = 0;
  int switches_ = 0;
  bool busy_ = false;
  uint32_t then_read_ = 0;
};

TEST_P(StormTest, KeepsOrderAndCountsUnderSwitches) {
  Write(regs::kRegWatchdogUs, 0);
  depth_ = ReadNow(regs::kRegFilterDepth(static_cast<uint32_t>(regs::FilterTable::kV4Listen)));
  for (uint32_t owner = 0; owner < kOwners; ++owner) {
    if (owner > 0) Filter(owner, way_[owner], true);
    Write(regs::kRegOwnerQuota(owner), 8 + 60 * owner);
    Switch(owner, OwnerState::kAttached, false);
    ASSERT_TRUE(card_.Settle());
    ReadRow(owner);
    ASSERT_TRUE(card_.Settle());
  }
  card_.set_backpressure(Backpressure::kBursty);
  for (int cycle = 0; cycle < kCycles && !HasFailure(); ++cycle) {
    if (cycle % 8 == 0) card_.set_time(card_.time() + 32);
    if (cycle % 1'000 == 0) {
      const uint32_t busy = Below(60);
      card_.wire().set_bubbles(busy, 0);
      card_.set_backpressure(random_.Chance(50) ? Backpressure::kNone : Backpressure::kBursty);
    }
    ReceiveSome();
    if (random_.Chance(30)) TransmitSome();
    if (random_.Chance(4)) GrantSome();
    if (card_.csr().idle()) {
      if (std::exchange(busy_, false)) {
        ReadRow(then_read_);
      } else if (random_.Chance(10)) {
        if (random_.Chance(20))
          MoveFilter(1 + Below(kOwners - 1));
        else if (random_.Chance(10))
          Write(regs::kRegDrainGapNs, Below(3) * 200);
        else if (random_.Chance(10))
          Write(regs::kRegCounterSnapshot, Below(kOwners));
        else
          SwitchSome();
      }
    }
    card_.Cycle();
    Look();
  }
  if (HasFailure()) return;

  // In the end all are attached, and all that is parked comes out.
  ASSERT_TRUE(card_.Settle());
  for (uint32_t owner = 0; owner < kOwners; ++owner) {
    ReadRow(owner);
    ASSERT_TRUE(card_.Settle());
    Switch(owner, OwnerState::kAttached, false);
    for (int f = 0; f < CardBench::kFunctions; ++f) {
      card_.Grant(f, static_cast<int>(2 * owner), 10'000);
    }
    ASSERT_TRUE(card_.Settle());
    ReadRow(owner);
    ASSERT_TRUE(card_.Settle());
  }
  for (int i = 0; i < 1'000 && card_.wake() != ~uint64_t{0}; ++i) {
    card_.set_time(std::max(card_.time(), card_.wake()));
    ASSERT_TRUE(card_.Settle());
  }
  Look();

  uint64_t decided = 0;
  uint64_t accepted = 0;
  uint64_t stale = 0;
  for (uint32_t owner = 0; owner < kOwners; ++owner) {
    SCOPED_TRACE("owner " + std::to_string(owner));
    Write(regs::kRegCounterSnapshot, owner);
    ASSERT_TRUE(card_.Settle());
    using regs::OwnerCounter;
    uint64_t sum = Counter(OwnerCounter::kDelivered);
    EXPECT_EQ(sum, seen_[owner].packets);
    EXPECT_EQ(Counter(OwnerCounter::kParked), 0u);
    EXPECT_EQ(Counter(OwnerCounter::kQueued), 0u);
    for (const auto drop :
         {OwnerCounter::kDropQuota, OwnerCounter::kDropNoCredit, OwnerCounter::kDropDetached,
          OwnerCounter::kDropState, OwnerCounter::kDropDiscarded}) {
      sum += Counter(drop);
    }
    EXPECT_EQ(sum, Counter(OwnerCounter::kIn));
    decided += Counter(OwnerCounter::kIn);
    EXPECT_EQ(ReadNow(regs::kRegOwnerRefused(owner)), refused_[owner]);
    accepted += Counter(OwnerCounter::kTx);
    stale += Counter(OwnerCounter::kTxStale);
  }
  const auto full =
      ReadNow(regs::kRegGlobalCounter(static_cast<uint32_t>(regs::GlobalCounter::kRxMemoryFull)));
  EXPECT_EQ(decided + full, frames_);
  EXPECT_EQ(accepted, on_wire_);
  EXPECT_EQ(accepted + stale, tx_);
  EXPECT_GT(stale, 0u);
  for (const auto& [owner, generation, function] : where_) {
    const auto row = function_of_.find({owner, generation});
    // A row that was HELD again before it was read back was not seen.
    if (row == function_of_.end()) continue;
    EXPECT_EQ(row->second, function) << "owner " << owner << " generation " << generation;
  }
  EXPECT_GT(switches_, 50);
  EXPECT_GT(marks_, 5);
  EXPECT_GT(held_, 20u);
}

INSTANTIATE_TEST_SUITE_P(Seed, StormTest, testing::Range(1u, 5u),
                         [](const auto& info) { return std::to_string(info.param); });

}  // namespace
}  // namespace farrier::rtl
