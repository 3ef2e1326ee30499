// The switch word: who may move an owner, and what each move does.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::IsEmpty;

constexpr OwnerState kStates[] = {OwnerState::kDetached, OwnerState::kAttached, OwnerState::kHeld,
                                  OwnerState::kDrop};

class Switch : public CardTest {};
FARRIER_ON_EVERY_CARD(Switch);

TEST_P(Switch, RowsAreDetachedAfterReset) {
  for (const uint32_t owner : {0u, 1u, 128u, 255u}) {
    EXPECT_EQ(Read(regs::kRegOwnerSwitch(owner)), 0u);
    EXPECT_EQ(Read(regs::kRegOwnerQuota(owner)), 64u);
    EXPECT_EQ(Read(regs::kRegOwnerCut(owner)), 0u);
    EXPECT_EQ(RxNext(owner), 0u);
    EXPECT_EQ(Read(regs::kRegOwnerTxSeen(owner)), 0u);
    EXPECT_EQ(Read(regs::kRegOwnerStatus(owner)), 0u);
    EXPECT_EQ(Parked(owner), 0u);
    EXPECT_EQ(Refused(owner), 0u);
  }
}

TEST_P(Switch, EveryStateFollowsEveryState) {
  Grant(0, 1, kManyCredits);
  Grant(1, 2, kManyCredits);
  for (const OwnerState from : kStates) {
    for (const OwnerState to : kStates) {
      const Place before = {0, 1, 0};
      const Place after = {1, 2, 2};
      for (uint32_t i = 0; i < 4; ++i) Grant(1, 2 + i, 100);
      WriteSwitch(1, from, before, Row(1).generation);
      Run();
      const SwitchWord row = Row(1);
      ASSERT_EQ(row.state, static_cast<uint32_t>(from));
      WriteSwitch(1, to, after, row.generation);
      Run();
      if (from == OwnerState::kHeld && to == OwnerState::kHeld) {
        EXPECT_EQ(Row(1), row);
      } else {
        EXPECT_EQ(Row(1), (SwitchWord{.state = static_cast<uint32_t>(to),
                                      .function = 1,
                                      .queue_base = 2,
                                      .log2_queues = 2,
                                      .generation =
                                          (row.generation + (to == OwnerState::kAttached)) % 4096}))
            << "from " << int(from) << " to " << int(to);
      }
      WriteSwitch(1, OwnerState::kDetached, before, Row(1).generation);
    }
  }
  EXPECT_EQ(Refused(1), 0u);
}

TEST_P(Switch, AWordExpectingAnotherGenerationIsRefused) {
  Serve(7000, 1, {0, 1});
  Attach(1, {0, 1});
  const SwitchWord row = Row(1);
  ASSERT_EQ(row.generation, 2u);
  uint32_t refused = 0;
  for (const OwnerState state : kStates) {
    for (const uint32_t generation : {0u, 1u, 3u, 4095u, 2u | 1u << 11}) {
      WriteSwitch(1, state, {1, 5}, generation);
      Run();
      EXPECT_EQ(Row(1), row);
      EXPECT_EQ(Refused(1), ++refused);
    }
  }
  Send(7000);
  EXPECT_EQ(TakeIds({0, 1}).size(), 1u);
}

TEST_P(Switch, AWordNamingWhatTheCardLacksIsRefused) {
  Attach(1, {0, 1});
  const SwitchWord row = Row(1);
  std::vector<Place> bad = {{0, 0, 5}, {0, 0, 6}, {0, 0, 7}, {0, 1, 4}, {0, 15, 1}, {0, 13, 2}};
  if (queues() < 16) bad.push_back({0, queues()});
  for (uint32_t function = functions(); function < 4; ++function) bad.push_back({function, 0});
  uint32_t refused = 0;
  for (const Place& place : bad) {
    for (const OwnerState state : kStates) {
      WriteSwitch(1, state, place, row.generation);
      Run();
      EXPECT_EQ(Row(1), row);
      EXPECT_EQ(Refused(1), ++refused);
    }
  }
  EXPECT_EQ(Refused(2), 0u);
}

TEST_P(Switch, BitsWithoutAFieldAreIgnored) {
  Write(regs::kRegOwnerSwitch(1), 0x000FF800u | 1u);  // ATTACHED
  Run();
  EXPECT_EQ(Read(regs::kRegOwnerSwitch(1)), 1u | 1u << 20);
}

TEST_P(Switch, OfTwoRivalsExactlyOneWins) {
  // Old holds, then takes back, while new commits: all that the hand-over can race.
  for (const bool new_first : {true, false}) {
    NewCard();
    Serve(7000, 1, {0, 0});
    Grant(1, 0, kManyCredits);
    Hold(1);
    TakeMark({0, 0});
    const uint32_t id = Send(7000);
    const uint32_t generation = Row(1).generation;
    const Place places[] = {{0, 0}, {1, 0}};
    WriteSwitch(1, OwnerState::kAttached, places[new_first], generation);
    WriteSwitch(1, OwnerState::kAttached, places[!new_first], generation);
    Run();
    EXPECT_EQ(Row(1).function, new_first ? 1u : 0u);
    EXPECT_EQ(Row(1).generation, generation + 1);
    EXPECT_EQ(Refused(1), 1u);
    EXPECT_EQ(TakeIds(places[new_first]), (std::vector{id}));
    // The loser cannot hold, drop or detach what is no longer its own.
    for (const OwnerState state : kStates) {
      WriteSwitch(1, state, places[!new_first], generation);
    }
    Run();
    EXPECT_EQ(Refused(1), 5u);
    EXPECT_EQ(Row(1).function, new_first ? 1u : 0u);
  }
}

TEST_P(Switch, TwoHoldsOfTheSameGenerationAreOne) {
  Serve(7000, 1, {0, 0});
  const uint32_t generation = Row(1).generation;
  WriteSwitch(1, OwnerState::kHeld, {0, 0}, generation);
  WriteSwitch(1, OwnerState::kHeld, {0, 0}, generation);
  Run();
  TakeMark({0, 0});
  EXPECT_EQ(Refused(1), 0u);
}

TEST_P(Switch, RefusedCountsPerRow) {
  WriteSwitch(3, OwnerState::kAttached, {0, 0}, 9);
  WriteSwitch(4, OwnerState::kAttached, {0, 0}, 9);
  WriteSwitch(4, OwnerState::kDrop, {0, 0}, 9);
  Run();
  EXPECT_EQ(Refused(3), 1u);
  EXPECT_EQ(Refused(4), 2u);
  EXPECT_EQ(Refused(5), 0u);
}

TEST_P(Switch, GenerationsWrapAt4096) {
  for (uint32_t i = 0; i < 4096; ++i) {
    WriteSwitch(1, OwnerState::kAttached, {0, 0}, i);
    Run();
  }
  EXPECT_EQ(Row(1).generation, 0u);
  EXPECT_EQ(Refused(1), 0u);
  WriteSwitch(1, OwnerState::kAttached, {0, 0}, 4095);
  EXPECT_EQ(Refused(1), 1u);
  Serve(7000, 1, {0, 0});
  Send(7000);
  const auto packets = TakeHost();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].generation(), 1u);
}

TEST_P(Switch, OneWriteMovesAllFiltersOfAnOwner) {
  Grant(0, 0, kManyCredits);
  Grant(1, 7, kManyCredits);
  for (uint16_t port = 7000; port < 7016; ++port) Listen(port, 1);
  Attach(1, {0, 0});
  for (uint16_t port = 7000; port < 7016; ++port) Send(port);
  EXPECT_EQ(TakeIds({0, 0}).size(), 16u);
  Attach(1, {1, 7});
  for (uint16_t port = 7000; port < 7016; ++port) Send(port);
  EXPECT_EQ(TakeIds({1, 7}).size(), 16u);
}

TEST_P(Switch, AnAttachedOwnerMovesBetweenTwoPackets) {
  Serve(7000, 1, {0, 0});
  Grant(1, 0, kManyCredits);
  std::vector<uint32_t> sent;
  for (int i = 0; i < 60; ++i) {
    sent.push_back(next_id_++);
    Offer(MakeFrame({.dst4 = kIp, .dst_port = 7000, .length = 60u + i, .id = sent.back()}));
    if (i % 8 == 7) {
      WriteSwitch(1, OwnerState::kAttached, {i / 8 % 2 ? 0u : 1u, 0}, Row(1).generation);
    }
    if (i % 3 == 0) card().Step(now());
  }
  Run();
  EXPECT_EQ(Refused(1), 0u);
  std::vector<uint32_t> seen;
  uint32_t generation = 1;
  for (const auto& packet : TakeHost()) {
    seen.push_back(FrameId(packet.bytes));
    EXPECT_EQ(packet.sequence(), seen.size() - 1);
    EXPECT_GE(packet.generation(), generation);
    generation = packet.generation();
    EXPECT_EQ(packet.function, generation % 2 ? 0 : 1);
  }
  EXPECT_EQ(seen, sent);
}

TEST_P(Switch, TheLeaseIsComparedAndSwapped) {
  const auto write = [&](OwnerState state, uint32_t generation) {
    Write(regs::kRegLease,
          SwitchWord{.state = static_cast<uint32_t>(state), .generation = generation}.Pack());
  };
  const auto expect = [&](OwnerState state, uint32_t generation) {
    const auto lease = SwitchWord::Unpack(Read(regs::kRegLease));
    EXPECT_EQ(lease.state, static_cast<uint32_t>(state));
    EXPECT_EQ(lease.generation, generation);
  };
  expect(OwnerState::kDetached, 0);
  write(OwnerState::kAttached, 1);
  expect(OwnerState::kDetached, 0);
  write(OwnerState::kAttached, 0);
  expect(OwnerState::kAttached, 1);
  write(OwnerState::kAttached, 0);  // a rival
  expect(OwnerState::kAttached, 1);
  write(OwnerState::kHeld, 1);
  expect(OwnerState::kHeld, 1);
  write(OwnerState::kAttached, 1);
  expect(OwnerState::kAttached, 2);
  write(OwnerState::kDetached, 2);
  expect(OwnerState::kDetached, 2);
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
}

}  // namespace
}  // namespace farrier::conformance
