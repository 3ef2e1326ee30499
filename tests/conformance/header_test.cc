// What the card reads of a frame, and the verdicts on its checksums.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using regs::ChecksumState;

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr size_t kIpv6End = 54;

class HeaderTest : public CardTest {
 protected:
  // Owner 0 gets what matches nothing, owner 1 UDP and TCP to port 7000 of kIp and fd00::2.
  void SetUp() override {
    CardTest::SetUp();
    Grant(0, 0, 60'000);
    for (uint32_t owner = 0; owner < 2; ++owner) Attach(owner, {0, 0});
    for (const uint8_t protocol : {kUdp, kTcp}) {
      Install(FilterTable::kV4Listen, ListenKey(kIp, 7000, protocol), 1);
      FilterKey key = FlowKey({.ipv6 = true, .protocol = protocol});
      key[0] = 7000;
      for (size_t i = 6; i < 10; ++i) key[i] = 0;
      Install(FilterTable::kV6Listen, key, 1);
    }
  }

  static Bytes With(Bytes frame, size_t at, uint8_t value) {
    frame.at(at) = value;
    return frame;
  }

  uint64_t BadHeaders() { return Count(GlobalCounter::kRxBadHeader); }

  // A frame whose IP header is malformed: nothing of IP is told, nothing matches.
  void ExpectNotIp(const Bytes& frame, const std::string& why) {
    const uint64_t before = BadHeaders();
    const RxPacket packet = SendAndTake(frame);
    EXPECT_EQ(packet.flags(), regs::prefix::kFlagBadHeader) << why;
    EXPECT_EQ(packet.l3_offset(), 0) << why;
    EXPECT_EQ(packet.l4_offset(), 0) << why;
    EXPECT_EQ(packet.owner(), 0) << why;
    EXPECT_EQ(packet.l3_checksum(), ChecksumState::kUnchecked) << why;
    EXPECT_EQ(packet.l4_checksum(), ChecksumState::kUnchecked) << why;
    EXPECT_EQ(packet.rss_hash(), 0u) << why;
    EXPECT_EQ(BadHeaders(), before + 1) << why;
  }

  // The IP header is good, what is behind it is malformed.
  void ExpectBadL4(const Bytes& frame, const std::string& why) {
    const uint64_t before = BadHeaders();
    const RxPacket packet = SendAndTake(frame);
    EXPECT_TRUE(packet.bad_header()) << why;
    EXPECT_EQ(packet.l3_offset(), 14) << why;
    EXPECT_EQ(packet.l4_offset(), 0) << why;
    EXPECT_EQ(packet.owner(), 0) << why;
    EXPECT_EQ(packet.l4_checksum(), ChecksumState::kUnchecked) << why;
    EXPECT_EQ(BadHeaders(), before + 1) << why;
  }

  void ExpectGood(const Bytes& frame, size_t l4, const std::string& why) {
    const RxPacket packet = SendAndTake(frame);
    EXPECT_FALSE(packet.bad_header()) << why;
    EXPECT_EQ(packet.l4_offset(), l4) << why;
    EXPECT_EQ(packet.owner(), l4 != 0 ? 1 : 0) << why;
  }
};
FARRIER_ON_EVERY_CARD(HeaderTest);

TEST_P(HeaderTest, WhatIsNotIpHasNoOffsets) {
  for (const uint8_t type : {0x06, 0x01, 0xFF}) {
    const RxPacket packet = SendAndTake(With(MakeFrame({.length = 80}), 13, type));
    EXPECT_EQ(packet.owner(), 0);
    EXPECT_EQ(packet.l3_offset(), 0);
    EXPECT_EQ(packet.l4_offset(), 0);
    EXPECT_EQ(packet.flags(), 0);
  }
}

TEST_P(HeaderTest, AMalformedIpv4HeaderIsToldAndCounted) {
  FARRIER_NEEDS(rx_checksum);
  const Bytes good = MakeFrame({.length = 80});
  ExpectGood(good, 34, "as made");
  ExpectNotIp(With(good, 14, 0x55), "version 5");
  ExpectNotIp(With(good, 14, 0x65), "version 6 behind an IPv4 EtherType");
  ExpectNotIp(With(good, 14, 0x44), "IHL 4");
  ExpectNotIp(With(good, 14, 0x40), "IHL 0");
  ExpectNotIp(With(good, 17, 19), "total length 19");
  ExpectNotIp(With(good, 17, 67), "total length one beyond the frame");
  ExpectNotIp(With(good, 16, 0xFF), "total length far beyond the frame");
  ExpectNotIp(With(MakeFrame({.option_words = 4, .length = 80}), 17, 35), "ends in the options");
  ExpectNotIp(With(With(MakeFrame({.length = 60}), 14, 0x4F), 17, 46), "options beyond the frame");
}

TEST_P(HeaderTest, AMalformedIpv6HeaderIsToldAndCounted) {
  FARRIER_NEEDS(rx_checksum);
  const Bytes good = MakeFrame({.ipv6 = true, .length = 80});
  ExpectGood(good, 54, "as made");
  ExpectNotIp(With(good, 14, 0x45), "version 4 behind an IPv6 EtherType");
  ExpectNotIp(With(good, 19, 27), "payload length one beyond the frame");
  ExpectNotIp(With(good, 18, 0x80), "payload length far beyond the frame");
}

TEST_P(HeaderTest, FramesCutAtEveryByte) {
  FARRIER_NEEDS(rx_checksum);
  const FrameSpec specs[] = {
      {},
      {.option_words = 10},
      {.vlans = {{0x8100, 0}}},
      {.vlans = {{0x88A8, 0}, {0x8100, 0}}, .option_words = 10},
      {.ipv6 = true},
      {.ipv6 = true, .vlans = {{0x8100, 0}}, .extensions = {{0, 8}}},
      {.protocol = kTcp},
  };
  for (FrameSpec spec : specs) {
    spec.length = L4Offset(spec) + (spec.protocol == kTcp ? 20 : 8);
    const Bytes whole = MakeFrame(spec);
    const size_t l3 = 14 + 4 * spec.vlans.size();
    for (size_t length = 14; length < whole.size(); ++length) {
      const Bytes frame(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      if (length < l3) {
        const RxPacket packet = SendAndTake(frame);
        EXPECT_EQ(packet.flags(), 0) << "cut in a tag: " << length;
        EXPECT_EQ(packet.l3_offset(), 0) << length;
        EXPECT_EQ(packet.owner(), 0) << length;
      } else {
        ExpectNotIp(frame, std::to_string(length) + " bytes");
      }
    }
  }
}

TEST_P(HeaderTest, PaddingIsNotPayload) {
  FARRIER_NEEDS(rx_checksum);
  for (const size_t padding : {1, 6, 18}) {
    const RxPacket packet = SendAndTake(MakeFrame({.length = 60, .padding = padding}));
    EXPECT_EQ(packet.owner(), 1);
    EXPECT_EQ(packet.l4_checksum(), ChecksumState::kGood);
    Bytes longer = MakeFrame({.length = 60, .padding = padding});
    ++longer[39];
    ExpectBadL4(longer, "a UDP length that reaches into the padding");
  }
}

TEST_P(HeaderTest, UdpLengths) {
  FARRIER_NEEDS(rx_checksum);
  const Bytes good = MakeFrame({.length = 80});  // 46 bytes of UDP
  ExpectBadL4(With(good, 39, 0), "0");
  ExpectBadL4(With(good, 39, 7), "7");
  ExpectGood(With(good, 39, 8), 34, "8");
  ExpectGood(With(good, 39, 45), 34, "one less than IP's");
  ExpectBadL4(With(good, 39, 47), "one more");
  ExpectBadL4(With(good, 38, 1), "256 more");
  ExpectBadL4(With(good, 17, 27), "7 bytes left");
  ExpectGood(With(With(good, 17, 28), 39, 8), 34, "8 bytes left");
  const Bytes fragment = With(good, 20, 0x20);
  ExpectGood(With(fragment, 38, 0x20), 34, "a fragment's may be longer");
  ExpectBadL4(With(fragment, 39, 7), "but not shorter than the header");
}

TEST_P(HeaderTest, TcpLengths) {
  FARRIER_NEEDS(rx_checksum);
  const Bytes good = MakeFrame({.protocol = kTcp, .length = 80});  // 46 bytes of TCP
  ExpectGood(good, 34, "as made");
  ExpectGood(With(good, 46, 0xB0), 34, "44 bytes of header");
  ExpectBadL4(With(good, 46, 0x40), "16 bytes of header");
  ExpectBadL4(With(good, 46, 0x0F), "0 bytes of header");
  ExpectBadL4(With(good, 46, 0xC0), "48 of 46 bytes");
  ExpectGood(With(With(good, 46, 0xC0), 20, 0x20), 34, "a fragment");
  ExpectBadL4(With(good, 17, 39), "19 bytes left");
  ExpectGood(With(good, 17, 40), 34, "20 bytes left");
}

TEST_P(HeaderTest, Ipv6ExtensionHeadersAreFollowed) {
  FARRIER_NEEDS(rx_checksum);
  const std::vector<std::vector<Extension>> chains = {
      {{0, 8}},          {{43, 8}},  {{60, 24}},         {{0, 8}, {60, 8}},
      {{60, 8}, {0, 8}}, {{44, 8}},  {{0, 16}, {44, 8}}, {{0, 8}, {60, 8}, {43, 24}, {60, 8}},
      {{0, 104}},        {{60, 112}}};
  for (const auto& chain : chains) {
    for (const uint8_t protocol : {kUdp, kTcp}) {
      const FrameSpec spec = {
          .ipv6 = true, .protocol = protocol, .extensions = chain, .length = 250};
      const RxPacket packet = SendAndTake(MakeFrame(spec));
      bool fragment = false, routing = false;
      for (const Extension& extension : chain) {
        fragment |= extension.number == 44;
        routing |= extension.number == 43;
      }
      EXPECT_EQ(packet.owner(), 1) << testing::PrintToString(chain.size());
      EXPECT_EQ(packet.l4_offset(), L4Offset(spec));
      EXPECT_EQ(packet.flags(), fragment ? regs::prefix::kFlagFragment : 0);
      EXPECT_EQ(packet.l3_checksum(), ChecksumState::kNone);
      EXPECT_EQ(packet.l4_checksum(),
                fragment || routing ? ChecksumState::kUnchecked : ChecksumState::kGood);
    }
  }
}

TEST_P(HeaderTest, NotMoreThanFour) {
  FARRIER_NEEDS(rx_checksum);
  const std::vector<Extension> five = {{0, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8}};
  ExpectGood(MakeFrame({.ipv6 = true, .extensions = five, .length = 200}), 0, "five");
  Bytes late_fragment = MakeFrame(
      {.ipv6 = true, .extensions = {{0, 8}, {60, 8}, {60, 8}, {60, 8}, {44, 8}}, .length = 200});
  EXPECT_EQ(SendAndTake(late_fragment).flags(), 0) << "it was not read";
}

TEST_P(HeaderTest, OtherNextHeadersEndTheChain) {
  FARRIER_NEEDS(rx_checksum);
  for (const uint8_t number : {50, 51, 58, 59, 135}) {
    ExpectGood(MakeFrame({.ipv6 = true, .extensions = {{number, 8}}, .length = 100}), 0,
               std::to_string(number));
  }
}

TEST_P(HeaderTest, AnExtensionHeaderBeyondThePayloadIsMalformed) {
  FARRIER_NEEDS(rx_checksum);
  for (const uint8_t number : {0, 43, 60}) {
    const Bytes good = MakeFrame({.ipv6 = true, .extensions = {{number, 8}}, .length = 94});
    ExpectGood(With(good, kIpv6End + 1, 0), 62, "as made");
    ExpectBadL4(With(good, kIpv6End + 1, 5), "48 of 40 bytes");
    ExpectBadL4(With(good, kIpv6End + 1, 255), "2,048 of 40 bytes");
    ExpectBadL4(With(good, kIpv6End + 1, 4), "no room for UDP");
    ExpectBadL4(With(good, 19, 7), "7 bytes of payload");
    ExpectBadL4(With(good, 19, 0), "no payload");
  }
  const Bytes fragment = MakeFrame({.ipv6 = true, .extensions = {{44, 8}}, .length = 94});
  const RxPacket packet = SendAndTake(With(fragment, 19, 7));
  EXPECT_EQ(packet.flags(), regs::prefix::kFlagBadHeader) << "the fragment header was not read";
}

TEST_P(HeaderTest, TheWindowEndsWhatIsRead) {
  FARRIER_NEEDS(rx_checksum);
  for (size_t tags = 0; tags <= 2; ++tags) {
    for (size_t bytes = 96; bytes <= 160; bytes += 8) {
      FrameSpec spec = {.ipv6 = true,
                        .vlans = std::vector<VlanTag>(tags),
                        .extensions = {{0, bytes}},
                        .length = 300};
      const bool within = L4Offset(spec) + 20 <= regs::kParseBytes;
      ExpectGood(MakeFrame(spec), within ? L4Offset(spec) : 0, std::to_string(bytes));
      // A fragment header there: read if its 8 bytes are within.
      spec.extensions.push_back({44, 8});
      const RxPacket packet = SendAndTake(MakeFrame(spec));
      EXPECT_EQ(packet.flags(),
                L4Offset(spec) <= regs::kParseBytes ? regs::prefix::kFlagFragment : 0)
          << bytes;
    }
  }
}

TEST_P(HeaderTest, Ipv6Fragments) {
  FARRIER_NEEDS(rx_checksum);
  const Bytes frame = MakeFrame({.ipv6 = true, .extensions = {{44, 8}}, .length = 120});
  for (const uint8_t low : {0, 1, 2, 7}) {  // the flag and two reserved bits
    ExpectGood(With(frame, kIpv6End + 3, low), 62, "the first");
  }
  for (const auto& [at, value] : {std::pair{3, 8}, {3, 9}, {2, 1}, {2, 0x80}}) {
    const RxPacket later =
        SendAndTake(With(frame, kIpv6End + static_cast<size_t>(at), static_cast<uint8_t>(value)));
    EXPECT_EQ(later.owner(), 0);
    EXPECT_EQ(later.l4_offset(), 0);
    EXPECT_EQ(later.flags(), regs::prefix::kFlagFragment);
  }
}

TEST_P(HeaderTest, TunnelsAreToldByTheirPort) {
  FARRIER_NEEDS(rx_checksum);
  for (const uint16_t port : {4788, 4789, 4790, 6080, 6081, 6082}) {
    const bool tunnel = port == 4789 || port == 6081;
    const auto flags = [&](FrameSpec spec) {
      spec.dst_port = port;
      spec.length = 100;
      return SendAndTake(MakeFrame(spec)).flags();
    };
    EXPECT_EQ(flags({}), tunnel ? regs::prefix::kFlagTunnel : 0) << port;
    EXPECT_EQ(flags({.ipv6 = true}), tunnel ? regs::prefix::kFlagTunnel : 0) << port;
    EXPECT_EQ(flags({.protocol = kTcp}), 0) << port;
    EXPECT_EQ(flags({.fragment_word = 5}), regs::prefix::kFlagFragment) << port;
    EXPECT_EQ(SendAndTake(MakeFrame({.src_port = port})).flags(), 0) << "the source does not count";
  }
}

TEST_P(HeaderTest, PonyIsWhatSoftwareSays) {
  FARRIER_NEEDS(rx_checksum);
  const auto pony = [&](uint16_t port, uint8_t protocol = kUdp) {
    return SendAndTake(MakeFrame({.protocol = protocol, .dst_port = port})).flags() ==
           regs::prefix::kFlagPony;
  };
  EXPECT_EQ(Read(regs::kRegPonyPorts), 1u);
  EXPECT_FALSE(pony(0));
  EXPECT_FALSE(pony(1)) << "none after reset";
  Write(regs::kRegPonyPorts, regs::PortRange{.low = 7000, .high = 7003}.Pack());
  EXPECT_FALSE(pony(6999));
  EXPECT_TRUE(pony(7000));
  EXPECT_TRUE(pony(7003));
  EXPECT_FALSE(pony(7004));
  EXPECT_FALSE(pony(7000, kTcp));
  Write(regs::kRegPonyPorts, regs::PortRange{.low = 65535, .high = 65535}.Pack());
  EXPECT_TRUE(pony(65535));
  EXPECT_FALSE(pony(7000));
}

TEST_P(HeaderTest, Ipv4HeaderChecksums) {
  FARRIER_NEEDS(rx_checksum);
  for (const uint32_t words : {0u, 1u, 10u}) {
    for (const size_t tags : {0u, 2u}) {
      const FrameSpec spec = {
          .vlans = std::vector<VlanTag>(tags), .option_words = words, .length = 130};
      const Bytes frame = MakeFrame(spec);
      const RxPacket packet = SendAndTake(frame);
      EXPECT_EQ(packet.l3_checksum(), ChecksumState::kGood);
      EXPECT_EQ(packet.l4_checksum(), ChecksumState::kGood);
      const size_t l3 = 14 + 4 * tags;
      for (size_t at = l3 + 1; at < L4Offset(spec); at += 3) {
        const bool length_or_offset = at >= l3 + 2 && at < l3 + 8;
        if (length_or_offset) continue;
        EXPECT_EQ(SendAndTake(With(frame, at, frame[at] ^ 0x20)).l3_checksum(), ChecksumState::kBad)
            << at;
      }
    }
  }
}

TEST_P(HeaderTest, UdpAndTcpChecksums) {
  FARRIER_NEEDS(rx_checksum);
  for (const bool ipv6 : {false, true}) {
    for (const uint8_t protocol : {kUdp, kTcp}) {
      for (size_t length = 78; length < 154; ++length) {
        const FrameSpec spec = {
            .ipv6 = ipv6, .protocol = protocol, .length = length, .id = next_id_++};
        const Bytes frame = MakeFrame(spec);
        EXPECT_EQ(SendAndTake(frame).l4_checksum(), ChecksumState::kGood) << length;
        // The last byte, and one that only the pseudo header covers.
        EXPECT_EQ(SendAndTake(With(frame, length - 1, frame[length - 1] ^ 1)).l4_checksum(),
                  ChecksumState::kBad)
            << length;
        Bytes other = frame;
        other[ipv6 ? 25 : 27] ^= 1;
        if (!ipv6) FixIpChecksum(other);
        const RxPacket packet = SendAndTake(other);
        EXPECT_EQ(packet.l4_checksum(), ChecksumState::kBad) << length;
        EXPECT_EQ(packet.l3_checksum(), ipv6 ? ChecksumState::kNone : ChecksumState::kGood);
      }
    }
  }
}

TEST_P(HeaderTest, ChecksumsOfLongFrames) {
  FARRIER_NEEDS(rx_checksum);
  for (const size_t length : {191, 192, 193, 511, 512, 513, 1514, 4096, 9599, 9600}) {
    Bytes frame = MakeFrame({.protocol = kTcp, .length = length, .id = 5});
    EXPECT_EQ(SendAndTake(frame).l4_checksum(), ChecksumState::kGood) << length;
    frame[length / 2] ^= 0x80;
    EXPECT_EQ(SendAndTake(frame).l4_checksum(), ChecksumState::kBad) << length;
  }
  // All ones: every addition carries.
  Bytes frame = MakeFrame({.length = 9600, .l4_checksum = false});
  for (size_t i = 42; i < frame.size(); ++i) frame[i] = 0xFF;
  uint32_t sum = 17 + 9600 - 34;
  sum = OnesSum(std::span(frame).subspan(26, 8), sum);
  sum = static_cast<uint16_t>(~OnesSum(std::span(frame).subspan(34), sum));
  frame[40] = static_cast<uint8_t>(sum >> 8);
  frame[41] = static_cast<uint8_t>(sum);
  EXPECT_EQ(SendAndTake(frame).l4_checksum(), ChecksumState::kGood);
}

TEST_P(HeaderTest, UdpWithoutAChecksum) {
  FARRIER_NEEDS(rx_checksum);
  const auto state = [&](FrameSpec spec) {
    spec.l4_checksum = false;
    spec.length = 100;
    return SendAndTake(MakeFrame(spec)).l4_checksum();
  };
  EXPECT_EQ(state({}), ChecksumState::kNone);
  EXPECT_EQ(state({.ipv6 = true}), ChecksumState::kBad);
  EXPECT_EQ(state({.ipv6 = true, .dst_port = 4789}), ChecksumState::kNone) << "RFC 6935";
  EXPECT_EQ(state({.ipv6 = true, .dst_port = 6081}), ChecksumState::kNone);
  EXPECT_EQ(state({.protocol = kTcp}), ChecksumState::kBad) << "TCP always has one";
  EXPECT_EQ(state({.fragment_word = 0x2000}), ChecksumState::kUnchecked);
}

TEST_P(HeaderTest, OnlyWhatUdpCountsIsSummed) {
  FARRIER_NEEDS(rx_checksum);
  // UDP ends 20 bytes before IP does.
  Bytes frame = MakeFrame({.length = 100, .l4_checksum = false});
  frame[39] -= 20;
  const std::span<const uint8_t> bytes(frame);
  uint32_t sum = 17u + frame[39];
  sum = OnesSum(bytes.subspan(26, 8), sum);
  sum = static_cast<uint16_t>(~OnesSum(bytes.subspan(34, frame[39]), sum));
  frame[40] = static_cast<uint8_t>(sum >> 8);
  frame[41] = static_cast<uint8_t>(sum);
  EXPECT_EQ(SendAndTake(frame).l4_checksum(), ChecksumState::kGood);
  frame[99] ^= 0xFF;
  EXPECT_EQ(SendAndTake(frame).l4_checksum(), ChecksumState::kGood);
}

TEST_P(HeaderTest, WhatWasReadOfAHeldPacketIsKept) {
  FARRIER_NEEDS(rx_checksum);
  SetQuota(1, 64);
  Hold(1);
  TakeHost();
  Bytes bad = MakeFrame({.protocol = kTcp, .length = 700});
  bad[600] ^= 1;
  const Bytes fragment = MakeFrame({.ipv6 = true, .extensions = {{44, 8}}, .length = 90});
  Offer(bad);
  Offer(fragment);
  Run();
  Attach(1, {0, 0});
  const auto packets = TakeHost();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].flags(), regs::prefix::kFlagWasHeld);
  EXPECT_EQ(packets[0].l3_checksum(), ChecksumState::kGood);
  EXPECT_EQ(packets[0].l4_checksum(), ChecksumState::kBad);
  EXPECT_EQ(packets[1].flags(), regs::prefix::kFlagWasHeld | regs::prefix::kFlagFragment);
  EXPECT_EQ(packets[1].l4_offset(), 62);
  EXPECT_EQ(packets[1].l3_checksum(), ChecksumState::kNone);
}

}  // namespace
}  // namespace farrier::conformance
