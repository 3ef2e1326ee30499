// Checksums filled in on the way to the wire.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::SizeIs;

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

class InsertionTest : public CardTest {
 protected:
  void SetUp() override {
    CardTest::SetUp();
    Attach(1, {0, 0});
  }

  // What leaves when a frame is sent with the wish for checksums.
  Bytes SendTx(const Bytes& frame, bool insert = true) {
    OfferHost(0, 0, TxPacket(1, 1, next_id_++, frame, {.insert_checksum = insert}));
    Run();
    auto wire = TakeWire();
    EXPECT_THAT(wire, SizeIs(1));
    return wire.empty() ? Bytes() : wire[0];
  }

  static size_t L3(const FrameSpec& spec) { return 14 + 4 * spec.vlans.size(); }

  static void Spoil(Bytes& frame, size_t at) {
    frame.at(at) = 0xDE;
    frame.at(at + 1) = 0xAD;
  }

  // The frame with garbage where its checksums belong.
  static Bytes Spoiled(const FrameSpec& spec) {
    Bytes frame = MakeFrame(spec);
    if (!spec.ipv6) Spoil(frame, L3(spec) + 10);
    if (spec.protocol == kUdp) Spoil(frame, L4Offset(spec) + 6);
    if (spec.protocol == kTcp) Spoil(frame, L4Offset(spec) + 16);
    return frame;
  }
};
FARRIER_ON_EVERY_CARD(InsertionTest);

TEST_P(InsertionTest, WithoutTheWishNothingIsTouched) {
  FARRIER_NEEDS(tx_checksum);
  const Bytes frame = Spoiled({.length = 100});
  EXPECT_EQ(SendTx(frame, false), frame);
}

TEST_P(InsertionTest, WhatIsInTheirPlacesDoesNotCount) {
  FARRIER_NEEDS(tx_checksum);
  for (const bool ipv6 : {false, true}) {
    for (const uint8_t protocol : {kUdp, kTcp}) {
      for (size_t length = 78; length < 210; ++length) {
        const FrameSpec spec = {
            .ipv6 = ipv6, .protocol = protocol, .length = length, .id = next_id_};
        EXPECT_EQ(SendTx(Spoiled(spec)), MakeFrame(spec)) << length;
      }
    }
  }
}

TEST_P(InsertionTest, HeadersWhereverTheyAre) {
  FARRIER_NEEDS(tx_checksum);
  const FrameSpec specs[] = {
      {.option_words = 1},
      {.option_words = 10},
      {.vlans = {{0x8100, 5}}},
      {.vlans = {{0x88A8, 5}, {0x8100, 6}}, .option_words = 10},
      {.ipv6 = true, .vlans = {{0x88A8, 5}, {0x8100, 6}}},
      {.ipv6 = true, .extensions = {{0, 8}}},
      {.ipv6 = true, .extensions = {{0, 8}, {60, 16}, {60, 8}, {60, 8}}},
      {.ipv6 = true, .vlans = {{0x8100, 5}}, .extensions = {{0, 112}}},
  };
  for (FrameSpec spec : specs) {
    for (const uint8_t protocol : {kUdp, kTcp}) {
      for (const size_t length : {260, 261, 1'514, 4'097, 9'599, 9'600}) {
        spec.protocol = protocol;
        spec.length = length;
        spec.id = next_id_;
        EXPECT_EQ(SendTx(Spoiled(spec)), MakeFrame(spec)) << length;
      }
    }
  }
}

TEST_P(InsertionTest, PaddingIsNotCounted) {
  FARRIER_NEEDS(tx_checksum);
  for (const size_t padding : {1, 2, 17}) {
    const FrameSpec spec = {.length = 80, .padding = padding, .id = next_id_};
    EXPECT_EQ(SendTx(Spoiled(spec)), MakeFrame(spec)) << padding;
  }
}

TEST_P(InsertionTest, AZeroIsWrittenAsOnesForUdp) {
  FARRIER_NEEDS(tx_checksum);
  // Put a frame's checksum into its payload: then the sum is all ones.
  const FrameSpec spec = {.length = 80, .id = 0};
  Bytes frame = MakeFrame(spec);
  frame[42] = frame[43] = 0;
  frame = SendTx(frame);
  frame[42] = frame[40];
  frame[43] = frame[41];
  const Bytes sent = SendTx(frame);
  EXPECT_EQ(sent[40], 0xFF);
  EXPECT_EQ(sent[41], 0xFF);
}

TEST_P(InsertionTest, FragmentsGetIpsAlone) {
  FARRIER_NEEDS(tx_checksum);
  for (const uint16_t word : {0x2000, 0x2001, 5}) {
    const FrameSpec spec = {.fragment_word = word, .length = 100};
    Bytes expected = Spoiled(spec);
    FixIpChecksum(expected);
    EXPECT_EQ(SendTx(Spoiled(spec)), expected);
  }
  const Bytes ipv6 = Spoiled({.ipv6 = true, .extensions = {{44, 8}}, .length = 100});
  EXPECT_EQ(SendTx(ipv6), ipv6);
}

TEST_P(InsertionTest, BehindARoutingHeaderNothingIsTouched) {
  FARRIER_NEEDS(tx_checksum);
  const Bytes frame = Spoiled({.ipv6 = true, .extensions = {{43, 8}}, .length = 100});
  EXPECT_EQ(SendTx(frame), frame) << "whose destination would count is not known";
}

TEST_P(InsertionTest, WhatIsMalformedIsLeftAlone) {
  FARRIER_NEEDS(tx_checksum);
  Bytes frame = Spoiled({.length = 100});
  frame[14] = 0x44;
  EXPECT_EQ(SendTx(frame), frame) << "IHL 4";
  frame = Spoiled({.length = 100});
  frame[16] = 0x10;
  EXPECT_EQ(SendTx(frame), frame) << "longer than the frame";
  frame = Spoiled({.length = 100});
  frame[39] = 7;
  Bytes expected = frame;
  FixIpChecksum(expected);
  EXPECT_EQ(SendTx(frame), expected) << "UDP alone is malformed";
  frame = Spoiled({.protocol = kTcp, .length = 100});
  frame[46] = 0x40;
  expected = frame;
  FixIpChecksum(expected);
  EXPECT_EQ(SendTx(frame), expected) << "TCP alone is malformed";
}

TEST_P(InsertionTest, OtherFramesAreLeftAlone) {
  FARRIER_NEEDS(tx_checksum);
  Bytes arp = Spoiled({.length = 60});
  arp[13] = 0x06;
  EXPECT_EQ(SendTx(arp), arp);
  const FrameSpec sctp = {.protocol = 132, .length = 100};
  EXPECT_EQ(SendTx(Spoiled(sctp)), MakeFrame(sctp)) << "IP's checksum alone";
  for (const size_t length : {14, 15, 17, 18, 33, 34, 41}) {
    Bytes cut = MakeFrame({.length = 60});
    cut.resize(length);
    EXPECT_EQ(SendTx(cut), cut) << length;
  }
}

TEST_P(InsertionTest, PacketsThatWaitAreFilledInToo) {
  FARRIER_NEEDS(tx_checksum);
  FARRIER_NEEDS(pacing);
  const FrameSpec spec = {.length = 700, .id = 3};
  OfferHost(0, 0,
            TxPacket(1, 1, 1, Spoiled(spec),
                     {.departure = static_cast<uint64_t>(now() + 5'000), .insert_checksum = true}));
  Run();
  Advance(5'000);
  EXPECT_THAT(TakeWire(), testing::ElementsAre(MakeFrame(spec)));
}

TEST_P(InsertionTest, NeighboursAreNotDisturbed) {
  FARRIER_NEEDS(tx_checksum);
  std::vector<Bytes> expected;
  for (uint32_t i = 1; i <= 60; ++i) {
    const FrameSpec spec = {
        .ipv6 = i % 3 == 0, .protocol = i % 2 ? kUdp : kTcp, .length = 100 + 37 * i % 900, .id = i};
    const bool insert = i % 5 != 0;
    OfferHost(0, 0, TxPacket(1, 1, i, Spoiled(spec), {.insert_checksum = insert}));
    expected.push_back(insert ? MakeFrame(spec) : Spoiled(spec));
  }
  Run();
  EXPECT_EQ(TakeWire(), expected);
}

}  // namespace
}  // namespace farrier::conformance
