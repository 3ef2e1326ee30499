// TX as a whole, cycle by cycle: what leaves, when, in which order, and what it costs.

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "hw/rtl/test/tx_path_bench.h"

namespace farrier::rtl {
namespace {

class TxPathTest : public TxPathBench {};

TEST_P(TxPathTest, WhatIsAcceptedLeavesOnceInOrderAndNeverEarly) {
  Random random(GetParam());
  constexpr uint32_t kOwners = 8;
  struct Sent {
    Bytes frame;
    TxSpec spec;
    uint64_t ns;
  };
  std::map<uint32_t, Sent> sent;  // by number
  std::map<uint32_t, uint64_t> last_departure;
  for (uint32_t owner = 1; owner <= kOwners; ++owner) Attach(owner);
  for (uint32_t number = 1; number < 4; ++number) {
    Write(regs::kRegClassCost(number), 65'536 * number);  // 1-3 ns per byte
    Write(regs::kRegClassBurst(number), 500 * number);
  }
  uint32_t ready_percent = 50, traffic_percent = 50;
  uint64_t spread = 1;
  uint32_t offered = 0;
  for (int cycle = 0; cycle < 25'000; ++cycle) {
    if (cycle % 1000 == 0) {
      ready_percent = 20 + static_cast<uint32_t>(random.Below(81));
      traffic_percent = static_cast<uint32_t>(random.Below(101));
      spread = uint64_t{1} << random.Below(18);
      if (random.Chance(50)) ns_ += random.Below(spread);
    }
    if (!InputWaits() && random.Chance(traffic_percent)) {
      TxSpec spec{.owner = static_cast<uint8_t>(1 + random.Below(kOwners)),
                  .length = 14 + (random.Chance(70) ? random.Below(200) : random.Below(9'587)),
                  .report = random.Chance(50)};
      spec.sequence = ++offered;
      if (spec.owner <= 4) {  // flows with times that do not decrease
        auto& last = last_departure[spec.owner];
        last = std::max(last, ns_ - std::min(ns_, spread / 2) + random.Below(spread));
        spec.departure_ns = last;
      } else if (spec.owner <= 7) {
        spec.pacing_class = spec.owner - 4;
      }
      const uint32_t number = Send(spec);
      sent[number] = {Frame(spec.length, number), spec, ns_};
    }
    path_->tx_ready_i = random.Chance(ready_percent);
    ASSERT_NO_FATAL_FAILURE(Cycle());
  }
  path_->tx_ready_i = 1;
  ASSERT_NO_FATAL_FAILURE(RunOut());

  uint32_t accepted = 0, full = 0, clamped = 0, asked_for_report = 0;
  for (const auto& [owner, count] : sent_) accepted += count;
  for (const auto& [owner, count] : full_) full += count;
  for (const auto& [owner, count] : clamped_) clamped += count;
  EXPECT_EQ(accepted + full, offered);
  EXPECT_EQ(full, full_total_);
  EXPECT_EQ(out_.size(), accepted);
  EXPECT_GT(accepted, 100u);
  std::map<uint32_t, uint32_t> last_number;
  std::map<uint32_t, uint64_t> tat;  // of each class, at least
  for (const Departure& departure : out_) {
    const auto it = sent.find(NumberOf(departure.frame));
    ASSERT_NE(it, sent.end());
    const TxSpec& spec = it->second.spec;
    ASSERT_EQ(departure.frame, it->second.frame);
    if (clamped == 0) {
      EXPECT_GE(departure.first_ns, spec.departure_ns / regs::kSlotNs * regs::kSlotNs);
    }
    EXPECT_GT(it->first, last_number[spec.owner]) << "owner " << int{spec.owner};
    last_number[spec.owner] = it->first;
    if (spec.pacing_class != 0) {
      auto& time = tat[spec.pacing_class];
      EXPECT_GE(departure.first_ns + 500 * spec.pacing_class, time);
      time = std::max(time, it->second.ns) + spec.length * spec.pacing_class;
    }
    asked_for_report += spec.report;
  }
  EXPECT_EQ(reports_.size(), asked_for_report);
  for (uint32_t owner = 1; owner <= kOwners; ++owner) {
    EXPECT_EQ(Read(regs::kRegOwnerTxTaken(owner)), Read(regs::kRegOwnerTxReleased(owner)));
  }
}

TEST_P(TxPathTest, APacketWithoutATimeLeavesSoon) {
  Random random(GetParam());
  for (int i = 0; i < 30; ++i) {
    const size_t length = i == 0 ? regs::kMaxPacketBytes : 14 + random.Below(1'500);
    const bool raw = random.Chance(50);
    SetRaw(raw ? 1 : 0);
    const uint64_t start = cycle_;
    const Bytes frame = Frame(length, next_++);
    Offer(0, raw ? frame : WithPrefix({}, frame));
    ASSERT_NO_FATAL_FAILURE(Run(static_cast<int>(2 * BeatsOf(length)) + 40));
    ASSERT_EQ(out_.size(), static_cast<size_t>(i + 1));
    EXPECT_EQ(out_.back().frame, frame);
    EXPECT_LE(out_.back().first_cycle - start, 16 + BeatsOf(length)) << length << " bytes";
  }
}

TEST_P(TxPathTest, ABeatPassesPerCycle) {
  const size_t length = GetParam() == 1 ? 60 : kBeatBytes * GetParam();
  SetRaw(1);
  constexpr size_t kFrames = 2'000;
  for (size_t i = 0; i < kFrames; ++i) Offer(0, Frame(length, next_++));
  const uint64_t start = cycle_;
  while (out_.size() < kFrames && cycle_ - start < 20 * kFrames) {
    ASSERT_NO_FATAL_FAILURE(Cycle());
  }
  EXPECT_LE(cycle_ - start, kFrames * BeatsOf(length) + 30);
  for (size_t i = 0; i < out_.size(); ++i) ASSERT_EQ(NumberOf(out_[i].frame), i + 1);
}

TEST_P(TxPathTest, APrefixCostsABeat) {
  const size_t length = kBeatBytes * GetParam();
  constexpr size_t kFrames = 1'000;
  for (size_t i = 0; i < kFrames; ++i) Send({.length = length});
  const uint64_t start = cycle_;
  while (out_.size() < kFrames && cycle_ - start < 20 * kFrames) {
    ASSERT_NO_FATAL_FAILURE(Cycle());
  }
  EXPECT_LE(cycle_ - start, kFrames * (1 + BeatsOf(length)) + 30);
}

TEST_P(TxPathTest, PacedPacketsLeaveWithinASlotAndAPacket) {
  Random random(GetParam());
  std::vector<std::pair<uint64_t, size_t>> due;  // time, length
  uint64_t departure = ns_ + 20'000;
  std::map<uint32_t, uint64_t> asked;
  for (int i = 0; i < 1'500; ++i) {
    const size_t length = 60 + random.Below(random.Chance(10) ? 9'541 : 400);
    // Never more than the wire can carry.
    asked[Send({.length = length, .departure_ns = departure})] = departure;
    departure += (BeatsOf(length) + 1) * kCycleNs + random.Below(200);
    while (InputWaits() || departure > ns_ + 60'000) ASSERT_NO_FATAL_FAILURE(Cycle());
  }
  while (out_.size() < asked.size()) ASSERT_NO_FATAL_FAILURE(Cycle());
  constexpr uint64_t kLongestNs = regs::kMaxPacketBytes / kBeatBytes * kCycleNs;
  uint64_t worst = 0;
  for (const Departure& packet : out_) {
    const uint64_t wish = asked.at(NumberOf(packet.frame));
    ASSERT_GE(packet.first_ns, wish / regs::kSlotNs * regs::kSlotNs);
    if (packet.first_ns > wish) worst = std::max(worst, packet.first_ns - wish);
  }
  EXPECT_LE(worst, regs::kSlotNs + kLongestNs);
  RecordProperty("worst_ns", static_cast<int>(worst));
}

TEST_P(TxPathTest, WhatFindsNoRoomIsDroppedAndNothingWaits) {
  Random random(GetParam());
  Write(regs::kRegOwnerTxQuota(1), 100);
  Write(regs::kRegOwnerTxQuota(2), 5'000);
  Attach(2);
  ns_per_cycle_ = 0;
  const uint64_t later = ns_ + kHorizonNs - regs::kSlotNs;
  // By quota.
  uint32_t cells = 0, taken = 0, dropped = 0;
  for (int i = 0; i < 40; ++i) {
    const size_t length = 60 + random.Below(3'000);
    Send({.length = length, .departure_ns = later});
    cells = static_cast<uint32_t>(CellsOf(length));
    taken + cells <= 100 ? taken += cells : ++dropped;
    while (InputWaits()) ASSERT_NO_FATAL_FAILURE(Cycle());
  }
  ASSERT_NO_FATAL_FAILURE(Run(20));
  EXPECT_EQ(full_[1], dropped);
  EXPECT_EQ(Read(regs::kRegOwnerTxTaken(1)), taken);
  EXPECT_EQ(Read(regs::kRegOwnerTxReleased(1)), 0u);
  // By memory: all 4,096 cells of it, no cell more.
  uint32_t expected = 0;
  for (int i = 0; i < 600; ++i) {
    const size_t length = 60 + random.Below(9'541);
    Send({.owner = 2, .length = length, .departure_ns = later});
    cells = static_cast<uint32_t>(CellsOf(length));
    if (taken + cells <= 4096) {
      taken += cells;
    } else {
      ++expected;
    }
    // The cells of what was dropped are on their way back.
    while (InputWaits()) ASSERT_NO_FATAL_FAILURE(Cycle());
    ASSERT_NO_FATAL_FAILURE(Run(80));
  }
  EXPECT_GT(expected, 0u);
  EXPECT_EQ(full_[2], expected);
  EXPECT_EQ(full_total_, expected + dropped);
  EXPECT_TRUE(out_.empty());
  ASSERT_NO_FATAL_FAILURE(RunOut());
  EXPECT_EQ(out_.size(), sent_[1] + sent_[2]);
  EXPECT_EQ(Read(regs::kRegOwnerTxReleased(2)), Read(regs::kRegOwnerTxTaken(2)));
  // All of it is there again.
  for (int i = 0; i < 4'096 / 19; ++i)
    Send({.owner = 2, .length = 9'600, .departure_ns = ns_ + 240'000});
  while (InputWaits()) ASSERT_NO_FATAL_FAILURE(Cycle());
  ASSERT_NO_FATAL_FAILURE(Run(20));
  EXPECT_EQ(full_[2], expected);
}

TEST_P(TxPathTest, RawFunctionsHaveAQuotaAndAClass) {
  SetRaw(2);
  EXPECT_EQ(Read(regs::kRegFunctionTxQuota(1)), 512u);
  Write(regs::kRegFunctionTxQuota(1), 30);
  Write(regs::kRegFunctionClass(1), 7);
  Write(regs::kRegClassCost(7), 100 * 65'536);  // ns per byte
  for (int i = 0; i < 100; ++i) Offer(1, Frame(60, next_++));
  while (InputWaits()) ASSERT_NO_FATAL_FAILURE(Cycle());
  ASSERT_NO_FATAL_FAILURE(Run(40));
  EXPECT_EQ(full_total_, 100u - 31) << "one has left";
  EXPECT_EQ(out_.size(), 1u);
  ASSERT_NO_FATAL_FAILURE(RunOut());
  EXPECT_EQ(out_.size(), 31u);
  for (size_t i = 1; i < out_.size(); ++i) {
    EXPECT_GE(out_[i].first_ns, out_[i - 1].first_ns + 6'000 - 100);
  }
  for (int i = 0; i < 30; ++i) Offer(1, Frame(60, next_++));
  ASSERT_NO_FATAL_FAILURE(RunOut());
  EXPECT_EQ(out_.size(), 61u) << "the quota came back";
}

TEST_P(TxPathTest, TheCalendarDoesNotStarveTheClasses) {
  SetRaw(2);
  Write(regs::kRegClassCost(1), 1);
  for (int i = 0; i < 300; ++i) Offer(1, Frame(600, 1'000'000));
  for (int i = 0; i < 20; ++i) Send({.pacing_class = 1});
  while (InputWaits()) ASSERT_NO_FATAL_FAILURE(Cycle());
  path_->tx_ready_i = 1;
  ASSERT_NO_FATAL_FAILURE(RunOut());
  size_t last_of_class = 0;
  for (size_t i = 0; i < out_.size(); ++i) {
    if (NumberOf(out_[i].frame) != 1'000'000) last_of_class = i;
  }
  EXPECT_LT(last_of_class, 20u * 9);
}

TEST_P(TxPathTest, AnAcceptedPacketIsReportedWhenItHasLeft) {
  Send({.length = 600, .departure_ns = ns_ + 5'000, .sequence = 77, .report = true});
  Send({.length = 600, .departure_ns = ns_ + 6'000, .sequence = 78});
  ASSERT_NO_FATAL_FAILURE(RunOut());
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].owner, 1u);
  EXPECT_EQ(reports_[0].sequence, 77u);
  EXPECT_EQ(reports_[0].ns, out_[0].first_ns + (BeatsOf(600) - 1) * kCycleNs);
}

TEST_P(TxPathTest, OtherGenerationsAreStaleFromTheNewsOn) {
  Random random(GetParam());
  uint16_t generation = 1;
  uint32_t fresh = 0, stale = 0;
  for (int i = 0; i < 200; ++i) {
    if (random.Chance(20)) Attach(1, ++generation);
    const bool old = random.Chance(30);
    Send({.generation = static_cast<uint16_t>(generation - old), .sequence = 100u + i});
    old ? ++stale : ++fresh;
    while (InputWaits()) ASSERT_NO_FATAL_FAILURE(Cycle());
    ASSERT_NO_FATAL_FAILURE(Run(static_cast<int>(8 + random.Below(6))));
    path_->seen_owner_i = 1;
    ASSERT_NO_FATAL_FAILURE(Cycle());
    if (!old) {
      EXPECT_EQ(path_->seen_o, 100u + i);
    }
  }
  ASSERT_NO_FATAL_FAILURE(RunOut());
  EXPECT_EQ(sent_[1], fresh);
  EXPECT_EQ(stale_[1], stale);
  Attach(1, ++generation);
  ASSERT_NO_FATAL_FAILURE(Run(8));
  EXPECT_EQ(path_->seen_o, 0u);
}

TEST_P(TxPathTest, BadAccessesAreSaid) {
  struct Place {
    uint32_t offset;
    bool write;
    bool bad;
  };
  for (const Place& place :
       {Place{regs::kRegOwnerTxTaken(3), true, true},
        Place{regs::kRegOwnerTxReleased(3), true, true},
        Place{regs::kRegOwnerTxReleased(3) + 4, false, true},
        Place{regs::kRegOwnerTxReleased(3) + 20, false, true},
        Place{regs::kRegOwnerTxQuota(3), true, false}, Place{regs::kRegClassCost(63), true, false},
        Place{regs::kRegFunctionTxQuota(3), false, false}}) {
    Access(place.write, place.offset, 5);
    EXPECT_EQ(bad_access_, place.bad) << place.offset;
  }
  EXPECT_EQ(Read(regs::kRegOwnerTxQuota(3)), 5u);
  EXPECT_EQ(Read(regs::kRegOwnerTxQuota(4)), 1'024u);
  EXPECT_EQ(Read(regs::kRegClassCost(63)), 5u);
}

FARRIER_SEEDS(TxPathTest);

}  // namespace
}  // namespace farrier::rtl
