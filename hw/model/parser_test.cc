#include "hw/model/parser.h"

#include <gtest/gtest.h>

#include <vector>

#include "hw/model/test_frames.h"

namespace farrier::model {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr size_t kIpv6End = 54;

ParsedFrame Parse(const Bytes& frame, const regs::PortRange& pony = kNoPonyPorts) {
  ParsedFrame parsed;
  ParseFrame(frame, parsed, pony);
  return parsed;
}

Bytes With(Bytes frame, size_t at, uint8_t value) {
  frame.at(at) = value;
  return frame;
}

TEST(Parser, ReadsTheLongestIpv4Header) {
  const ParsedFrame parsed = Parse(Ipv4({.vlans = {7, 9}, .option_words = 10}));
  EXPECT_EQ(parsed.dst_mac, 0x020000000002u);
  EXPECT_EQ(parsed.src_mac, 0x020000000001u);
  EXPECT_TRUE(parsed.tagged);
  EXPECT_EQ(parsed.vlan, 7);
  EXPECT_EQ(parsed.ether_type, 0x0800);
  EXPECT_EQ(parsed.network, Network::kIpv4);
  EXPECT_EQ(parsed.l3_offset, 22);
  EXPECT_EQ(parsed.l4_offset, 82);
  EXPECT_EQ(parsed.protocol, kUdp);
  EXPECT_EQ(parsed.src_ip, (IpAddress{0x0A000001}));
  EXPECT_EQ(parsed.dst_ip, (IpAddress{0x0A000002}));
  EXPECT_EQ(parsed.src_port, 5000);
  EXPECT_EQ(parsed.dst_port, 7000);
  EXPECT_FALSE(parsed.bad_header);
}

TEST(Parser, NothingIsLeftOfTheFrameBefore) {
  ParsedFrame parsed;
  ParseFrame(Ipv4({.vlans = {7}}), parsed);
  ParseFrame(Bytes(60), parsed);
  EXPECT_EQ(parsed.network, Network::kNone);
  EXPECT_FALSE(parsed.tagged);
  EXPECT_EQ(parsed.l3_offset, 0);
  EXPECT_EQ(parsed.l4_offset, 0);
  EXPECT_EQ(parsed.protocol, 0);
  EXPECT_EQ(RuleWordsOf(parsed), RuleWords{});
}

TEST(Parser, AMalformedIpv4HeaderIsNoIpHeader) {
  const Bytes good = Ipv4({.payload = 40});
  ASSERT_FALSE(Parse(good).bad_header);
  const auto expect_bad = [](const Bytes& frame, const char* why) {
    const ParsedFrame parsed = Parse(frame);
    EXPECT_TRUE(parsed.bad_header) << why;
    EXPECT_EQ(parsed.network, Network::kNone) << why;
    EXPECT_EQ(parsed.l3_offset, 0) << why;
    EXPECT_EQ(parsed.l4_offset, 0) << why;
    EXPECT_EQ(parsed.protocol, 0) << why;
    EXPECT_EQ(parsed.dst_ip, IpAddress{}) << why;
    EXPECT_EQ(parsed.ether_type, 0x0800) << why;
  };
  expect_bad(With(good, 14, 0x55), "version");
  expect_bad(With(good, 14, 0x44), "IHL 4");
  expect_bad(With(good, 17, 19), "total length below the header's");
  expect_bad(With(good, 17, static_cast<uint8_t>(good[17] + 1)), "total length beyond the frame");
  Bytes cut = good;
  cut.resize(33);
  expect_bad(cut, "19 bytes");
  cut = Ipv4({.option_words = 10});
  cut.resize(14 + 59);
  expect_bad(cut, "options cut");
}

TEST(Parser, PaddingIsNotPayload) {
  Bytes frame = Ipv4({.payload = 10});
  frame.resize(200);
  EXPECT_FALSE(Parse(frame).bad_header);
  EXPECT_EQ(Parse(frame).l4_bytes, 18);
  frame[39] = 19;  // UDP's length: one byte into the padding
  EXPECT_TRUE(Parse(frame).bad_header);
  EXPECT_EQ(Parse(frame).l3_offset, 14) << "the IP header is good";
  EXPECT_EQ(Parse(frame).l4_offset, 0);
  EXPECT_EQ(Parse(frame).dst_port, 0);
}

TEST(Parser, UdpLengths) {
  const Bytes good = Ipv4({.payload = 10});
  EXPECT_TRUE(Parse(With(good, 39, 7)).bad_header);
  EXPECT_FALSE(Parse(With(good, 39, 8)).bad_header);
  EXPECT_EQ(Parse(With(good, 39, 8)).l4_bytes, 8);
  const Bytes fragment = With(With(good, 20, 0x20), 38, 0xFF);
  EXPECT_FALSE(Parse(fragment).bad_header) << "the rest is in other fragments";
  EXPECT_EQ(Parse(fragment).l4_offset, 34);
  EXPECT_TRUE(Parse(With(good, 17, 27)).bad_header) << "7 bytes of UDP";
}

TEST(Parser, TcpLengths) {
  const Bytes good = Ipv4({.protocol = kTcp, .payload = 3});
  EXPECT_EQ(Parse(good).l4_offset, 34);
  EXPECT_EQ(Parse(good).l4_bytes, 23);
  EXPECT_TRUE(Parse(With(good, 46, 0x40)).bad_header);
  EXPECT_TRUE(Parse(With(good, 46, 0x60)).bad_header) << "24 of 23 bytes";
  EXPECT_FALSE(Parse(With(With(good, 20, 0x20), 46, 0x60)).bad_header) << "a fragment";
  EXPECT_TRUE(Parse(With(good, 17, 39)).bad_header) << "19 bytes of TCP";
}

TEST(Parser, LaterFragmentsHaveNoPorts) {
  for (const uint8_t high : {0x00, 0x20, 0x1F}) {
    const ParsedFrame parsed = Parse(With(With(Ipv4({}), 20, high), 21, 1));
    EXPECT_TRUE(parsed.fragment);
    EXPECT_EQ(parsed.l4_offset, 0);
    EXPECT_EQ(parsed.protocol, kUdp);
    EXPECT_FALSE(parsed.bad_header);
  }
}

TEST(Parser, FourExtensionHeadersAreFollowed) {
  const ParsedFrame parsed =
      Parse(Ipv6({.extensions = {{0, 8}, {60, 16}, {43, 8}, {60, 8}}, .payload = 100}));
  EXPECT_EQ(parsed.l4_offset, kIpv6End + 40);
  EXPECT_EQ(parsed.protocol, kUdp);
  EXPECT_TRUE(parsed.routing);
  EXPECT_FALSE(parsed.fragment);
  EXPECT_EQ(parsed.dst_port, 7000);
}

TEST(Parser, AFifthIsNot) {
  const ParsedFrame parsed =
      Parse(Ipv6({.extensions = {{0, 8}, {60, 8}, {60, 8}, {60, 8}, {43, 8}}}));
  EXPECT_EQ(parsed.l4_offset, 0);
  EXPECT_EQ(parsed.protocol, 43) << "the last that was reached";
  EXPECT_FALSE(parsed.routing);
  EXPECT_FALSE(parsed.bad_header);
}

TEST(Parser, OneThatLeavesThePayloadIsMalformed) {
  const Bytes good = Ipv6({.extensions = {{0, 16}}});
  ASSERT_FALSE(Parse(good).bad_header);
  for (const Bytes& frame :
       {With(good, kIpv6End + 1, 3), With(good, 19, 15), With(good, 19, 7), With(good, 19, 0)}) {
    const ParsedFrame parsed = Parse(frame);
    EXPECT_TRUE(parsed.bad_header);
    EXPECT_EQ(parsed.l3_offset, 14);
    EXPECT_EQ(parsed.l4_offset, 0);
    EXPECT_EQ(parsed.protocol, 0);
  }
  EXPECT_TRUE(Parse(With(good, kIpv6End + 1, 2)).bad_header) << "no room for UDP behind it";
}

TEST(Parser, TheWindowEndsWhatIsRead) {
  // The UDP header may begin at 172 and no later.
  const ParsedFrame last = Parse(Ipv6({.vlans = {1}, .extensions = {{0, 112}}, .payload = 100}));
  EXPECT_EQ(last.l4_offset, 170);
  for (const size_t length : {120, 128, 136, 2048}) {
    const ParsedFrame late =
        Parse(Ipv6({.vlans = {1}, .extensions = {{0, length}}, .payload = 100}));
    EXPECT_EQ(late.l4_offset, 0) << length;
    EXPECT_EQ(late.protocol, kUdp) << "named by a header that was read";
    EXPECT_FALSE(late.bad_header);
  }
  // A header whose first 8 bytes end at 192 is read, one at 200 is not.
  const ParsedFrame within = Parse(Ipv6({.extensions = {{0, 128}, {43, 8}}, .payload = 100}));
  EXPECT_EQ(within.protocol, kUdp);
  EXPECT_TRUE(within.routing);
  const ParsedFrame beyond = Parse(Ipv6({.extensions = {{0, 136}, {43, 8}}, .payload = 100}));
  EXPECT_EQ(beyond.protocol, 43);
  EXPECT_FALSE(beyond.routing);
}

TEST(Parser, Ipv6Fragments) {
  Bytes frame = Ipv6({.extensions = {{44, 8}}});
  ParsedFrame parsed = Parse(frame);
  EXPECT_TRUE(parsed.fragment);
  EXPECT_EQ(parsed.l4_offset, kIpv6End + 8);
  frame[kIpv6End + 3] = 0x01;  // more to come; still the first
  EXPECT_EQ(Parse(frame).l4_offset, kIpv6End + 8);
  frame[kIpv6End + 3] = 0x08;
  parsed = Parse(frame);
  EXPECT_TRUE(parsed.fragment);
  EXPECT_EQ(parsed.l4_offset, 0);
  EXPECT_EQ(parsed.protocol, kUdp);
}

TEST(Parser, AMalformedIpv6HeaderIsNoIpHeader) {
  const Bytes good = Ipv6({});
  Bytes cut = good;
  cut.resize(53);
  for (const Bytes& frame : {With(good, 14, 0x50), cut, With(good, 19, good[19] + 1)}) {
    EXPECT_TRUE(Parse(frame).bad_header);
    EXPECT_EQ(Parse(frame).network, Network::kNone);
    EXPECT_EQ(Parse(frame).l3_offset, 0);
  }
}

TEST(Parser, TunnelsAndPonyAreToldByTheirPort) {
  const regs::PortRange pony = {.low = 7000, .high = 7001};
  for (const uint16_t port : {4788, 4789, 4790, 6080, 6081, 6082, 6999, 7000, 7001, 7002}) {
    const ParsedFrame udp = Parse(Ipv4({.dst_port = port}), pony);
    EXPECT_EQ(udp.tunnel, port == 4789 || port == 6081) << port;
    EXPECT_EQ(udp.pony, port == 7000 || port == 7001) << port;
    const ParsedFrame tcp = Parse(Ipv4({.protocol = kTcp, .dst_port = port}), pony);
    EXPECT_FALSE(tcp.tunnel || tcp.pony) << port;
  }
  EXPECT_FALSE(Parse(Ipv4({.dst_port = 1})).pony) << "none named";
}

TEST(Parser, RuleWordsAreAsTheRegisterSays) {
  Bytes frame = Ipv6({.vlans = {0x123}, .dst_port = 6081});
  frame[18] |= 0x0B;  // traffic class 0xB8: DSCP 46
  frame[19] |= 0x80;
  EXPECT_EQ(RuleWordsOf(Parse(frame)),
            (RuleWords{0x00000002, 0x02000200, 0x00000001, 0x86DD | 0x123u << 16 | 1u << 28,
                       17 | 46u << 8 | 1u << 17 | 1u << 19 | 1u << 21, 0xFD000000, 0, 0, 2,
                       0xFD000000, 0, 0, 1}));
  Bytes bad = Ipv4({});
  bad[14] = 0x44;
  EXPECT_EQ(RuleWordsOf(Parse(bad))[4], 1u << 20);
}

}  // namespace
}  // namespace farrier::model
