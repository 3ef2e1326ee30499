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
  port.Deliver(RxPacketBytes({.generation = 5, .sequence = 42, .was_held = true, .frame = frame}));
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
  for (int i = 0; i < 4; ++i) port.Deliver(RxPacketBytes({}));
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
  for (int i = 0; i < 5; ++i) port.Deliver(RxPacketBytes({.sequence = static_cast<uint32_t>(i)}));
  std::array<runtime::Packet, 8> out;
  EXPECT_EQ(port.RxBurst(out), 4u);
  EXPECT_EQ(port.counters().rx_no_buffer, 1u);
  port.Release(out);
}

TEST(CardPort, MarksAreSwallowedAndRemembered) {
  FakeCard card;
  CardPort port(card, kOptions);
  port.Deliver(RxPacketBytes({}));
  port.Deliver(MarkBytes(1, 6));
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
  port.Deliver(MarkBytes(1, 0));
  std::array<runtime::Packet, 1> out;
  EXPECT_EQ(port.RxBurst(out), 0u);
  EXPECT_TRUE(port.MarkSeen(0));
}

TEST(CardPort, OtherOwnersAndBadPrefixesAreDroppedAndCounted) {
  FakeCard card;
  CardPort port(card, kOptions);
  auto bad = RxPacketBytes({});
  bad[14] = 0;
  port.Deliver(bad);
  port.Deliver(RxPacketBytes({.owner = 2}));
  port.Deliver(MarkBytes(2, 1));
  port.Deliver({});
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

TEST(CardPort, AskedToSleepWithPacketsWaitingItSaysNo) {
  FakeCard card;
  CardPort port(card, kOptions);
  EXPECT_TRUE(port.ArmRxEvent());
  port.Deliver(RxPacketBytes({}));
  EXPECT_FALSE(port.ArmRxEvent());
}

}  // namespace
}  // namespace farrier::driver
