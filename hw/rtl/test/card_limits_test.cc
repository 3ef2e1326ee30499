// The card at its limits: every cell in use, every owner held, every place for a report taken, and
// a reset in the middle of it all. What finds no room is dropped and counted, and all goes on as
// before when there is room again.

#include <map>

#include "hw/regs/registers.h"
#include "hw/rtl/test/card_bench.h"
#include "tests/conformance/frames.h"

namespace farrier::rtl {
namespace {

using conformance::RxPacket;
using conformance::TxPacket;
using regs::GlobalCounter;
using regs::OwnerCounter;
using regs::OwnerState;
using regs::SwitchWord;

constexpr uint64_t kMac = 0x02FA221E2001;
constexpr uint64_t kStart = 1'000'000'003;
constexpr size_t kLongest = 9'600;
constexpr uint32_t kPlenty = 60'000;

class CardLimitsTest : public testing::Test {
 protected:
  CardLimitsTest() : card_(1, kMac) { card_.set_time(kStart); }

  void Write(uint32_t offset, uint32_t value) {
    card_.csr().Write(offset, value);
    ASSERT_TRUE(card_.Settle());
  }
  uint32_t Read(uint32_t offset) {
    uint32_t value = 0;
    card_.csr().Read(offset, [&](uint32_t read) { value = read; });
    EXPECT_TRUE(card_.Settle());
    return value;
  }
  uint32_t Count(GlobalCounter which) {
    Write(regs::kRegCounterSnapshot, 0);
    return Read(regs::kRegGlobalCounter(static_cast<uint32_t>(which)));
  }
  uint32_t Count(uint32_t owner, OwnerCounter which) {
    Write(regs::kRegCounterSnapshot, owner);
    return Read(regs::kRegOwnerCounter(static_cast<uint32_t>(which)));
  }
  void Switch(uint32_t owner, OwnerState state, uint32_t queue = 0, uint32_t log2_queues = 0) {
    auto word = SwitchWord::Unpack(Read(regs::kRegOwnerSwitch(owner)));
    word.state = static_cast<uint32_t>(state);
    word.function = 0;
    word.queue_base = queue;
    word.log2_queues = log2_queues;
    Write(regs::kRegOwnerSwitch(owner), word.Pack());
  }
  void Run(int cycles) {
    for (int i = 0; i < cycles; ++i) card_.Cycle();
  }

  // Frames whose ids count up, from the wire; the card's function 0 shall get them in that order.
  void Receive(int count, size_t length) {
    for (int i = 0; i < count; ++i) {
      card_.wire().Push(conformance::MakeFrame({.length = length, .id = next_id_++}));
    }
  }
  // What function 0 got: frames as they were sent, in their order on each queue. Returns how many.
  uint32_t Delivered() {
    uint32_t count = 0;
    for (const auto& [function, queue, bytes] : card_.TakeHost()) {
      const RxPacket packet = {function, queue, bytes};
      if (packet.is_mark() || packet.is_sent()) continue;
      const Bytes frame = packet.frame();
      const uint32_t id = conformance::FrameId(frame);
      EXPECT_GE(id, expected_id_[queue]);
      expected_id_[queue] = id + 1;
      EXPECT_EQ(frame, conformance::MakeFrame({.length = frame.size(), .id = id}));
      ++count;
    }
    return count;
  }

  CardBench card_;
  uint32_t next_id_ = 1;
  uint32_t sequence_ = 0;
  std::map<int, uint32_t> expected_id_;  // by queue
};

TEST_F(CardLimitsTest, EveryCellMayBeInUseAndAllComeBack) {
  // Parked up to the last cell for it ...
  const uint32_t hold_cells = Read(regs::kRegHoldCells);
  for (int queue = 0; queue < 2; ++queue) card_.Grant(0, queue, kPlenty);
  Write(regs::kRegOwnerQuota(0), 2 * hold_cells);
  Write(regs::kRegWatchdogUs, 0);
  Switch(0, OwnerState::kAttached);
  Switch(1, OwnerState::kAttached, 1);
  Switch(0, OwnerState::kHeld);
  card_.TakeHost();
  const uint32_t cells = (kLongest + regs::kCellBytes - 1) / regs::kCellBytes;
  const int fit = static_cast<int>(hold_cells / cells);
  Receive(fit + 3, kLongest);
  ASSERT_TRUE(card_.Settle());
  EXPECT_EQ(Read(regs::kRegOwnerParked(0)), static_cast<uint32_t>(fit));
  EXPECT_EQ(Count(GlobalCounter::kRxMemoryFull), 3u);

  // ... and packets that nobody takes in all others. Then there is none for the held owner, either.
  for (int round = 0; round < 3; ++round) {
    Write(regs::kRegDefaultOwner, 1);
    card_.set_backpressure(Backpressure::kAlways);
    Receive(20, 4'000);
    Receive(1'500, 60);
    Receive(20, 2'000);
    Run(3'500);
    card_.csr().Write(regs::kRegDefaultOwner, 0);
    Run(100);
    Receive(30, 60);
    Run(200);
    card_.set_backpressure(Backpressure::kBursty);
    Receive(round == 1 ? 300 : 0, 60);
    Run(3'000);
    card_.set_backpressure(Backpressure::kNone);
    ASSERT_TRUE(card_.Settle());
  }
  Switch(0, OwnerState::kAttached);
  ASSERT_TRUE(card_.Settle());
  const uint32_t dropped = Count(GlobalCounter::kRxMemoryFull);
  EXPECT_EQ(Delivered() + dropped, next_id_ - 1);
  EXPECT_GT(dropped, 1'000u);
  EXPECT_EQ(Count(0, OwnerCounter::kIn), Count(0, OwnerCounter::kDelivered));
  EXPECT_EQ(Count(1, OwnerCounter::kIn), Count(1, OwnerCounter::kDelivered));

  // And again, now that every cell has been out and back.
  Receive(2'000, 60);
  ASSERT_TRUE(card_.Settle());
  EXPECT_EQ(Delivered(), 2'000u);
}

TEST_F(CardLimitsTest, EveryOwnerMayBeHeldAtOnce) {
  for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
    Switch(owner, OwnerState::kHeld, 0, owner % 5);
  }
  for (const uint32_t owner : {0u, 100u, 255u}) {
    EXPECT_EQ(SwitchWord::Unpack(Read(regs::kRegOwnerSwitch(owner))).state,
              static_cast<uint32_t>(OwnerState::kHeld));
  }
  // Now all MARKs go, one on each of an owner's queues.
  for (int queue = 0; queue < 16; ++queue) card_.Grant(0, queue, 300);
  ASSERT_TRUE(card_.Settle());
  std::vector<int> marks(regs::kOwners);
  for (const auto& packet : card_.TakeHost()) {
    const RxPacket mark = {packet.function, packet.queue, packet.bytes};
    ASSERT_TRUE(mark.is_mark());
    ++marks[mark.owner()];
  }
  for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
    EXPECT_EQ(marks[owner], 1 << owner % 5) << "owner " << owner;
  }
}

TEST_F(CardLimitsTest, ReportsThatFindNoPlaceAreCounted) {
  Switch(0, OwnerState::kAttached);
  card_.Grant(0, 0, kPlenty);
  ASSERT_TRUE(card_.Settle());
  constexpr uint32_t kReports = 120;
  for (const auto mode : {Backpressure::kAlways, Backpressure::kRandom, Backpressure::kBursty}) {
    for (uint32_t i = 0; i < kReports; ++i) {
      card_.host(0).Push(TxPacket(0, 1, ++sequence_, conformance::MakeFrame({.length = 60}),
                                  {.report_departure = true}));
    }
    card_.set_backpressure(Backpressure::kNone);
    for (int i = 0; i < 3'000; ++i) {
      // The wire takes what comes; only the function does not.
      if (i % 500 == 0) card_.set_host_backpressure(i % 1'000 == 0 ? mode : Backpressure::kNone);
      card_.Cycle();
    }
    card_.set_backpressure(Backpressure::kNone);
    ASSERT_TRUE(card_.Settle());
  }
  uint32_t told = 0;
  uint32_t last = 0;
  for (const auto& packet : card_.TakeHost()) {
    const RxPacket report = {packet.function, packet.queue, packet.bytes};
    ASSERT_TRUE(report.is_sent());
    EXPECT_GT(report.sequence(), last);
    last = report.sequence();
    ++told;
  }
  const uint32_t lost = Count(GlobalCounter::kTxReportLost);
  EXPECT_EQ(told + lost, 3 * kReports);
  EXPECT_GT(told, 30u);
  EXPECT_GT(lost, 30u);
}

TEST_F(CardLimitsTest, EveryTxCellMayBeInUseAndAllComeBack) {
  const uint32_t tx_cells = Read(regs::kRegTxCells);
  Switch(0, OwnerState::kAttached);
  Write(regs::kRegOwnerTxQuota(0), 2 * tx_cells);
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  uint32_t sent = 0;
  uint32_t accepted = 0;
  for (int round = 0; round < 3; ++round) {
    // For later: all of the memory is taken.
    const uint64_t departure = card_.time() + 10'000;
    for (uint32_t cells = 0; cells < tx_cells + 200;) {
      const bool is_short = cells % 2 == 0 || cells > tx_cells + 50;
      const size_t length = is_short ? 60 : 500 + cells % 4'000;
      card_.host(0).Push(TxPacket(0, 1, ++sequence_, conformance::MakeFrame({.length = length}),
                                  {.departure = departure}));
      cells += static_cast<uint32_t>((length + regs::kCellBytes - 1) / regs::kCellBytes);
      ++sent;
    }
    ASSERT_TRUE(card_.Settle());
    EXPECT_TRUE(card_.TakeWire().empty());
    EXPECT_EQ(Read(regs::kRegOwnerTxTaken(0)) - Read(regs::kRegOwnerTxReleased(0)), tx_cells);
    for (int i = 0; i < 5; ++i) card_.host(1).Push(conformance::MakeFrame({.length = 60}));
    ASSERT_TRUE(card_.Settle());
    EXPECT_TRUE(card_.TakeWire().empty()) << "a raw function's, though there is no cell";
    card_.set_time(departure + 64);
    // Others come while those leave.
    for (int i = 0; i < 200; ++i, ++sent) {
      card_.host(0).Push(TxPacket(0, 1, ++sequence_, conformance::MakeFrame({.length = 600})));
    }
    ASSERT_TRUE(card_.Settle());
    accepted += static_cast<uint32_t>(card_.TakeWire().size());
    EXPECT_EQ(Read(regs::kRegOwnerTxTaken(0)), Read(regs::kRegOwnerTxReleased(0)));
  }
  EXPECT_EQ(Count(0, OwnerCounter::kTx), accepted);
  EXPECT_EQ(Count(0, OwnerCounter::kTxFull), sent - accepted);
  EXPECT_EQ(Count(GlobalCounter::kTxFull), sent - accepted + 3 * 5);
  EXPECT_GT(sent - accepted, 10u);
}

// What waits for a long packet's checksums is decided at once when they are there.
TEST_F(CardLimitsTest, PacketsBehindOneThatIsLookedIntoAreDecidedTogether) {
  Switch(0, OwnerState::kAttached);
  constexpr uint32_t kBurst = 12;
  const auto send = [&](uint64_t departure) {
    card_.host(0).Push(TxPacket(0, 1, ++sequence_, conformance::MakeFrame({.length = kLongest}),
                                {.insert_checksum = true}));
    for (uint32_t i = 0; i < kBurst; ++i) {
      card_.host(0).Push(TxPacket(0, 1, ++sequence_, conformance::MakeFrame({.length = 60}),
                                  {.departure = departure}));
    }
    ASSERT_TRUE(card_.Settle());
  };
  send(~uint64_t{0});
  EXPECT_EQ(Count(0, OwnerCounter::kTxClamped), kBurst);
  Write(regs::kRegOwnerTxQuota(0), 0);
  send(0);
  EXPECT_EQ(Count(0, OwnerCounter::kTxFull), 1 + kBurst);
  // Many that are looked into, one right behind the other.
  Write(regs::kRegOwnerTxQuota(0), 4'096);
  constexpr size_t kMany = 400;
  for (size_t i = 0; i < kMany; ++i) {
    card_.host(0).Push(
        TxPacket(0, 1, ++sequence_,
                 conformance::MakeFrame({.length = i < kMany / 2 ? 60 : 60 + 37 * i % 200}),
                 {.insert_checksum = true}));
  }
  card_.TakeWire();
  // The rows' news hold them up now and then.
  while (!card_.host(0).empty()) {
    if (card_.csr().idle()) {
      card_.csr().Write(regs::kRegOwnerSwitch(5),
                        SwitchWord{.state = static_cast<uint32_t>(OwnerState::kDrop)}.Pack());
    }
    card_.Cycle();
  }
  ASSERT_TRUE(card_.Settle());
  EXPECT_EQ(card_.TakeWire().size(), kMany);
  // Entries of the guard's are changed and read while it works.
  Write(regs::kRegGuardValue(0), 0x0200);
  Write(regs::kRegGuardValue(1), 0x00000001);
  const auto mac = static_cast<uint32_t>(regs::GuardKind::kMac);
  Write(regs::kRegGuardCommit, regs::GuardCommand{.index = 0, .kind = mac}.Pack());
  Write(regs::kRegGuardValue(0), 0x0A000001);
  const auto ipv4 = static_cast<uint32_t>(regs::GuardKind::kIpv4);
  Write(regs::kRegGuardCommit, regs::GuardCommand{.index = 1, .kind = ipv4}.Pack());
  Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1, .guard = 1}.Pack());
  for (size_t i = 0; i < kMany; ++i) {
    card_.host(0).Push(TxPacket(0, 1, ++sequence_, conformance::MakeFrame({.length = 60})));
  }
  while (!card_.host(0).empty()) {
    if (card_.csr().idle()) {
      card_.csr().Write(regs::kRegGuardCommit, regs::GuardCommand{.index = 7}.Pack());
      card_.csr().Write(regs::kRegGuardRead, regs::GuardCommand{.index = 1}.Pack());
    }
    card_.Cycle();
  }
  ASSERT_TRUE(card_.Settle());
  EXPECT_EQ(Count(GlobalCounter::kTxGuard), 0u);
  EXPECT_EQ(card_.TakeWire().size(), kMany);
  // No length that a packet says is too much.
  card_.host(0).Push(Bytes(70'016, 0x45));
  card_.host(0).Push(TxPacket(0, 1, ++sequence_, Bytes(70'016, 1)));
  ASSERT_TRUE(card_.Settle());
  EXPECT_EQ(Count(GlobalCounter::kTxBadPrefix), 2u);
}

TEST_F(CardLimitsTest, EveryClassMayWaitAtOnce) {
  Switch(0, OwnerState::kAttached);
  for (uint32_t number = 0; number < regs::kClasses; ++number) {
    Write(regs::kRegClassCost(number), 64 << 16);  // ns per byte: one packet goes, the others wait
    for (int i = 0; i < 3; ++i) {
      card_.host(0).Push(TxPacket(0, 1, ++sequence_, conformance::MakeFrame({.length = 60}),
                                  {.pacing_class = static_cast<uint8_t>(number)}));
    }
  }
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(card_.Settle());
    EXPECT_EQ(card_.TakeWire().size(), regs::kClasses) << "packet " << i << " of each";
    card_.set_time(card_.time() + 60 * 64);
  }
}

// The drain pointer gets on though packets for the time before it come all the while.
TEST_F(CardLimitsTest, PacketsOfThePastDoNotStopTime) {
  Switch(0, OwnerState::kAttached);
  constexpr uint32_t kPackets = 600;
  for (uint32_t i = 0; i < kPackets; ++i) {
    const uint64_t departure = i % 100 == 99 ? card_.time() + 200'000 : 1;
    card_.host(0).Push(TxPacket(0, 1, ++sequence_, conformance::MakeFrame({.length = 60, .id = i}),
                                {.departure = departure}));
  }
  for (int cycle = 0; cycle < 2'000; ++cycle) {
    card_.set_time(card_.time() + 4'096);
    card_.Cycle();
  }
  ASSERT_TRUE(card_.Settle());
  EXPECT_EQ(card_.TakeWire().size(), kPackets);
}

// Frames as fast as no wire brings them, while software asks without a pause.
TEST_F(CardLimitsTest, WhatTheRowsCannotKeepPaceWithIsRefusedAndCounted) {
  Switch(0, OwnerState::kAttached);
  card_.Grant(0, 0, kPlenty);
  ASSERT_TRUE(card_.Settle());
  uint32_t good = 0;
  uint32_t malformed = 0;
  uint32_t oversize = 0;
  const auto oversized = [&](size_t bytes) {
    card_.wire().Push(Bytes(bytes, 1));
    ++oversize;
  };
  for (int round = 0; round < 12; ++round) {
    const bool rows = round % 2 == 0;  // software asks for rows; else for filters
    for (int i = 0; rows && i < 900; ++i) {
      if (i % 4 == 3) {
        card_.wire().Push(Bytes(10, 1));
        ++malformed;
      } else {
        Receive(1, 60);
        ++good;
      }
    }
    // A filter is read in a gap between lookups; after 255 without one, the card makes one.
    for (int i = 0; !rows && i < 20; ++i) {
      Receive(250 + 2 * i, 60);
      good += static_cast<uint32_t>(250 + 2 * i);
      oversized(9'700);
    }
    oversized(9'700);
    while (!card_.wire().empty()) {
      if (card_.csr().idle()) {
        for (uint32_t owner = 1; rows && owner < 20; ++owner) {
          card_.csr().Read(regs::kRegOwnerCut(owner), [](uint32_t value) { EXPECT_EQ(value, 0u); });
        }
        card_.csr().Write(regs::kRegFilterRead, 0);
      }
      card_.Cycle();
    }
  }
  oversized(140'000);  // without end
  ASSERT_TRUE(card_.Settle());
  const uint32_t refused = Count(GlobalCounter::kRxMemoryFull);
  EXPECT_EQ(Count(GlobalCounter::kRxPackets), good + malformed + oversize);
  EXPECT_EQ(Count(GlobalCounter::kRxMalformed), malformed);
  EXPECT_EQ(Count(GlobalCounter::kRxOversize), oversize);
  EXPECT_EQ(Delivered() + refused, good);
  EXPECT_GT(refused, 0u);
}

// Accesses that come while the card walks over its rows.
TEST_F(CardLimitsTest, SoftwareGoesOnWhileHeartbeatsAreMissed) {
  for (uint32_t owner = 0; owner < regs::kOwners; owner += 3) {
    Switch(owner, OwnerState::kAttached, 0, 0);
  }
  for (uint32_t f = 0; f < 2; ++f) Write(regs::kRegHeartbeatUs(f), 10);
  for (uint32_t f = 0; f < 2; ++f) Write(regs::kRegHeartbeat(f), 0);
  for (uint32_t f = 0; f < 2; ++f) Write(regs::kRegHeartbeat(f), 0);  // in time
  card_.set_time(card_.time() + 10'001);
  Run(20);
  for (uint32_t f = 0; f < 2; ++f) card_.csr().Write(regs::kRegHeartbeat(f), 0);
  Run(100);
  for (uint32_t owner = 0; owner < 20; ++owner) {  // these wait for the end of the walk
    card_.csr().Read(regs::kRegOwnerRxNext(owner), [](uint32_t value) { EXPECT_EQ(value, 0u); });
  }
  ASSERT_TRUE(card_.Settle());
  for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
    const auto state = owner % 3 == 0 ? OwnerState::kHeld : OwnerState::kDetached;
    EXPECT_EQ(SwitchWord::Unpack(Read(regs::kRegOwnerSwitch(owner))).state,
              static_cast<uint32_t>(state))
        << "owner " << owner;
  }
  Write(regs::kRegHeartbeatUs(0), 20);  // disarms
}

TEST_F(CardLimitsTest, CreditsThatComeWhileThoseBeforeAreResetCount) {
  Switch(0, OwnerState::kAttached);
  card_.Grant(0, 0, 100);
  ASSERT_TRUE(card_.Settle());
  const regs::FunctionControl reset{.enable = 1, .reset_credits = 1};
  card_.csr().Write(regs::kRegFunctionControl(0), reset.Pack());
  card_.csr().Write(regs::kRegCredit, regs::CreditDoorbell{.count = 4, .queue = 0}.Pack());
  Run(30);
  card_.Grant(0, 0, 3);
  ASSERT_TRUE(card_.Settle());
  Receive(20, 100);
  ASSERT_TRUE(card_.Settle());
  EXPECT_EQ(Delivered(), 6u);  // the seventh is MARK's
  EXPECT_EQ(Count(0, OwnerCounter::kDropNoCredit), 14u);
}

TEST_F(CardLimitsTest, BeginsAnewAfterAResetInTheMiddleOfTraffic) {
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    Switch(0, OwnerState::kAttached);
    card_.Grant(0, 0, 1'000);
    Receive(round == 2 ? 2'000 : 30,
            1'500);  // the last goes on until the card hears the wire again
    for (uint32_t i = 0; i < 30; ++i) {
      card_.host(0).Push(TxPacket(0, 1, i, conformance::MakeFrame({.length = 400})));
    }
    Run(round == 1 ? 13 : 100);
    card_.Reset();
    card_.csr().Write(regs::kRegScratch, 7);  // waits until the tables are clear
    for (int i = 0; i < 100'000 && !card_.ready(); ++i) card_.Cycle();
    ASSERT_TRUE(card_.ready());
    ASSERT_TRUE(card_.Settle());
    EXPECT_EQ(Read(regs::kRegScratch), 7u);
    EXPECT_EQ(Read(regs::kRegOwnerSwitch(0)), 0u);
    EXPECT_EQ(Read(regs::kRegOwnerRxNext(0)), 0u);
    EXPECT_EQ(Count(0, OwnerCounter::kDelivered), 0u);
  }
  // All as after the first reset.
  Switch(0, OwnerState::kAttached);
  card_.Grant(0, 0, 100);
  Receive(50, 700);
  ASSERT_TRUE(card_.Settle());
  EXPECT_EQ(Delivered(), 50u);
}

}  // namespace
}  // namespace farrier::rtl
