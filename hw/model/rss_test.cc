#include "hw/model/rss.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

namespace farrier::model {
namespace {

struct Tuple {
  Network network;
  IpAddress dst;
  uint16_t dst_port;
  IpAddress src;
  uint16_t src_port;
};

ParsedFrame Parsed(const Tuple& tuple, bool fragment = false) {
  ParsedFrame parsed{};
  parsed.network = tuple.network;
  parsed.dst_ip = tuple.dst;
  parsed.src_ip = tuple.src;
  parsed.l4_offset = 34;
  parsed.dst_port = tuple.dst_port;
  parsed.src_port = tuple.src_port;
  parsed.fragment = fragment;
  return parsed;
}

// "Verifying the RSS Hash Calculation", Microsoft's driver documentation.
TEST(Rss, PassesMicrosoftsVerificationSuite) {
  constexpr auto k4 = Network::kIpv4;
  constexpr auto k6 = Network::kIpv6;
  const struct {
    Tuple tuple;
    uint32_t addresses;  // hash of the addresses alone
    uint32_t all;        // with the ports
  } cases[] = {
      {{k4, {0xA18E6450}, 1766, {0x420995BB}, 2794}, 0x323E8FC2, 0x51CCC178},
      {{k4, {0x41458C53}, 4739, {0xC75C6F02}, 14230}, 0xD718262A, 0xC626B0EA},
      {{k4, {0x0C16CFB8}, 38024, {0x1813C65F}, 12898}, 0xD2D0A5DE, 0x5C2B394A},
      {{k4, {0xD18EA306}, 2217, {0x261BCD1E}, 48228}, 0x82989176, 0xAFC7327F},
      {{k4, {0xCABC7F02}, 1303, {0x9927A3BF}, 44251}, 0x5D1809C5, 0x10E828A2},
      {{k6, {0x3FFE2501, 0x02000003, 0, 1}, 1766, {0x3FFE2501, 0x02001FFF, 0, 7}, 2794},
       0x2CC18CD5,
       0x40207D3D},
      {{k6, {0xFF020000, 0, 0, 1}, 4739, {0x3FFE0501, 0x00080000, 0x026097FF, 0xFE40EFAB}, 14230},
       0x0F0C461C,
       0xDDE51BBF},
      {{k6,
        {0xFE800000, 0, 0x0200F8FF, 0xFE2167CF},
        38024,
        {0x3FFE1900, 0x45450003, 0x0200F8FF, 0xFE2167CF},
        44251},
       0x4B61E985,
       0x02D1FEEF},
  };
  const Rss rss;
  for (const auto& c : cases) {
    EXPECT_EQ(rss.Hash(Parsed(c.tuple)), c.all);
    EXPECT_EQ(rss.Hash(Parsed(c.tuple, true)), c.addresses) << "fragments hash without ports";
    ParsedFrame portless = Parsed(c.tuple);
    portless.l4_offset = 0;
    EXPECT_EQ(rss.Hash(portless), c.addresses);
  }
}

TEST(Rss, WhatIsNotIpHashesToZero) {
  const Rss rss;
  ParsedFrame parsed{};
  parsed.ether_type = 0x0806;
  EXPECT_EQ(rss.Hash(parsed), 0u);
}

// Bit by bit, as the definition has it.
uint32_t Toeplitz(const std::array<uint32_t, regs::kRssKeyWords>& key,
                  const std::vector<uint32_t>& input) {
  uint32_t hash = 0;
  for (size_t bit = 0; bit < 32 * input.size(); ++bit) {
    if ((input[bit / 32] >> (31 - bit % 32) & 1) == 0) continue;
    for (size_t i = 0; i < 32; ++i) {
      hash ^= (key[(bit + i) / 32] >> (31 - (bit + i) % 32) & 1) << (31 - i);
    }
  }
  return hash;
}

TEST(Rss, AnyKeyHashesAsDefined) {
  std::mt19937 random(1);
  Rss rss;
  for (int i = 0; i < 200; ++i) {
    std::array<uint32_t, regs::kRssKeyWords> key;
    for (uint32_t word = 0; word < key.size(); ++word) {
      key[word] = random();
      ASSERT_TRUE(rss.Write(regs::kRegRssKey(word), key[word]));
    }
    ASSERT_TRUE(rss.Write(regs::kRegRssCommit, 0));
    Tuple tuple = {
        Network::kIpv6, {}, static_cast<uint16_t>(random()), {}, static_cast<uint16_t>(random())};
    for (uint32_t& word : tuple.src) word = random();
    for (uint32_t& word : tuple.dst) word = random();
    std::vector<uint32_t> input(tuple.src.begin(), tuple.src.end());
    input.insert(input.end(), tuple.dst.begin(), tuple.dst.end());
    input.push_back(uint32_t{tuple.src_port} << 16 | tuple.dst_port);
    ASSERT_EQ(rss.Hash(Parsed(tuple)), Toeplitz(key, input));
    tuple.network = Network::kIpv4;
    ASSERT_EQ(rss.Hash(Parsed(tuple)), Toeplitz(key, {tuple.src[0], tuple.dst[0], input.back()}));
  }
}

TEST(Rss, StagedAndUsedChangePlaces) {
  Rss rss;
  EXPECT_EQ(rss.Entry(17), 1);
  ASSERT_TRUE(rss.Write(regs::kRegRssTable(2), 0xFEDCBA98));
  EXPECT_EQ(rss.Entry(17), 1) << "staging alone changes nothing";
  rss.Write(regs::kRegRssCommit, 0);
  EXPECT_EQ(rss.Entry(17), 9);
  EXPECT_EQ(rss.Entry(17 + 512), 9);
  EXPECT_EQ(rss.Entry(33), 1);
  EXPECT_EQ(rss.Read(regs::kRegRssTable(2)), 0x76543210u) << "what was in use before";
  rss.Write(regs::kRegRssCommit, 0);
  EXPECT_EQ(rss.Entry(17), 1);
  EXPECT_EQ(rss.Read(regs::kRegRssTable(2)), 0xFEDCBA98u);
}

TEST(Rss, OtherOffsetsAreRefused) {
  Rss rss;
  for (const uint32_t offset :
       {regs::kRegRssKey(10) + 4, regs::kRegRssKey(0) + 1, regs::kRegRssTable(0) - 4,
        regs::kRegRssTable(63) + 4, regs::kRegRssTable(1) + 2}) {
    EXPECT_EQ(rss.Read(offset), std::nullopt);
    EXPECT_FALSE(rss.Write(offset, 1));
  }
  EXPECT_EQ(rss.Read(regs::kRegRssCommit), std::nullopt) << "write only";
}

}  // namespace
}  // namespace farrier::model
