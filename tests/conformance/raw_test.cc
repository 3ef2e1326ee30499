// Raw functions: the card as a plain NIC.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class RawTest : public CardTest {
 protected:
  // Function 1 is raw, and the default owner's.
  void SetUp() override {
    CardTest::SetUp();
    SetRaw(true);
    Grant(1, 0, kManyCredits);
    Attach(0, {1, 0});
  }

  void SetRaw(bool raw) {
    Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1, .raw = raw}.Pack());
  }
};
FARRIER_ON_EVERY_CARD(RawTest);

TEST_P(RawTest, FramesArriveBare) {
  std::vector<Bytes> sent;
  for (const size_t length : {14, 59, 60, 61, 63, 64, 65, 75, 76, 127, 128, 129, 1514, 9600}) {
    sent.push_back(MakeFrame({.length = length, .id = 77}));
    Offer(sent.back());
  }
  Run();
  const auto packets = TakeHost();
  ASSERT_EQ(packets.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(packets[i].bytes, sent[i]);
  EXPECT_EQ(Count(0, OwnerCounter::kDelivered), sent.size());
}

TEST_P(RawTest, FramesLeaveBare) {
  std::vector<Bytes> sent;
  for (const size_t length : {14, 59, 60, 61, 63, 64, 65, 75, 76, 127, 128, 129, 1514, 9600}) {
    sent.push_back(MakeFrame({.length = length, .id = 77}));
    OfferHost(1, 0, sent.back());
  }
  Run();
  EXPECT_EQ(TakeWire(), sent);
  EXPECT_EQ(Count(0, OwnerCounter::kTx), 0u) << "nobody's in particular";
}

TEST_P(RawTest, WhatLooksLikeAPrefixIsAFrame) {
  const Bytes packet = TxPacket(1, 99, 1, MakeFrame({}));
  OfferHost(1, 0, packet);
  Run();
  EXPECT_THAT(TakeWire(), ElementsAre(packet));
}

TEST_P(RawTest, TooShortAndTooLongAreDropped) {
  for (const size_t length : {1, 13, 9601, 9664, 9700}) OfferHost(1, 0, Bytes(length, 0x11));
  Run();
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxBadPrefix), 5u);
}

TEST_P(RawTest, TheOtherFunctionKeepsItsPrefixes) {
  Serve(7000, 1, {0, 0});
  Send(7000, 80);
  Send(9999, 80);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(2));
  EXPECT_EQ(packets[0].bytes.size(), 80 + regs::kPrefixBytes);
  EXPECT_EQ(packets[1].bytes.size(), 80u);
}

TEST_P(RawTest, CreditsWorkAsOnAPrefixedFunction) {
  Grant(1, 1, 3);
  Attach(0, {1, 1});
  SendMany(9999, 5);
  EXPECT_THAT(TakeHost(), SizeIs(2));
  EXPECT_EQ(Count(0, OwnerCounter::kDropNoCredit), 3u);
}

TEST_P(RawTest, HoldingSendsNoMarkAndReleasesBareFrames) {
  Hold(0);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Status(0).mark_pending, 0u);
  const Bytes frame = MakeFrame({.length = 600, .id = 3});
  Offer(frame);
  Run();
  EXPECT_EQ(Parked(0), 1u);
  Attach(0, {1, 0});
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(1));
  EXPECT_EQ(packets[0].bytes, frame);
}

TEST_P(RawTest, ADisabledRawFunctionNeitherTakesNorGives) {
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.raw = 1}.Pack());
  Send(9999);
  OfferHost(1, 0, MakeFrame({}));
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(Count(0, OwnerCounter::kDropNoCredit), 1u);
  EXPECT_EQ(Count(GlobalCounter::kTxDisabled), 1u);
}

TEST_P(RawTest, RawEndsWithItsBit) {
  SetRaw(false);
  EXPECT_EQ(Read(regs::kRegFunctionControl(1)), regs::FunctionControl{.enable = 1}.Pack());
  Send(9999, 80);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(1));
  EXPECT_EQ(packets[0].bytes.size(), 80 + regs::kPrefixBytes);
}

}  // namespace
}  // namespace farrier::conformance
