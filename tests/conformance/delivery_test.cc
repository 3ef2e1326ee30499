// Wire to host, nobody held.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Delivery : public CardTest {};
FARRIER_ON_EVERY_CARD(Delivery);

TEST_P(Delivery, AfterResetTheDefaultOwnerIsDetachedAndEverythingIsDropped) {
  Grant(0, 0, kManyCredits);
  SendMany(7000, 3);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Count(0, OwnerCounter::kIn), 3u);
  EXPECT_EQ(Count(0, OwnerCounter::kDropDetached), 3u);
}

TEST_P(Delivery, WhatMatchesNoFilterGoesToTheDefaultOwner) {
  const Place place = {0, 3};
  Grant(0, 3, kManyCredits);
  Attach(0, place);
  const auto ids = SendMany(9999, 2);
  EXPECT_EQ(TakeIds(place), ids);
  EXPECT_EQ(Count(0, OwnerCounter::kDelivered), 2u);
}

TEST_P(Delivery, TheDefaultOwnerIsARegister) {
  const Place place = {1, 2};
  Grant(1, 2, kManyCredits);
  SetDefaultOwner(255);
  Attach(255, place);
  const auto ids = SendMany(9999, 2);
  auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(2));
  EXPECT_EQ(packets[0].owner(), 255);
  EXPECT_EQ(Count(255, OwnerCounter::kDelivered), 2u);
  EXPECT_EQ(Count(0, OwnerCounter::kIn), 0u);
}

TEST_P(Delivery, EveryByteOfThePrefixIsAsDescribed) {
  const uint32_t queue = 13;  // 1101b
  Serve(7000, 0xA5, {1, queue});
  for (int i = 0; i < 299; ++i) {
    Send(7000);  // so that the sequence has two bytes
  }
  Advance(0x1'2345'6789);
  TakeHost();
  const Bytes frame = MakeFrame({.dst4 = kIp, .dst_port = 7000, .length = 73, .id = 5});
  Offer(frame);
  Run();
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(1));
  EXPECT_EQ(packets[0].function, 1);
  EXPECT_EQ(packets[0].queue, static_cast<int>(queue));
  EXPECT_EQ(packets[0].frame(), frame);

  Bytes expected(regs::kPrefixBytes);
  expected[12] = 0x08;  // looks like IPv4 to the shell's hash
  expected[14] = 0x45;
  expected[26] = 1;  // queue bits 0, 2 and 3
  expected[28] = 1;
  expected[29] = 1;
  expected[34] = 1;     // PACKET
  expected[36] = 0xA5;  // owner
  expected[38] = 1;     // generation
  expected[40] = 299 & 0xFF;
  expected[41] = 299 >> 8;
  for (size_t i = 0; i < 8; ++i) {
    expected[48 + i] = static_cast<uint8_t>(static_cast<uint64_t>(now()) >> (8 * i));
  }
  expected[56] = 14;
  expected[57] = 34;
  // What a card may have beyond this contract's base: an RSS hash and checksum verdicts.
  const auto capabilities = regs::Capabilities::Unpack(Read(regs::kRegCapabilities));
  for (size_t i = 0; i < regs::kPrefixBytes; ++i) {
    if (capabilities.rss && i >= 44 && i < 48) continue;
    if (capabilities.rx_checksum && i == 58) continue;
    EXPECT_EQ(packets[0].bytes[i], expected[i]) << "byte " << i;
  }
}

TEST_P(Delivery, QueueBitsPickEveryQueue) {
  Listen(7000, 1);
  for (uint32_t queue = 0; queue < queues(); ++queue) {
    Grant(0, queue, 2);
    Attach(1, {0, queue});
    Send(7000);
    const auto packets = TakeHost();
    ASSERT_THAT(packets, SizeIs(1));
    EXPECT_EQ(packets[0].queue, static_cast<int>(queue));
    for (uint32_t bit = 0; bit < 8; ++bit) {
      EXPECT_EQ(packets[0].bytes[26 + bit], (queue >> bit) & 1) << "queue " << queue;
    }
  }
}

TEST_P(Delivery, SequencesCountPerOwnerFromZero) {
  Serve(7000, 1, {0, 0});
  Serve(7001, 2, {0, 0});
  for (const uint16_t port : {7000, 7000, 7001, 7000, 7001}) Send(port);
  std::vector<std::pair<int, uint32_t>> seen;
  for (const auto& packet : TakeHost()) seen.emplace_back(packet.owner(), packet.sequence());
  using Pair = std::pair<int, uint32_t>;
  EXPECT_THAT(seen, ElementsAre(Pair{1, 0}, Pair{1, 1}, Pair{2, 0}, Pair{1, 2}, Pair{2, 1}));
  EXPECT_EQ(RxNext(1), 3u);
  EXPECT_EQ(RxNext(2), 2u);
}

TEST_P(Delivery, DroppedPacketsTakeNoSequence) {
  Serve(7000, 1, {0, 0});
  Send(7000);
  Become(1, OwnerState::kDrop);
  SendMany(7000, 5);
  EXPECT_EQ(RxNext(1), 1u);
  Attach(1, {0, 0});
  Send(7000);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(2));
  EXPECT_EQ(packets[1].sequence(), 1u);
  EXPECT_EQ(Count(1, OwnerCounter::kDropState), 5u);
}

TEST_P(Delivery, ADetachedOwnersPacketsAreTheDefaultOwnersInEveryRespect) {
  Grant(0, 0, kManyCredits);
  Attach(0, {0, 0});
  Serve(7000, 1, {1, 1});
  Send(9999);
  Send(7000);
  Become(1, OwnerState::kDetached);
  TakeHost();
  Send(7000);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(1));
  EXPECT_EQ(packets[0].function, 0);
  EXPECT_EQ(packets[0].queue, 0);
  EXPECT_EQ(packets[0].owner(), 0);
  EXPECT_EQ(packets[0].generation(), 1u);
  EXPECT_EQ(packets[0].sequence(), 1u);
  EXPECT_EQ(Count(1, OwnerCounter::kIn), 1u);
  EXPECT_EQ(Count(0, OwnerCounter::kIn), 2u);
  EXPECT_EQ(Count(0, OwnerCounter::kDelivered), 2u);
}

TEST_P(Delivery, ADetachedOwnersPacketsAreDroppedAtADetachedDefaultOwner) {
  Listen(7000, 1);
  Send(7000);
  EXPECT_EQ(Count(1, OwnerCounter::kIn), 0u);
  EXPECT_EQ(Count(1, OwnerCounter::kDropDetached), 0u);
  EXPECT_EQ(Count(0, OwnerCounter::kDropDetached), 1u);
}

TEST_P(Delivery, OneCreditStaysForMark) {
  Listen(7000, 1);
  Attach(1, {0, 4});
  Send(7000);  // no credit at all
  Grant(0, 4, 1);
  Send(7000);  // only MARK's
  EXPECT_EQ(Count(1, OwnerCounter::kDropNoCredit), 2u);
  Grant(0, 4, 3);
  const auto ids = SendMany(7000, 5);
  EXPECT_EQ(TakeIds({0, 4}), (std::vector(ids.begin(), ids.begin() + 3)));
  EXPECT_EQ(Count(1, OwnerCounter::kDropNoCredit), 4u);
  EXPECT_EQ(Count(1, OwnerCounter::kDelivered), 3u);
}

TEST_P(Delivery, CreditsBelongToOneQueueOfOneFunction) {
  Listen(7000, 1);
  Attach(1, {0, 4});
  Grant(0, 5, 100);
  Grant(1, 4, 100);
  Send(7000);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Count(1, OwnerCounter::kDropNoCredit), 1u);
}

TEST_P(Delivery, TheDoorbellGrantsCredits) {
  Listen(7000, 1);
  Attach(1, {1, 9});
  Write(regs::kRegCredit, regs::CreditDoorbell{.count = 2, .queue = 9, .function = 1}.Pack());
  Write(regs::kRegCredit, regs::CreditDoorbell{.count = 1, .queue = 9, .function = 1}.Pack());
  const auto ids = SendMany(7000, 3);
  EXPECT_EQ(TakeIds({1, 9}), (std::vector(ids.begin(), ids.begin() + 2)));
}

TEST_P(Delivery, CreditsSaturateAt65535) {
  Listen(7000, 1);
  Attach(1, {0, 0});
  Grant(0, 0, 65'535);
  Grant(0, 0, 65'535);
  Grant(0, 0, 1);
  for (int i = 0; i < 65'536 / 64; ++i) {
    SendMany(7000, 64);
    TakeHost();
  }
  EXPECT_EQ(Count(1, OwnerCounter::kDelivered), 65'534u);  // the last stays for MARK
  EXPECT_EQ(Count(1, OwnerCounter::kDropNoCredit), 2u);
}

TEST_P(Delivery, ResetTakesAllCreditsOfOneFunction) {
  Serve(7000, 1, {0, 1});
  Serve(7001, 2, {1, 1});
  Write(regs::kRegFunctionControl(0),
        regs::FunctionControl{.enable = 1, .reset_credits = 1}.Pack());
  EXPECT_EQ(Read(regs::kRegFunctionControl(0)), regs::FunctionControl{.enable = 1}.Pack());
  Send(7000);
  Send(7001);
  EXPECT_THAT(TakeIds({1, 1}), SizeIs(1));
  EXPECT_EQ(Count(1, OwnerCounter::kDropNoCredit), 1u);
  Grant(0, 1, 2);
  Send(7000);
  EXPECT_THAT(TakeIds({0, 1}), SizeIs(1));
}

TEST_P(Delivery, ADisabledFunctionGetsNothingAndKeepsItsCredits) {
  Serve(7000, 1, {0, 1});
  Serve(7001, 2, {1, 1});
  Write(regs::kRegFunctionControl(0), 0);
  Send(7000);
  Send(7001);
  EXPECT_THAT(TakeIds({1, 1}), SizeIs(1));
  EXPECT_EQ(Count(1, OwnerCounter::kDropNoCredit), 1u);
  Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1}.Pack());
  Send(7000);
  EXPECT_THAT(TakeIds({0, 1}), SizeIs(1));
}

TEST_P(Delivery, FramesOfEveryLengthArriveByteForByte) {
  Serve(7000, 1, {0, 0});
  std::vector<size_t> lengths;
  for (size_t length = 60; length <= 76; ++length) lengths.push_back(length);
  for (const size_t length :
       {127, 128,  129,  191,  192,  193,  255,  256,  257,  320,  321,  511,  512,
        513, 1023, 1024, 1025, 1514, 1518, 4095, 4096, 8999, 9000, 9537, 9599, 9600}) {
    lengths.push_back(length);
  }
  std::vector<Bytes> sent;
  for (const size_t length : lengths) {
    sent.push_back(MakeFrame(
        {.dst4 = kIp, .dst_port = 7000, .length = length, .id = static_cast<uint32_t>(length)}));
    Offer(sent.back());
  }
  Run();
  const auto packets = TakeHost();
  ASSERT_EQ(packets.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(packets[i].frame(), sent[i]) << lengths[i] << " bytes";
    EXPECT_EQ(packets[i].sequence(), i);
  }
}

TEST_P(Delivery, FramesBelowTheMinimumPassAsTheyAre) {
  Grant(0, 0, kManyCredits);
  Attach(0, {0, 0});
  for (size_t length = 14; length < 60; ++length) {
    const Bytes frame = MakeFrame({.length = length, .id = 7});
    Offer(frame);
    Run();
    const auto packets = TakeHost();
    ASSERT_THAT(packets, SizeIs(1)) << length << " bytes";
    EXPECT_EQ(packets[0].frame(), frame);
  }
}

TEST_P(Delivery, FramesWithoutAnEthernetHeaderAreMalformed) {
  Grant(0, 0, kManyCredits);
  Attach(0, {0, 0});
  for (size_t length = 1; length < 14; ++length) Offer(Bytes(length, 0xFF));
  Run();
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kRxMalformed), 13u);
  EXPECT_EQ(Count(0, OwnerCounter::kIn), 0u);
  Send(7000);
  EXPECT_THAT(TakeHost(), SizeIs(1));
}

TEST_P(Delivery, FramesBeyondTheMaximumAreOversize) {
  Serve(7000, 1, {0, 0});
  for (const size_t length : {9601, 9664, 9665, 10'000, 16'000}) {
    Offer(MakeFrame({.dst4 = kIp, .dst_port = 7000, .length = length}));
  }
  const uint32_t id = Send(7000, 9600);
  EXPECT_THAT(TakeIds({0, 0}), ElementsAre(id));
  EXPECT_EQ(Count(GlobalCounter::kRxOversize), 5u);
  EXPECT_EQ(Count(1, OwnerCounter::kIn), 1u);
}

TEST_P(Delivery, WireCountersCountGoodAndBad) {
  Serve(7000, 1, {0, 0});
  Offer(Bytes(5));
  Offer(Bytes(9700));
  Send(7000, 100);
  Send(9999, 61);
  EXPECT_EQ(Count(GlobalCounter::kRxPackets), 4u);
  EXPECT_EQ(Count(GlobalCounter::kRxBytes), 5u + 9700 + 100 + 61);
}

TEST_P(Delivery, ArrivalIsTheCardsTime) {
  Serve(7000, 1, {0, 0});
  const int64_t first = now();
  Send(7000);
  Advance(5'000'000'123);
  Send(7000);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(2));
  EXPECT_EQ(packets[0].time(), first);
  EXPECT_EQ(packets[1].time(), first + 5'000'000'123);
}

TEST_P(Delivery, TheCounterSnapshotIsOneInstant) {
  Serve(7000, 1, {0, 0});
  Send(7000);
  Write(regs::kRegCounterSnapshot, 1);
  Send(7000);
  const auto in = regs::kRegOwnerCounter(static_cast<uint32_t>(OwnerCounter::kIn));
  const auto rx = regs::kRegGlobalCounter(static_cast<uint32_t>(GlobalCounter::kRxPackets));
  EXPECT_EQ(Read(in), 1u);
  EXPECT_EQ(Read(rx), 1u);
  Write(regs::kRegCounterSnapshot, 1);
  EXPECT_EQ(Read(in), 2u);
  EXPECT_EQ(Read(rx), 2u);
}

}  // namespace
}  // namespace farrier::conformance
