// The Toeplitz hash and the queues it chooses.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::SizeIs;

class RssTest : public CardTest {
 protected:
  static constexpr uint32_t kTableWords = regs::kRssEntries / 8;

  // Everything goes to owner 0, on all 16 queues of function 0.
  void SetUp() override {
    CardTest::SetUp();
    for (uint32_t queue = 0; queue < 16; ++queue) Grant(0, queue, 1'000);
    Attach(0, {0, 0, 4});
  }

  void StageTable(const std::function<uint32_t(uint32_t)>& entry) {
    for (uint32_t word = 0; word < kTableWords; ++word) {
      uint32_t value = 0;
      for (uint32_t i = 0; i < 8; ++i) value |= (entry(8 * word + i) & 0xF) << (4 * i);
      Write(regs::kRegRssTable(word), value);
    }
  }
  void StageKey(const std::array<uint32_t, regs::kRssKeyWords>& key) {
    for (uint32_t i = 0; i < key.size(); ++i) Write(regs::kRegRssKey(i), key[i]);
  }
  void CommitRss() {
    Write(regs::kRegRssCommit, 0);
    Run();
  }

  static FrameSpec Spec(uint32_t i) {
    return {.src4 = 0x0A000000u + i, .src_port = static_cast<uint16_t>(40'000 + 7 * i)};
  }
};
FARRIER_ON_EVERY_CARD(RssTest);

struct Case {
  FrameSpec spec;
  uint32_t addresses;  // hash of the addresses alone
  uint32_t all;        // with the ports
};

// "Verifying the RSS Hash Calculation", Microsoft's driver documentation.
std::vector<Case> MicrosoftsSuite() {
  const auto v4 = [](uint32_t dst, uint16_t dst_port, uint32_t src, uint16_t src_port) {
    return FrameSpec{
        .src4 = src, .dst4 = dst, .src_port = src_port, .dst_port = dst_port, .length = 100};
  };
  const auto v6 = [](Ipv6 dst, uint16_t dst_port, Ipv6 src, uint16_t src_port) {
    return FrameSpec{.ipv6 = true,
                     .src6 = src,
                     .dst6 = dst,
                     .src_port = src_port,
                     .dst_port = dst_port,
                     .length = 120};
  };
  return {
      {v4(0xA18E6450, 1766, 0x420995BB, 2794), 0x323E8FC2, 0x51CCC178},
      {v4(0x41458C53, 4739, 0xC75C6F02, 14230), 0xD718262A, 0xC626B0EA},
      {v4(0x0C16CFB8, 38024, 0x1813C65F, 12898), 0xD2D0A5DE, 0x5C2B394A},
      {v4(0xD18EA306, 2217, 0x261BCD1E, 48228), 0x82989176, 0xAFC7327F},
      {v4(0xCABC7F02, 1303, 0x9927A3BF, 44251), 0x5D1809C5, 0x10E828A2},
      {v6({0x3FFE2501, 0x02000003, 0, 1}, 1766, {0x3FFE2501, 0x02001FFF, 0, 7}, 2794), 0x2CC18CD5,
       0x40207D3D},
      {v6({0xFF020000, 0, 0, 1}, 4739, {0x3FFE0501, 0x00080000, 0x026097FF, 0xFE40EFAB}, 14230),
       0x0F0C461C, 0xDDE51BBF},
      {v6({0xFE800000, 0, 0x0200F8FF, 0xFE2167CF}, 38024,
          {0x3FFE1900, 0x45450003, 0x0200F8FF, 0xFE2167CF}, 44251),
       0x4B61E985, 0x02D1FEEF},
  };
}

TEST_P(RssTest, PassesMicrosoftsVerificationSuite) {
  FARRIER_NEEDS(rss);
  for (const Case& c : MicrosoftsSuite()) {
    for (const uint8_t protocol : {6, 17}) {
      FrameSpec spec = c.spec;
      spec.protocol = protocol;
      const RxPacket packet = SendAndTake(MakeFrame(spec));
      EXPECT_EQ(packet.rss_hash(), c.all);
      EXPECT_EQ(packet.queue, static_cast<int>(c.all % 16)) << "entry i is i mod 16";
      spec.vlans = {{0x88A8, 5}, {0x8100, 6}};
      EXPECT_EQ(SendAndTake(MakeFrame(spec)).rss_hash(), c.all) << "tags do not count";
    }
    FrameSpec other = c.spec;
    other.protocol = 132;
    EXPECT_EQ(SendAndTake(MakeFrame(other)).rss_hash(), c.addresses) << "no ports";
    FrameSpec fragment = c.spec;
    if (fragment.ipv6) {
      fragment.extensions = {{44, 8}};
    } else {
      fragment.fragment_word = 0x2000;
    }
    EXPECT_EQ(SendAndTake(MakeFrame(fragment)).rss_hash(), c.addresses) << "by its addresses";
    if (!fragment.ipv6) {
      fragment.fragment_word = 5;
      EXPECT_EQ(SendAndTake(MakeFrame(fragment)).rss_hash(), c.addresses);
    }
  }
}

TEST_P(RssTest, WhatIsNotIpHashesToZero) {
  FARRIER_NEEDS(rss);
  StageTable([](uint32_t i) { return i == 0 ? 11u : 3u; });
  CommitRss();
  Bytes arp = MakeFrame({});
  arp[13] = 0x06;
  const RxPacket packet = SendAndTake(arp);
  EXPECT_EQ(packet.rss_hash(), 0u);
  EXPECT_EQ(packet.queue, 11) << "entry 0";
}

TEST_P(RssTest, TheTableChoosesAmongTheRowsQueues) {
  FARRIER_NEEDS(rss);
  for (const Place place :
       {Place{0, 0, 0}, {0, 5, 0}, {0, 3, 1}, {0, 4, 2}, {0, 8, 3}, {0, 0, 4}}) {
    Attach(0, place);
    for (uint32_t i = 0; i < 32; ++i) {
      const RxPacket packet = SendAndTake(MakeFrame(Spec(i)));
      const uint32_t entry = packet.rss_hash() % regs::kRssEntries % 16;
      EXPECT_EQ(packet.queue,
                static_cast<int>(place.queue + (entry & ((1u << place.log2_queues) - 1))));
    }
  }
}

TEST_P(RssTest, EveryEntryIsUsed) {
  FARRIER_NEEDS(rss);
  const auto entry = [](uint32_t i) { return (i * 2654435761u) >> 28; };
  StageTable(entry);
  CommitRss();
  std::set<uint32_t> seen;
  for (uint32_t i = 0; i < 1'500; ++i) {
    const RxPacket packet = SendAndTake(MakeFrame(Spec(i)));
    const uint32_t index = packet.rss_hash() % regs::kRssEntries;
    seen.insert(index);
    ASSERT_EQ(packet.queue, static_cast<int>(entry(index))) << index;
  }
  EXPECT_GT(seen.size(), 400u);
}

TEST_P(RssTest, ThePrefixNamesTheQueue) {
  FARRIER_NEEDS(rss);
  for (uint32_t i = 0; i < 64; ++i) {
    const RxPacket packet = SendAndTake(MakeFrame(Spec(i)));
    int queue = 0;
    for (size_t bit = 0; bit < regs::prefix::kQueueBytes.size(); ++bit) {
      queue |= packet.bytes[regs::prefix::kQueueBytes[bit]] << bit;
    }
    EXPECT_EQ(queue, packet.queue);
  }
}

TEST_P(RssTest, StagingAloneChangesNothing) {
  FARRIER_NEEDS(rss);
  const Bytes frame = MakeFrame(Spec(1));
  const RxPacket before = SendAndTake(frame);
  StageTable([&](uint32_t) { return static_cast<uint32_t>(before.queue + 1); });
  StageKey({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  EXPECT_EQ(SendAndTake(frame).rss_hash(), before.rss_hash());
  EXPECT_EQ(SendAndTake(frame).queue, before.queue);
  CommitRss();
  EXPECT_NE(SendAndTake(frame).rss_hash(), before.rss_hash());
  EXPECT_EQ(SendAndTake(frame).queue, (before.queue + 1) % 16);
}

TEST_P(RssTest, WhatIsStagedAndWhatIsUsedChangePlaces) {
  FARRIER_NEEDS(rss);
  EXPECT_EQ(Read(regs::kRegRssKey(0)), 0x6D5A56DAu) << "Microsoft's";
  EXPECT_EQ(Read(regs::kRegRssKey(9)), 0xBEAC01FAu);
  EXPECT_EQ(Read(regs::kRegRssTable(0)), 0x76543210u);
  EXPECT_EQ(Read(regs::kRegRssTable(63)), 0xFEDCBA98u);
  const Bytes frame = MakeFrame(Spec(1));
  const RxPacket before = SendAndTake(frame);
  Write(regs::kRegRssKey(0), 0x12345678);
  Write(regs::kRegRssTable(9), 0x99999999);
  EXPECT_EQ(Read(regs::kRegRssKey(0)), 0x12345678u);
  CommitRss();
  EXPECT_EQ(Read(regs::kRegRssKey(0)), 0x6D5A56DAu) << "what was in use is staged now";
  EXPECT_EQ(Read(regs::kRegRssTable(9)), 0xFEDCBA98u);
  EXPECT_NE(SendAndTake(frame).rss_hash(), before.rss_hash());
  CommitRss();
  EXPECT_EQ(Read(regs::kRegRssKey(0)), 0x12345678u);
  EXPECT_EQ(Read(regs::kRegRssTable(9)), 0x99999999u);
  EXPECT_EQ(SendAndTake(frame).rss_hash(), before.rss_hash());
}

TEST_P(RssTest, CreditsAreEachQueuesOwn) {
  FARRIER_NEEDS(rss);
  Attach(0, {1, 0, 1});
  Grant(1, 0, 100);
  Grant(1, 1, 3);
  int delivered[2] = {};
  for (uint32_t i = 0; i < 40; ++i) {
    Offer(MakeFrame(Spec(i)));
    Run();
    for (const RxPacket& packet : TakeHost()) ++delivered[packet.queue];
  }
  EXPECT_EQ(delivered[1], 2) << "one stays for MARK";
  EXPECT_GT(delivered[0], 5);
  EXPECT_EQ(Count(0, OwnerCounter::kDropNoCredit), 40u - delivered[0] - delivered[1]);
}

TEST_P(RssTest, AParkedPacketsQueueIsChosenAtItsReleaseByTheEntryOfItsArrival) {
  FARRIER_NEEDS(rss);
  SetQuota(0, 64);
  Hold(0);
  TakeHost();
  for (uint32_t i = 0; i < 20; ++i) Offer(MakeFrame(Spec(i)));
  Run();
  EXPECT_EQ(Parked(0), 20u);
  StageTable([](uint32_t) { return 0; });
  CommitRss();
  for (uint32_t queue = 4; queue < 8; ++queue) Grant(1, queue, 100);
  Attach(0, {1, 4, 2});
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(20));
  std::set<int> used;
  for (const RxPacket& packet : packets) {
    EXPECT_EQ(packet.function, 1);
    EXPECT_EQ(packet.queue, static_cast<int>(4 + packet.rss_hash() % 4));
    used.insert(packet.queue);
  }
  EXPECT_GT(used.size(), 1u);
}

TEST_P(RssTest, DrainingWaitsForTheOldestPacketsQueue) {
  FARRIER_NEEDS(rss);
  SetQuota(0, 64);
  Hold(0);
  TakeHost();
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < 8; ++i) {
    FrameSpec spec = Spec(i);
    spec.id = i;
    Offer(MakeFrame(spec));
  }
  Run();
  Grant(1, 0, 100);
  Attach(0, {1, 0, 1});
  // Whatever goes to queue 0 before the first for queue 1.
  auto first = TakeHost();
  for (const RxPacket& packet : first) EXPECT_EQ(packet.queue, 0);
  ASSERT_LT(first.size(), 8u);
  EXPECT_EQ(Status(0).draining, 1u);
  Grant(1, 1, 100);
  Run();
  for (const RxPacket& packet : TakeHost()) first.push_back(packet);
  ASSERT_THAT(first, SizeIs(8));
  for (uint32_t i = 0; i < 8; ++i) EXPECT_EQ(FrameId(first[i].bytes), i);
}

TEST_P(RssTest, RawFunctionsSpreadToo) {
  FARRIER_NEEDS(rss);
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  for (uint32_t queue = 0; queue < 4; ++queue) Grant(1, queue, 1'000);
  Attach(0, {1, 0, 2});
  std::set<int> used;
  for (uint32_t i = 0; i < 40; ++i) Offer(MakeFrame(Spec(i)));
  Run();
  for (const RxPacket& packet : TakeHost()) used.insert(packet.queue);
  EXPECT_EQ(used, (std::set<int>{0, 1, 2, 3}));
}

TEST_P(RssTest, HolesAndWriteOnlyRegisters) {
  FARRIER_NEEDS(rss);
  uint64_t bad = Count(GlobalCounter::kCsrBadAccess);
  for (const uint32_t offset : {regs::kRegRssCommit, regs::kRegRssCommit + 4,
                                regs::kRegRssTable(0) - 4, regs::kRegRssTable(kTableWords)}) {
    EXPECT_EQ(Read(offset), 0u);
    EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad) << std::hex << offset;
  }
}

}  // namespace
}  // namespace farrier::conformance
