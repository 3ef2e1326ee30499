// Host to wire on a prefixed function.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class TxTest : public CardTest {
 protected:
  void SetUp() override {
    CardTest::SetUp();
    Attach(1, {0, 3});
  }

  // Sends a frame as owner 1 would; runs.
  Bytes SendTx(uint32_t generation, uint32_t sequence, size_t length = 60,
               const Place& from = {0, 3}, uint8_t owner = 1) {
    const Bytes frame = MakeFrame({.length = length, .id = next_id_++});
    OfferHost(from.function, from.queue, TxPacket(owner, generation, sequence, frame));
    Run();
    return frame;
  }

  uint32_t TxSeen(uint32_t owner) { return Read(regs::kRegOwnerTxSeen(owner)); }
};
FARRIER_ON_EVERY_CARD(TxTest);

TEST_P(TxTest, TheFrameReachesTheWireWithoutItsPrefix) {
  const Bytes frame = SendTx(1, 1, 77);
  EXPECT_THAT(TakeWire(), ElementsAre(frame));
  EXPECT_EQ(TxSeen(1), 1u);
  EXPECT_EQ(Count(1, OwnerCounter::kTx), 1u);
  EXPECT_EQ(Count(GlobalCounter::kTxPackets), 1u);
  EXPECT_EQ(Count(GlobalCounter::kTxBytes), 77u);
}

TEST_P(TxTest, FramesOfEveryLengthLeaveByteForByte) {
  std::vector<size_t> lengths;
  for (size_t length = 14; length <= 76; ++length) lengths.push_back(length);
  for (const size_t length :
       {127,  128,  129,  191,  192,  193,  255,  256,  257,  511,  512,  513,
        1023, 1024, 1025, 1514, 4095, 4096, 4097, 9535, 9536, 9537, 9599, 9600}) {
    lengths.push_back(length);
  }
  std::vector<Bytes> sent;
  for (const size_t length : lengths) {
    sent.push_back(SendTx(1, static_cast<uint32_t>(sent.size() + 1), length));
  }
  EXPECT_EQ(TakeWire(), sent);
  EXPECT_EQ(TxSeen(1), sent.size());
}

TEST_P(TxTest, ABurstLeavesInOrder) {
  std::vector<Bytes> sent;
  for (uint32_t i = 1; i <= 200; ++i) {
    sent.push_back(MakeFrame({.length = 60 + i * 7 % 300, .id = i}));
    OfferHost(0, 3, TxPacket(1, 1, i, sent.back()));
  }
  Run();
  EXPECT_EQ(TakeWire(), sent);
  EXPECT_EQ(TxSeen(1), 200u);
}

TEST_P(TxTest, AnotherGenerationIsStale) {
  Attach(1, {0, 3});  // 2 now
  for (const uint32_t generation : {0u, 1u, 3u, 2u + 4096, 0xFFFFu}) SendTx(generation, 5);
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(Count(1, OwnerCounter::kTxStale), 5u);
  EXPECT_EQ(Count(1, OwnerCounter::kTx), 0u);
  EXPECT_EQ(TxSeen(1), 0u);
  SendTx(2, 5);
  EXPECT_THAT(TakeWire(), SizeIs(1));
}

TEST_P(TxTest, AttachedAndHeldRowsSend) {
  Hold(1);
  SendTx(1, 9);
  EXPECT_THAT(TakeWire(), SizeIs(1));
  EXPECT_EQ(TxSeen(1), 9u) << "the old daemon waits for this before it stops";
}

TEST_P(TxTest, DetachedAndDroppingRowsDoNot) {
  for (const OwnerState state : {OwnerState::kDetached, OwnerState::kDrop}) {
    Become(1, state);
    SendTx(1, 9);
  }
  SendTx(0, 1, 60, {0, 0}, 200);  // never attached
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(Count(1, OwnerCounter::kTxStale), 2u);
  EXPECT_EQ(Count(200, OwnerCounter::kTxStale), 1u);
}

TEST_P(TxTest, TheOldGenerationStopsAtTheCommit) {
  Hold(1);
  SendTx(1, 7);
  EXPECT_EQ(TxSeen(1), 7u);
  Attach(1, {1, 0});
  EXPECT_EQ(TxSeen(1), 0u);
  SendTx(1, 8);
  EXPECT_EQ(TxSeen(1), 0u);
  EXPECT_EQ(Count(1, OwnerCounter::kTxStale), 1u);
  SendTx(2, 1, 60, {1, 0});
  EXPECT_EQ(TxSeen(1), 1u);
  EXPECT_THAT(TakeWire(), SizeIs(2));
}

TEST_P(TxTest, OnlyAnAcceptedAttachedResetsTxSeen) {
  SendTx(1, 7);
  WriteSwitch(1, OwnerState::kAttached, {0, 3}, 5);
  Run();
  EXPECT_EQ(TxSeen(1), 7u);
  Hold(1);
  EXPECT_EQ(TxSeen(1), 7u);
  Become(1, OwnerState::kDrop);
  EXPECT_EQ(TxSeen(1), 7u);
}

TEST_P(TxTest, TxSeenHas32BitsAndIsWhateverCameLast) {
  SendTx(1, 0xFFFFFFFF);
  EXPECT_EQ(TxSeen(1), 0xFFFFFFFF);
  SendTx(1, 0x01020304);
  EXPECT_EQ(TxSeen(1), 0x01020304u);
  EXPECT_THAT(TakeWire(), SizeIs(2));
}

TEST_P(TxTest, AnyFunctionMaySendForAnOwner) {
  SendTx(1, 1, 60, {1, 9});
  EXPECT_THAT(TakeWire(), SizeIs(1));
  EXPECT_EQ(TxSeen(1), 1u);
}

TEST_P(TxTest, OwnersAreToldApart) {
  Attach(255, {1, 0});
  Attach(255, {1, 0});
  SendTx(1, 4);
  SendTx(2, 6, 60, {1, 0}, 255);
  EXPECT_THAT(TakeWire(), SizeIs(2));
  EXPECT_EQ(TxSeen(1), 4u);
  EXPECT_EQ(TxSeen(255), 6u);
  EXPECT_EQ(Count(255, OwnerCounter::kTx), 1u);
}

TEST_P(TxTest, WrongConstantBytesAreABadPrefix) {
  uint64_t bad = 0;
  for (const auto& fixed : regs::prefix::kFixed) {
    for (const uint8_t flip : {0x01, 0x80}) {
      Bytes packet = TxPacket(1, 1, 1, MakeFrame({}));
      packet[fixed.offset] ^= flip;
      OfferHost(0, 3, packet);
      Run();
      EXPECT_EQ(Count(GlobalCounter::kTxBadPrefix), ++bad) << "byte " << int{fixed.offset};
    }
  }
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(TxSeen(1), 0u);
}

TEST_P(TxTest, OtherKindsAreABadPrefix) {
  for (const uint8_t kind : {0, 2, 3, 0x81, 0xFF}) {
    Bytes packet = TxPacket(1, 1, 1, MakeFrame({}));
    packet[regs::prefix::kKind] = kind;
    OfferHost(0, 3, packet);
  }
  Run();
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxBadPrefix), 5u);
  EXPECT_EQ(Count(1, OwnerCounter::kTxStale), 0u);
}

TEST_P(TxTest, BytesWithoutAMeaningAreNotLookedAt) {
  Bytes packet = TxPacket(1, 1, 1, MakeFrame({}));
  for (size_t i = 0; i < regs::kPrefixBytes; ++i) {
    const bool constant = i == 12 || i == 13 || i == 14 || i == 23;
    const bool field = i == regs::prefix::kKind || i == regs::prefix::kOwner ||
                       (i >= regs::prefix::kGeneration && i < regs::prefix::kSequence + 4);
    const bool time = i >= regs::prefix::kTime && i < regs::prefix::kTime + 8;
    const bool wish = i == regs::prefix::kFlags || i == regs::prefix::kPacingClass;
    if (!constant && !field && !time && !wish) packet[i] ^= 0xFF;
  }
  OfferHost(0, 3, packet);
  Run();
  EXPECT_THAT(TakeWire(), SizeIs(1));
}

TEST_P(TxTest, WishesTheCardCannotGrantAreIgnored) {
  const auto capabilities = regs::Capabilities::Unpack(Read(regs::kRegCapabilities));
  const Bytes frame = MakeFrame({});
  Bytes packet = TxPacket(1, 1, 1, frame);
  if (!capabilities.pacing) {
    packet[regs::prefix::kTime + 7] = 0x7F;  // a departure in centuries
    packet[regs::prefix::kPacingClass] = 200;
    packet[regs::prefix::kFlags] |= regs::prefix::kFlagReportDeparture;
  }
  if (!capabilities.tx_checksum) {
    packet[regs::prefix::kFlags] |= regs::prefix::kFlagInsertChecksum;
  }
  OfferHost(0, 3, packet);
  Run();
  EXPECT_THAT(TakeWire(), ElementsAre(frame));
}

TEST_P(TxTest, TooShortAndTooLongAreABadPrefix) {
  const Bytes whole = TxPacket(1, 1, 1, MakeFrame({.length = 9700}));
  uint64_t bad = 0;
  for (const size_t length : {1, 13, 35, 63, 64, 65, 77, 9665, 9700, 9728, 9764}) {
    OfferHost(0, 3, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)));
    Run();
    EXPECT_EQ(Count(GlobalCounter::kTxBadPrefix), ++bad) << length << " bytes";
  }
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(TxSeen(1), 0u);
  const Bytes frame = SendTx(1, 1);
  EXPECT_THAT(TakeWire(), ElementsAre(frame));
}

TEST_P(TxTest, ABareFrameIsABadPrefix) {
  OfferHost(0, 3, MakeFrame({.length = 200}));
  Run();
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxBadPrefix), 1u);
}

TEST_P(TxTest, ADisabledFunctionSendsNothing) {
  Write(regs::kRegFunctionControl(0), 0);
  SendTx(1, 1);
  SendTx(9, 1);  // not looked at further
  OfferHost(0, 3, Bytes(10));
  Run();
  EXPECT_THAT(TakeWire(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxDisabled), 3u);
  EXPECT_EQ(Count(1, OwnerCounter::kTxStale), 0u);
  EXPECT_EQ(Count(GlobalCounter::kTxBadPrefix), 0u);
  EXPECT_EQ(TxSeen(1), 0u);
  SendTx(1, 1, 60, {1, 0});
  Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1}.Pack());
  SendTx(1, 2);
  EXPECT_THAT(TakeWire(), SizeIs(2));
}

TEST_P(TxTest, BadPacketsDoNotDisturbTheirNeighbours) {
  std::vector<Bytes> sent;
  for (uint32_t i = 1; i <= 40; ++i) {
    sent.push_back(MakeFrame({.length = 60 + 13 * i, .id = i}));
    OfferHost(0, 3, TxPacket(1, 1, i, sent.back()));
    switch (i % 4) {
      case 0:
        OfferHost(0, 3, Bytes(1 + i));
        break;
      case 1:
        OfferHost(0, 3, TxPacket(1, 3, 99, MakeFrame({.length = 600})));
        break;
      case 2:
        OfferHost(1, 3, Bytes(9'800, 0x45));
        break;
      default:
        break;
    }
  }
  Run();
  EXPECT_EQ(TakeWire(), sent);
}

}  // namespace
}  // namespace farrier::conformance
