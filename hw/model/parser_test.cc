#include "hw/model/parser.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace farrier::model {
namespace {

// UDP over IPv4 with options behind two VLAN tags: the longest header the card reads.
std::vector<uint8_t> LongestHeader() {
  std::vector<uint8_t> frame(86);
  frame[12] = 0x88;
  frame[13] = 0xA8;
  frame[15] = 7;  // vlan id
  frame[16] = 0x81;
  frame[20] = 0x08;
  frame[22] = 0x4F;
  frame[31] = 17;
  frame[34] = 10;  // source
  frame[38] = 11;  // destination
  frame[83] = 5;   // source port
  frame[85] = 9;   // destination port
  return frame;
}

TEST(Parser, ReadsTheLongestHeader) {
  ParsedFrame parsed;
  ParseFrame(LongestHeader(), parsed);
  ASSERT_TRUE(parsed.has_ports);
  EXPECT_EQ(parsed.l3_offset, 22);
  EXPECT_EQ(parsed.l4_offset, 82);
  EXPECT_EQ(parsed.flow_key, (FilterKey{5u << 16 | 9, 7u << 8 | 17, 11u << 24, 10u << 24}));
}

TEST(Parser, NothingIsLeftOfTheFrameBefore) {
  ParsedFrame parsed;
  ParseFrame(LongestHeader(), parsed);
  ParseFrame(std::vector<uint8_t>(60), parsed);
  EXPECT_EQ(parsed.network, Network::kNone);
  EXPECT_FALSE(parsed.has_ports);
  EXPECT_EQ(parsed.l3_offset, 0);
  EXPECT_EQ(parsed.l4_offset, 0);
}

// Each frame is an allocation of its exact size: a sanitizer sees a read beyond it.
TEST(Parser, NeverReadsBeyondTheFrame) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint8_t> whole = LongestHeader();
    if (i % 2) {
      whole[20] = 0x86;
      whole[21] = 0xDD;
      whole[22] = 0x60;
      whole[28] = 17;
    }
    for (int n = i % 4; n > 0; --n) whole[random() % whole.size()] = static_cast<uint8_t>(random());
    const size_t length = kEthernetHeaderBytes + random() % (whole.size() - kEthernetHeaderBytes);
    const std::vector<uint8_t> frame(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    ParsedFrame parsed;
    ParseFrame(frame, parsed);
    ASSERT_LE(parsed.l3_offset, length);
    ASSERT_LE(parsed.l4_offset + (parsed.has_ports ? 4u : 0u), length);
  }
}

}  // namespace
}  // namespace farrier::model
