#include "hw/driver/prefix.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/fake_card.h"

namespace farrier::driver {
namespace {

TEST(Prefix, EveryRxFieldIsReadFromItsByte) {
  auto bytes = RxPacketBytes({.owner = 7, .generation = 0x0ABC, .sequence = 0x01020304});
  const uint8_t time[8] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
  std::copy(std::begin(time), std::end(time), bytes.begin() + 48);
  bytes[35] = 0x43;  // was held, fragment, Pony
  bytes[37] = 63;
  bytes[44] = 0xD, bytes[45] = 0xC, bytes[46] = 0xB, bytes[47] = 0xA;
  bytes[56] = 14, bytes[57] = 34;
  bytes[58] = 0x0E;  // L3 good, L4 bad
  bytes[60] = 0x40, bytes[61] = 0x30, bytes[62] = 0x20, bytes[63] = 0x10;
  const auto prefix = DecodeRx(bytes);
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->kind, regs::PrefixKind::kPacket);
  EXPECT_EQ(prefix->metadata.owner, runtime::OwnerId{7});
  EXPECT_EQ(prefix->metadata.generation, 0x0ABC);
  EXPECT_EQ(prefix->metadata.sequence, 0x01020304u);
  EXPECT_EQ(prefix->metadata.arrival, 0x1122334455667788);
  EXPECT_EQ(prefix->metadata.rss_hash, 0x0A0B0C0Du);
  EXPECT_EQ(prefix->metadata.l3_offset, 14);
  EXPECT_EQ(prefix->metadata.l4_offset, 34);
  EXPECT_TRUE(prefix->metadata.was_held);
  EXPECT_TRUE(prefix->metadata.fragment);
  EXPECT_FALSE(prefix->metadata.tunnel);
  EXPECT_FALSE(prefix->metadata.bad_header);
  EXPECT_TRUE(prefix->metadata.pony);
  EXPECT_EQ(prefix->metadata.pacing_class, 63);
  EXPECT_EQ(prefix->metadata.l3_checksum, runtime::Checksum::kGood);
  EXPECT_EQ(prefix->metadata.l4_checksum, runtime::Checksum::kBad);
  EXPECT_EQ(prefix->tx_released, 0x10203040u);
  bytes[35] = 0x0C;  // tunnel, bad header
  bytes[58] = 0x01;  // L3 none, L4 unchecked
  const auto other = DecodeRx(bytes);
  EXPECT_FALSE(other->metadata.was_held || other->metadata.fragment || other->metadata.pony);
  EXPECT_TRUE(other->metadata.tunnel);
  EXPECT_TRUE(other->metadata.bad_header);
  EXPECT_EQ(other->metadata.l3_checksum, runtime::Checksum::kNone);
  EXPECT_EQ(other->metadata.l4_checksum, runtime::Checksum::kUnchecked);
}

TEST(Prefix, WhatIsNoPrefixIsRefused) {
  const auto good = RxPacketBytes({});
  ASSERT_TRUE(DecodeRx(good));
  for (size_t size = 0; size <= regs::kPrefixBytes; ++size) {
    EXPECT_FALSE(DecodeRx(std::span(good).first(size))) << size;
  }
  for (const int at : {12, 13, 14, 23}) {
    auto bad = good;
    bad[at] ^= 1;
    EXPECT_FALSE(DecodeRx(bad)) << at;
  }
  for (const int kind : {0, 3, 4, 255}) {
    auto bad = good;
    bad[34] = kind;
    EXPECT_FALSE(DecodeRx(bad)) << kind;
  }
  for (const int at : {56, 57}) {
    auto bad = good;
    bad[at] = 61;  // the frame has 60 bytes
    EXPECT_FALSE(DecodeRx(bad)) << at;
  }
}

TEST(Prefix, PaddingIsTakenOffWhereTheFlagSaysSo) {
  auto packet = RxPacketBytes({});
  const auto plain = packet;
  EXPECT_EQ(WithoutPadding(packet).size(), plain.size());
  packet[regs::prefix::kFlags] |= regs::prefix::kFlagPadded;
  EXPECT_EQ(WithoutPadding(packet).size(), plain.size()) << "too short to be padded";
  packet.resize(packet.size() + 64);
  EXPECT_EQ(WithoutPadding(packet).size(), plain.size());
  EXPECT_TRUE(DecodeRx(WithoutPadding(packet)));

  auto mark = MarkBytes(1, 1);
  mark[regs::prefix::kFlags] |= regs::prefix::kFlagPadded;
  mark.resize(mark.size() + 64);
  EXPECT_TRUE(DecodeRx(WithoutPadding(mark)));
  EXPECT_TRUE(WithoutPadding({}).empty());
}

TEST(Prefix, MarksAndReportsHaveOneLength) {
  for (const auto kind : {regs::PrefixKind::kMark, regs::PrefixKind::kSent}) {
    auto bytes = RxPacketBytes({.kind = kind, .frame = std::vector<uint8_t>(64)});
    ASSERT_TRUE(DecodeRx(bytes));
    EXPECT_EQ(DecodeRx(bytes)->kind, kind);
    bytes.push_back(0);
    EXPECT_FALSE(DecodeRx(bytes));
  }
}

TEST(Prefix, TxHasConstantBytesAndEveryField) {
  std::vector<uint8_t> out(regs::kPrefixBytes, 0xFF);
  EncodeTx({.owner = runtime::OwnerId{9},
            .generation = 0x0123,
            .sequence = 0x0A0B0C0D,
            .metadata = {.departure = 0x1122334455667788,
                         .pacing_class = 5,
                         .insert_checksum = true,
                         .report_departure = true}},
           std::span(out).first<regs::kPrefixBytes>());
  std::vector<uint8_t> want(regs::kPrefixBytes);
  want[12] = 0x08, want[14] = 0x45;
  want[34] = 1, want[35] = 0x30, want[36] = 9, want[37] = 5;
  want[38] = 0x23, want[39] = 0x01;
  want[40] = 0x0D, want[41] = 0x0C, want[42] = 0x0B, want[43] = 0x0A;
  for (int i = 0; i < 8; ++i) want[48 + i] = 0x88 - 0x11 * i;
  EXPECT_THAT(out, testing::ElementsAreArray(want));
}

}  // namespace
}  // namespace farrier::driver
