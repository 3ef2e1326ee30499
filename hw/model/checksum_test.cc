#include "hw/model/checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "hw/model/test_frames.h"

namespace farrier::model {
namespace {

constexpr auto kUnchecked = regs::ChecksumState::kUnchecked;
constexpr auto kNone = regs::ChecksumState::kNone;
constexpr auto kGood = regs::ChecksumState::kGood;
constexpr auto kBad = regs::ChecksumState::kBad;
constexpr uint8_t kTcp = 6;

ChecksumStates Verify(const Bytes& frame) {
  ParsedFrame parsed;
  ParseFrame(frame, parsed);
  return VerifyChecksums(frame, parsed);
}

Bytes Filled(Bytes frame) {
  ParsedFrame parsed;
  ParseFrame(frame, parsed);
  InsertChecksums(frame, parsed);
  return frame;
}

Bytes With(Bytes frame, size_t at, uint8_t value) {
  frame.at(at) = value;
  return frame;
}

// RFC 1071, word by word, over an IPv4 frame without options.
uint16_t Reference(const Bytes& frame, size_t begin, size_t end, uint32_t sum) {
  for (size_t i = begin; i < end; i += 2) {
    sum += frame[i] << 8;
    if (i + 1 < end) sum += frame[i + 1];
  }
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

TEST(Checksum, WhatIsInsertedSumsUp) {
  for (size_t payload = 0; payload < 300; ++payload) {
    const Bytes frame = Filled(Ipv4({.payload = payload}));
    ASSERT_EQ(Reference(frame, 14, 34, 0), 0xFFFF);
    const uint32_t pseudo = 0x0A00 + 1 + 0x0A00 + 2 + 17 + 8 + static_cast<uint32_t>(payload);
    ASSERT_EQ(Reference(frame, 34, frame.size(), pseudo), 0xFFFF) << payload;
    ASSERT_EQ(Verify(frame), (ChecksumStates{kGood, kGood}));
  }
}

TEST(Checksum, AnyFlippedByteIsNoticed) {
  const Bytes frame = Filled(Ipv4({.protocol = kTcp, .payload = 1003}));
  for (size_t at = 26; at < frame.size(); ++at) {
    if (at == 46) continue;  // data offset
    const ChecksumStates states = Verify(With(frame, at, frame[at] ^ 0x10));
    EXPECT_EQ(states.l3, at < 34 ? kBad : kGood) << at;
    EXPECT_EQ(states.l4, kBad) << at;
  }
}

TEST(Checksum, OnlyWhatTheLengthsNameCounts) {
  Bytes frame = Filled(Ipv6({.payload = 30}));
  frame.resize(200, 0x5A);
  EXPECT_EQ(Verify(frame), (ChecksumStates{kNone, kGood}));
  // UDP's length ends before IP's payload does.
  Bytes surplus = Ipv4({.payload = 30});
  surplus[39] = 28;
  surplus = Filled(surplus);
  EXPECT_EQ(Verify(surplus), (ChecksumStates{kGood, kGood}));
  surplus.back() ^= 1;
  EXPECT_EQ(Verify(surplus), (ChecksumStates{kGood, kGood}));
}

TEST(Checksum, UdpMayHaveNone) {
  EXPECT_EQ(Verify(Ipv4({})), (ChecksumStates{kBad, kNone}));
  EXPECT_EQ(Verify(Ipv6({})), (ChecksumStates{kNone, kBad}));
  EXPECT_EQ(Verify(Ipv6({.dst_port = 4789})), (ChecksumStates{kNone, kNone}));
  EXPECT_EQ(Verify(Ipv6({.dst_port = 6081})), (ChecksumStates{kNone, kNone}));
  EXPECT_EQ(Verify(Ipv6({.protocol = kTcp})), (ChecksumStates{kNone, kBad}));
}

TEST(Checksum, AZeroIsWrittenAsOnesForUdp) {
  // A payload that makes the sum 0xFFFF: the complement is 0.
  Bytes frame = Filled(Ipv4({.payload = 2}));
  frame[42] = frame[43] = 0;
  frame = Filled(frame);
  const uint8_t high = frame[40], low = frame[41];
  frame[42] = high;
  frame[43] = low;
  frame = Filled(frame);
  EXPECT_EQ(frame[40], 0xFF);
  EXPECT_EQ(frame[41], 0xFF);
  EXPECT_EQ(Verify(frame).l4, kGood);
}

TEST(Checksum, FragmentsAndRoutedPacketsAreNotLookedAt) {
  const Bytes fragment = With(Ipv4({.payload = 40}), 20, 0x20);
  EXPECT_EQ(Verify(Filled(fragment)), (ChecksumStates{kGood, kUnchecked}));
  EXPECT_EQ(Filled(fragment)[40], 0) << "left alone";
  const Bytes routed = Ipv6({.extensions = {{43, 8}}, .payload = 40});
  EXPECT_EQ(Verify(routed), (ChecksumStates{kNone, kUnchecked}));
  EXPECT_EQ(Filled(routed), routed);
  const Bytes extended = Ipv6({.extensions = {{0, 8}, {60, 16}}, .payload = 40});
  EXPECT_EQ(Verify(extended), (ChecksumStates{kNone, kBad}));
  EXPECT_EQ(Verify(Filled(extended)), (ChecksumStates{kNone, kGood}));
}

TEST(Checksum, WhatIsMalformedIsUnchecked) {
  const Bytes good = Filled(Ipv4({.payload = 40}));
  EXPECT_EQ(Verify(With(good, 14, 0x44)), (ChecksumStates{}));
  EXPECT_EQ(Verify(With(good, 38, 0xFF)), (ChecksumStates{kGood, kUnchecked}));
  EXPECT_EQ(Verify(Bytes(60)), (ChecksumStates{}));
  const Bytes bad_l4 = With(Ipv4({.payload = 40}), 38, 0xFF);
  EXPECT_EQ(Verify(Filled(bad_l4)), (ChecksumStates{kGood, kUnchecked}));
}

TEST(Checksum, LongestFrame) {
  std::mt19937 random(1);
  Bytes frame = Ipv4({.payload = 9600 - 42});
  for (size_t i = 42; i < frame.size(); ++i) frame[i] = random() % 8 ? 0xFF : random();
  EXPECT_EQ(Verify(Filled(frame)), (ChecksumStates{kGood, kGood}));
}

}  // namespace
}  // namespace farrier::model
