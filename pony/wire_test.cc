#include "pony/wire.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "pony/crc32c.h"

namespace farrier::pony {
namespace {

Endpoints SomeEndpoints() {
  return {.source_mac = {2, 0, 0, 0, 0, 1},
          .destination_mac = {2, 0, 0, 0, 0, 2},
          .source_ip = 0x0A000001,
          .destination_ip = 0x0A000002,
          .source_port = 7001,
          .destination_port = 7002};
}

PacketHeader SomeHeader(uint16_t payload) {
  PacketHeader header{.type = PacketType::kData,
                      .flags = kFlagEcho | kFlagPrevious,
                      .sack_words = 2,
                      .sender_epoch = 0x01020304,
                      .receiver_epoch = 0x05060708,
                      .sender_port = 7003,
                      .payload_length = payload,
                      .sequence = 0xfffffffe,
                      .ack = 0x11121314,
                      .echo_delay = 15,
                      .timestamp = 0x2122232425262728,
                      .timestamp_echo = 0x3132333435363738,
                      .connection = 41,
                      .source_connection = 42,
                      .stream = 43,
                      .message = 44,
                      .previous = 45,
                      .message_length = 65536,
                      .message_offset = 47,
                      .credit_limit = 48};
  header.sack[0] = 0x5152535455565758;
  header.sack[1] = 1;
  return header;
}

std::vector<uint8_t> MakeFrame(PacketHeader header) {
  std::vector<uint8_t> frame(1600);
  for (uint32_t i = 0; i < header.payload_length; ++i) {
    frame[PayloadOffset(header.sack_words) + i] = static_cast<uint8_t>(i * 7);
  }
  frame.resize(EncodePacket(SomeEndpoints(), header, frame.data()));
  return frame;
}

// In memory of exactly its size, so that reading beyond is seen.
DecodeResult Decode(const std::vector<uint8_t>& frame, PacketHeader* out = nullptr) {
  std::unique_ptr<uint8_t[]> exact(new uint8_t[frame.size()]);
  if (!frame.empty()) std::memcpy(exact.get(), frame.data(), frame.size());
  Endpoints endpoints;
  PacketHeader header;
  std::span<const uint8_t> payload;
  const DecodeResult result = DecodePacket({exact.get(), frame.size()}, endpoints, header, payload);
  if (result == DecodeResult::kOk) {
    EXPECT_GE(payload.data(), exact.get());
    EXPECT_LE(payload.data() + payload.size(), exact.get() + frame.size());
    EXPECT_LE(header.sack_words, kMaxSackWords);
  }
  if (out != nullptr) *out = header;
  return result;
}

// Makes the checksums good again after something was changed on purpose.
void Reseal(std::vector<uint8_t>& frame) {
  frame[24] = frame[25] = 0;
  const uint16_t sum = Ipv4Checksum(frame.data() + 14, 20);
  frame[24] = sum >> 8;
  frame[25] = sum & 0xff;
  const size_t length = (frame[38] << 8 | frame[39]) - 8;
  if (length < 8 || 42 + length > frame.size()) return;
  std::memset(&frame[46], 0, 4);
  const uint32_t crc = Crc32c(&frame[42], length);
  for (int i = 0; i < 4; ++i) frame[46 + i] = crc >> (24 - 8 * i);
}

TEST(Wire, WhatIsEncodedIsDecoded) {
  const PacketHeader header = SomeHeader(1000);
  const std::vector<uint8_t> frame = MakeFrame(header);
  EXPECT_EQ(frame.size(), 14u + 20 + 8 + 80 + 16 + 1000);
  Endpoints endpoints;
  PacketHeader decoded;
  std::span<const uint8_t> payload;
  ASSERT_EQ(DecodePacket(frame, endpoints, decoded, payload), DecodeResult::kOk);
  EXPECT_EQ(endpoints.source_mac, SomeEndpoints().source_mac);
  EXPECT_EQ(endpoints.destination_mac, SomeEndpoints().destination_mac);
  EXPECT_EQ(endpoints.source_ip, 0x0A000001u);
  EXPECT_EQ(endpoints.destination_ip, 0x0A000002u);
  EXPECT_EQ(endpoints.source_port, 7001);
  EXPECT_EQ(endpoints.destination_port, 7002);
  EXPECT_EQ(decoded.type, header.type);
  EXPECT_EQ(decoded.flags, header.flags);
  EXPECT_EQ(decoded.sender_epoch, header.sender_epoch);
  EXPECT_EQ(decoded.receiver_epoch, header.receiver_epoch);
  EXPECT_EQ(decoded.sender_port, header.sender_port);
  EXPECT_EQ(decoded.sequence, header.sequence);
  EXPECT_EQ(decoded.ack, header.ack);
  EXPECT_EQ(decoded.echo_delay, header.echo_delay);
  EXPECT_EQ(decoded.timestamp, header.timestamp);
  EXPECT_EQ(decoded.timestamp_echo, header.timestamp_echo);
  EXPECT_EQ(decoded.connection, header.connection);
  EXPECT_EQ(decoded.source_connection, header.source_connection);
  EXPECT_EQ(decoded.stream, header.stream);
  EXPECT_EQ(decoded.message, header.message);
  EXPECT_EQ(decoded.previous, header.previous);
  EXPECT_EQ(decoded.message_length, header.message_length);
  EXPECT_EQ(decoded.message_offset, header.message_offset);
  EXPECT_EQ(decoded.credit_limit, header.credit_limit);
  EXPECT_EQ(decoded.sack, header.sack);
  ASSERT_EQ(payload.size(), 1000u);
  EXPECT_EQ(payload[999], static_cast<uint8_t>(999 * 7));
}

TEST(Wire, TheLayoutIsFixed) {
  const std::vector<uint8_t> frame = MakeFrame(SomeHeader(0));
  const uint8_t* pony = frame.data() + 42;
  EXPECT_EQ(pony[0], 1);
  EXPECT_EQ(pony[1], 7);
  EXPECT_EQ(pony[8], 0x01) << "big-endian";
  EXPECT_EQ(pony[24], 0x11);
  EXPECT_EQ(pony[32], 0x21);
  EXPECT_EQ(pony[51], 41);
  EXPECT_EQ(pony[79], 48);
  EXPECT_EQ(pony[80], 0x51);
}

TEST(Wire, ASingleBitNeverPassesUnnoticed) {
  const std::vector<uint8_t> good = MakeFrame(SomeHeader(40));
  for (size_t bit = 8 * 14; bit < good.size() * 8; ++bit) {
    std::vector<uint8_t> frame = good;
    frame[bit / 8] ^= 1 << (bit % 8);
    // The UDP ports and checksum are covered by nothing: the engine compares the one that matters.
    const bool udp = bit / 8 == 34 || bit / 8 == 35 || bit / 8 == 36 || bit / 8 == 37 ||
                     bit / 8 == 40 || bit / 8 == 41;
    EXPECT_EQ(Decode(frame) == DecodeResult::kOk, udp) << "byte " << bit / 8;
  }
}

TEST(Wire, PaddingIsIgnoredAndTruncationIsNot) {
  std::vector<uint8_t> frame = MakeFrame(SomeHeader(10));
  std::vector<uint8_t> padded = frame;
  padded.resize(frame.size() + 9);
  EXPECT_EQ(Decode(padded), DecodeResult::kOk);
  for (size_t length = 0; length < frame.size(); ++length) {
    EXPECT_NE(Decode({frame.begin(), frame.begin() + length}), DecodeResult::kOk) << length;
  }
}

TEST(Wire, LengthsThatDisagreeAreMalformed) {
  const std::vector<uint8_t> good = MakeFrame(SomeHeader(40));
  for (auto [at, value] : {std::pair<size_t, int>{45, 9},  // SACK words
                           {45, 3},
                           {45, 255},
                           {61, 41},  // payload length
                           {60, 255},
                           {42, 2},  // version
                           {43, 0},  // type
                           {43, 11},
                           {39, 20},    // UDP length
                           {17, 20},    // IP length
                           {20, 0x20},  // more fragments
                           {21, 1}}) {
    std::vector<uint8_t> frame = good;
    frame[at] = value;
    Reseal(frame);
    EXPECT_EQ(Decode(frame), DecodeResult::kMalformed) << at << " " << value;
  }
}

TEST(Wire, OthersPacketsAreNotOurs) {
  const std::vector<uint8_t> good = MakeFrame(SomeHeader(40));
  for (auto [at, value] : {std::pair<size_t, int>{12, 0x86}, {14, 0x46}, {14, 0x65}, {23, 6}}) {
    std::vector<uint8_t> frame = good;
    frame[at] = value;
    Reseal(frame);
    EXPECT_EQ(Decode(frame), DecodeResult::kNotOurs) << at;
  }
}

TEST(Wire, NoiseIsNeverReadBeyondItsEnd) {
  std::mt19937_64 random(1);
  const std::vector<uint8_t> good = MakeFrame(SomeHeader(200));
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> frame = good;
    for (int n = random() % 8; n >= 0; --n) frame[12 + random() % (frame.size() - 12)] = random();
    frame.resize(random() % 2 ? frame.size() : random() % frame.size());
    if (frame.size() > 42 && random() % 4) Reseal(frame);
    Decode(frame);
  }
}

}  // namespace
}  // namespace farrier::pony
