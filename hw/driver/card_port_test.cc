#include "hw/driver/card_port.h"

#include <algorithm>
#include <array>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/fake_card.h"

namespace farrier::driver {
namespace {

constexpr std::pair<int, int> kPlace = {1, 2};
const CardPortOptions kOptions = {.owner = runtime::OwnerId{1},
                                  .function = kPlace.first,
                                  .queue = kPlace.second,
                                  .rx_buffers = 4,
                                  .tx_buffers = 3,
                                  .max_frame = 100};

void SendOne(CardPort& port, uint8_t fill, uint32_t length) {
  std::array<runtime::Packet, 1> packet;
  ASSERT_EQ(port.Reserve(packet), 1u);
  std::fill_n(packet[0].data(), length, fill);
  packet[0].set_length(length);
  port.Commit(packet);
  EXPECT_TRUE(packet[0].empty());
}

TEST(CardPort, StripsThePrefixAndFillsMetadata) {
  FakeCard card;
  CardPort port(card, kOptions);
  std::vector<uint8_t> frame(77, 0x11);
  port.Deliver(kPlace.second,
               RxPacketBytes({.generation = 5, .sequence = 42, .was_held = true, .frame = frame}));
  std::array<runtime::Packet, 4> out;
  ASSERT_EQ(port.RxBurst(out), 1u);
  EXPECT_THAT(out[0].bytes(), testing::ElementsAreArray(frame));
  EXPECT_EQ(out[0].rx.sequence, 42u);
  EXPECT_EQ(out[0].rx.generation, 5);
  EXPECT_TRUE(out[0].rx.was_held);
  port.Release(std::span(out).first(1));
  EXPECT_TRUE(out[0].empty());
}

TEST(CardPort, CreditsAreGrantedAtFirstAndAsBuffersComeBack) {
  FakeCard card;
  CardPort port(card, kOptions);
  EXPECT_EQ(card.credits[kPlace], 4u);
  for (int i = 0; i < 4; ++i) port.Deliver(kPlace.second, RxPacketBytes({}));
  std::array<runtime::Packet, 4> out;
  ASSERT_EQ(port.RxBurst(out), 4u);
  EXPECT_EQ(card.credits[kPlace], 4u);
  port.Release(std::span(out).first(3));
  EXPECT_EQ(card.credits[kPlace], 7u);
  port.Release(std::span(out).last(1));
  EXPECT_EQ(card.credits[kPlace], 8u);
}

TEST(CardPort, APacketWithoutACreditIsDroppedAndCounted) {
  FakeCard card;
  CardPort port(card, kOptions);
  for (int i = 0; i < 5; ++i)
    port.Deliver(kPlace.second, RxPacketBytes({.sequence = static_cast<uint32_t>(i)}));
  std::array<runtime::Packet, 8> out;
  EXPECT_EQ(port.RxBurst(out), 4u);
  EXPECT_EQ(port.counters().rx_no_buffer, 1u);
  port.Release(out);
}

TEST(CardPort, ThePrefixIsHeadroomOfWhatIsReceived) {
  FakeCard card;
  CardPort port(card, kOptions);
  port.Deliver(kPlace.second, RxPacketBytes({}));
  std::array<runtime::Packet, 1> out;
  ASSERT_EQ(port.RxBurst(out), 1u);
  ASSERT_TRUE(out[0].Prepend(regs::kPrefixBytes));
  std::fill_n(out[0].data(), out[0].length(), uint8_t{0xEE});
  EXPECT_FALSE(out[0].Prepend(1));
  port.Release(out);
  EXPECT_EQ(card.credits[kPlace], 5u) << "its buffer goes back to the card";
}

TEST(CardPort, MarksAreSwallowedAndRemembered) {
  FakeCard card;
  CardPort port(card, kOptions);
  port.Deliver(kPlace.second, RxPacketBytes({}));
  port.Deliver(kPlace.second, MarkBytes(1, 6));
  EXPECT_FALSE(port.MarkSeen(6));
  std::array<runtime::Packet, 4> out;
  EXPECT_EQ(port.RxBurst(out), 1u);
  EXPECT_TRUE(port.MarkSeen(6));
  EXPECT_FALSE(port.MarkSeen(5));
  EXPECT_EQ(port.counters().marks, 1u);
  EXPECT_EQ(card.credits[kPlace], 5u) << "its buffer goes back to the card";
  port.Release(out);
}

TEST(CardPort, AMarkOfGenerationZeroIsNotSeenBeforeItCame) {
  FakeCard card;
  CardPort port(card, kOptions);
  EXPECT_FALSE(port.MarkSeen(0));
  port.Deliver(kPlace.second, MarkBytes(1, 0));
  std::array<runtime::Packet, 1> out;
  EXPECT_EQ(port.RxBurst(out), 0u);
  EXPECT_TRUE(port.MarkSeen(0));
}

TEST(CardPort, OtherOwnersAndBadPrefixesAreDroppedAndCounted) {
  FakeCard card;
  CardPort port(card, kOptions);
  auto bad = RxPacketBytes({});
  bad[14] = 0;
  port.Deliver(kPlace.second, bad);
  port.Deliver(kPlace.second, RxPacketBytes({.owner = 2}));
  port.Deliver(kPlace.second, MarkBytes(2, 1));
  port.Deliver(kPlace.second, {});
  std::array<runtime::Packet, 4> out;
  EXPECT_EQ(port.RxBurst(out), 0u);
  EXPECT_EQ(port.counters().rx_bad_prefix, 2u);
  EXPECT_EQ(port.counters().rx_wrong_owner, 2u);
  EXPECT_FALSE(port.MarkSeen(1));
  EXPECT_EQ(card.credits[kPlace], 8u);
}

TEST(CardPort, LendsNothingBeforeItHasAGeneration) {
  FakeCard card;
  CardPort port(card, kOptions);
  std::array<runtime::Packet, 1> out;
  EXPECT_EQ(port.Reserve(out), 0u);
}

TEST(CardPort, TxIsNumberedFromOneInEachGeneration) {
  FakeCard card;
  CardPort port(card, kOptions);
  port.SetGeneration(3);
  EXPECT_EQ(port.last_tx_sequence(), 0u);
  SendOne(port, 0x55, 64);
  SendOne(port, 0x66, 65);
  EXPECT_EQ(port.last_tx_sequence(), 2u);
  port.SetGeneration(4);
  EXPECT_EQ(port.last_tx_sequence(), 0u);
  SendOne(port, 0x77, 66);
  const auto& sent = card.from_host[kPlace];
  ASSERT_EQ(sent.size(), 3u);
  const int generation[] = {3, 3, 4};
  const int sequence[] = {1, 2, 1};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sent[i].size(), regs::kPrefixBytes + 64u + i);
    EXPECT_EQ(sent[i][regs::prefix::kOwner], 1);
    EXPECT_EQ(sent[i][regs::prefix::kGeneration], generation[i]);
    EXPECT_EQ(sent[i][regs::prefix::kSequence], sequence[i]);
    EXPECT_EQ(sent[i].back(), 0x55 + 0x11 * i);
  }
}

TEST(CardPort, AReservedPacketOfLengthZeroIsNotSentAndTakesNoNumber) {
  FakeCard card;
  CardPort port(card, kOptions);
  port.SetGeneration(1);
  std::array<runtime::Packet, 8> out;
  ASSERT_EQ(port.Reserve(out), 3u);
  out[1].set_length(60);
  port.Commit(std::span(out).first(3));
  EXPECT_EQ(card.from_host[kPlace].size(), 1u);
  EXPECT_EQ(port.last_tx_sequence(), 1u);
  EXPECT_EQ(port.Reserve(out), 3u);
  port.Commit(std::span(out).first(3));
}

TEST(CardPort, NeverLendsMoreThanTheCardCanTake) {
  FakeCard card;
  card.room = 0;
  CardPort port(card, kOptions);
  port.SetGeneration(1);
  SendOne(port, 1, 60);
  SendOne(port, 2, 60);
  std::array<runtime::Packet, 8> out;
  ASSERT_EQ(port.Reserve(out), 1u);
  port.Commit(std::span(out).first(1));
  ASSERT_EQ(port.Reserve(out), 1u) << "length 0 gave the buffer back";
  out[0].set_length(60);
  port.Commit(std::span(out).first(1));
  EXPECT_EQ(port.Reserve(out), 0u);
  card.room = 2;
  port.Flush();
  EXPECT_EQ(card.from_host[kPlace].size(), 2u);
  EXPECT_EQ(card.from_host[kPlace][1].back(), 2) << "in order";
  EXPECT_EQ(port.Reserve(out), 2u);
  port.Commit(std::span(out).first(2));
}

constexpr CardPortOptions TwoQueues() {
  CardPortOptions options = kOptions;
  options.queues = 2;
  return options;
}

TEST(CardPort, EveryQueueHasCreditsOfItsOwn) {
  FakeCard card;
  CardPort port(card, TwoQueues());
  EXPECT_EQ(card.credits[kPlace], 4u);
  EXPECT_EQ(card.credits[(std::pair{1, 3})], 4u);
  port.Deliver(2, RxPacketBytes({}));
  port.Deliver(3, RxPacketBytes({}));
  port.Deliver(3, RxPacketBytes({}));
  port.Deliver(4, RxPacketBytes({}));
  port.Deliver(1, RxPacketBytes({}));
  EXPECT_EQ(port.counters().rx_no_buffer, 2u) << "queues of others";
  std::array<runtime::Packet, 4> out;
  ASSERT_EQ(port.RxBurst(out), 3u);
  port.Release(out);
  EXPECT_EQ(card.credits[kPlace], 5u);
  EXPECT_EQ(card.credits[(std::pair{1, 3})], 6u);
  EXPECT_EQ(port.counters().rx_of_queue[0], 1u);
  EXPECT_EQ(port.counters().rx_of_queue[1], 2u);
  EXPECT_EQ(port.counters().rx_packets, 3u);
}

TEST(CardPort, QueuesTakeTurnsAndKeepTheirOrder) {
  FakeCard card;
  CardPort port(card, TwoQueues());
  for (uint32_t i = 0; i < 4; ++i) port.Deliver(2, RxPacketBytes({.sequence = i}));
  port.Deliver(3, RxPacketBytes({.sequence = 100}));
  port.Deliver(3, RxPacketBytes({.sequence = 101}));
  std::array<runtime::Packet, 3> out;
  std::vector<uint32_t> sequences;
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(port.RxBurst(out), 3u);
    for (const auto& packet : out) sequences.push_back(packet.rx.sequence);
    port.Release(out);
  }
  EXPECT_THAT(sequences, testing::ElementsAre(0, 100, 1, 101, 2, 3));
}

TEST(CardPort, ItIsDrainedWhenTheMarkHasComeOnEveryQueue) {
  FakeCard card;
  CardPort port(card, TwoQueues());
  std::array<runtime::Packet, 1> out;
  port.Deliver(2, MarkBytes(1, 6));
  EXPECT_EQ(port.RxBurst(out), 0u);
  EXPECT_FALSE(port.MarkSeen(6));
  port.Deliver(3, MarkBytes(1, 5));
  EXPECT_EQ(port.RxBurst(out), 0u);
  EXPECT_FALSE(port.MarkSeen(6)) << "of another generation";
  port.Deliver(3, MarkBytes(1, 6));
  EXPECT_FALSE(port.ArmRxEvent()) << "any queue counts";
  EXPECT_EQ(port.RxBurst(out), 0u);
  EXPECT_TRUE(port.MarkSeen(6));
  EXPECT_EQ(port.counters().marks, 3u);
}

// Room for ten packets of up to two cells.
class TxCellsTest : public testing::Test {
 protected:
  static CardPortOptions Options() {
    CardPortOptions options = kOptions;
    options.tx_buffers = 64;
    options.max_frame = 1000;
    return options;
  }

  TxCellsTest() {
    port_.SetGeneration(7, TxCells{.quota = 20, .taken = kTaken, .released = kTaken});
  }

  void Send(int packets, uint32_t length) {
    for (int i = 0; i < packets; ++i) SendOne(port_, 1, length);
  }
  size_t MayReserve() {
    std::array<runtime::Packet, 64> out;
    const size_t n = port_.Reserve(out);
    port_.Commit(std::span(out).first(n));
    return n;
  }
  void Receive(uint32_t released, regs::PrefixKind kind = regs::PrefixKind::kPacket) {
    auto bytes = RxPacketBytes({.kind = kind, .frame = std::vector<uint8_t>(64)});
    for (int i = 0; i < 4; ++i) bytes[regs::prefix::kTxReleased + i] = released >> (8 * i);
    port_.Deliver(kPlace.second, bytes);
    std::array<runtime::Packet, 1> out;
    port_.Release(std::span(out).first(port_.RxBurst(out)));
  }
  std::vector<bool> ReportsAsked() {
    std::vector<bool> asked;
    for (const auto& sent : card_.from_host[kPlace]) {
      asked.push_back((sent[regs::prefix::kFlags] & regs::prefix::kFlagReportDeparture) != 0);
    }
    return asked;
  }

  static constexpr uint32_t kTaken = 0xFFFFFFF8;  // about to wrap
  FakeCard card_;
  CardPort port_{card_, Options()};
};

TEST_F(TxCellsTest, NeverMoreIsLentThanTheQuotaHasRoomFor) {
  EXPECT_EQ(MayReserve(), 10u) << "any could be as long as can be";
  Send(9, 513);  // two cells each
  EXPECT_EQ(MayReserve(), 1u);
  EXPECT_FALSE(port_.OutOfTxCells());
  Send(1, 60);  // one
  EXPECT_EQ(MayReserve(), 0u);
  EXPECT_TRUE(port_.OutOfTxCells());
  EXPECT_EQ(port_.counters().tx_no_cells, 1u);
}

TEST_F(TxCellsTest, WhatIsLentCountsUntilItComesBack) {
  std::array<runtime::Packet, 6> lent;
  ASSERT_EQ(port_.Reserve(lent), 6u);
  EXPECT_EQ(MayReserve(), 4u);
  lent[0].set_length(100);
  port_.Commit(lent);
  EXPECT_EQ(MayReserve(), 9u);
}

TEST_F(TxCellsTest, EveryPacketTellsWhatWasGivenBack) {
  Send(10, 1000);
  EXPECT_EQ(MayReserve(), 0u);
  Receive(kTaken + 4);
  EXPECT_EQ(MayReserve(), 2u);
  EXPECT_FALSE(port_.OutOfTxCells());
  Receive(kTaken + 2);
  EXPECT_EQ(MayReserve(), 2u) << "an older one, from another queue";
  Receive(kTaken + 20);
  EXPECT_EQ(MayReserve(), 10u);
}

TEST_F(TxCellsTest, ADepartureReportTellsItTooAndIsSwallowed) {
  Send(10, 1000);
  Receive(kTaken + 20, regs::PrefixKind::kSent);
  EXPECT_EQ(MayReserve(), 10u);
  EXPECT_EQ(port_.counters().departures_reported, 1u);
  EXPECT_EQ(port_.counters().rx_packets, 0u);
}

TEST_F(TxCellsTest, ReportsAreAskedForOnlyWhenTheQuotaRunsLow) {
  Send(10, 1000);
  EXPECT_THAT(ReportsAsked(), testing::ElementsAre(false, false, false, false, false, true, true,
                                                   true, true, true));
  card_.from_host.clear();
  Receive(kTaken + 20);
  Send(5, 1000);
  EXPECT_THAT(ReportsAsked(), testing::Each(false));
}

TEST_F(TxCellsTest, CellsThatAPredecessorGaveBackAreNotCountedTwice) {
  Receive(kTaken + 30);
  EXPECT_EQ(MayReserve(), 10u);
  Send(10, 1000);
  EXPECT_EQ(MayReserve(), 0u);
  Receive(kTaken + 32);
  EXPECT_EQ(MayReserve(), 1u);
}

TEST_F(TxCellsTest, TheRegistersHelpWhereReportsGotLost) {
  Send(10, 1000);
  EXPECT_EQ(MayReserve(), 0u);
  // Four were dropped; the card does not know of two yet: nothing can be said of those.
  const TxCells on_card = {.quota = 20, .taken = kTaken + 12, .released = kTaken + 12};
  port_.SyncTxCells(8, on_card);
  EXPECT_EQ(MayReserve(), 6u);
  port_.SyncTxCells(10, on_card);
  EXPECT_EQ(MayReserve(), 10u);
}

TEST_F(TxCellsTest, WithoutPacingThereIsNoLimit) {
  port_.SetGeneration(8);
  EXPECT_EQ(MayReserve(), 64u);
  Receive(0);
  Send(60, 1000);
  EXPECT_EQ(MayReserve(), 64u);
  EXPECT_THAT(ReportsAsked(), testing::Each(false));
}

TEST(CardPort, CountsWhatHasADepartureTime) {
  FakeCard card;
  CardPort port(card, kOptions);
  port.SetGeneration(1);
  std::array<runtime::Packet, 2> packets;
  ASSERT_EQ(port.Reserve(packets), 2u);
  packets[0].tx.departure = 5;
  for (auto& packet : packets) packet.set_length(60);
  port.Commit(packets);
  EXPECT_EQ(port.counters().tx_timed, 1u);
  EXPECT_EQ(port.counters().tx_packets, 2u);
}

TEST(CardPort, AskedToSleepWithPacketsWaitingItSaysNo) {
  FakeCard card;
  CardPort port(card, kOptions);
  EXPECT_TRUE(port.ArmRxEvent());
  port.Deliver(kPlace.second, RxPacketBytes({}));
  EXPECT_FALSE(port.ArmRxEvent());
}

}  // namespace
}  // namespace farrier::driver
