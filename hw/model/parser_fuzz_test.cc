// Frames that are nearly what the parser looks for, each an allocation of its exact size: a
// sanitizer sees a read or a write beyond it.

#include <gtest/gtest.h>

#include <random>

#include "hw/model/checksum.h"
#include "hw/model/parser.h"
#include "hw/model/rss.h"
#include "hw/model/test_frames.h"

namespace farrier::model {
namespace {

class ParserFuzz : public testing::TestWithParam<uint32_t> {
 protected:
  uint32_t Below(size_t limit) { return static_cast<uint32_t>(random_() % limit); }

  Bytes SomeFrame() {
    constexpr uint8_t kExtensions[] = {0, 43, 44, 60, 51};
    TestFrame spec = {.option_words = Below(11),
                      .protocol = Below(2) ? uint8_t{17} : uint8_t{6},
                      .dst_port = Below(2) ? uint16_t{4789} : uint16_t{7000},
                      .payload = Below(Below(8) ? 100 : 2000)};
    for (uint32_t tags = Below(4); tags > 0; --tags) {
      spec.vlans.push_back(static_cast<uint16_t>(random_()));
    }
    for (uint32_t n = Below(6); n > 0; --n) {
      const uint8_t number = kExtensions[Below(5)];
      spec.extensions.push_back({number, number == 44 ? 8 : 8 * (1 + size_t{Below(8)})});
    }
    Bytes frame = Below(2) ? Ipv4(spec) : Ipv6(spec);
    for (uint32_t n = Below(4); n > 0; --n) {
      frame[Below(std::min<size_t>(frame.size(), 200))] = static_cast<uint8_t>(random_());
    }
    size_t length = frame.size();
    if (Below(3) == 0) length = kEthernetHeaderBytes + Below(frame.size() + 20);
    frame.resize(length);
    frame.shrink_to_fit();
    return frame;
  }

  std::mt19937 random_{GetParam()};
};

TEST_P(ParserFuzz, WhatIsReadLiesWithinTheFrame) {
  const Rss rss;
  int with_ports = 0, bad = 0, good_sums = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = SomeFrame();
    ParsedFrame parsed;
    ParseFrame(frame, parsed, {.low = 7000, .high = 7000});
    with_ports += parsed.has_ports();
    bad += parsed.bad_header;
    ASSERT_FALSE(parsed.bad_header && parsed.has_ports());
    ASSERT_LE(parsed.l3_offset + parsed.l3_bytes, frame.size());
    ASSERT_EQ(parsed.l3_offset == 0, parsed.network == Network::kNone);
    if (parsed.has_ports()) {
      ASSERT_LE(parsed.l4_offset + 20u, regs::kParseBytes);
      ASSERT_LE(parsed.l4_offset + 8u, frame.size());
      if (!parsed.fragment) {
        ASSERT_LE(size_t{parsed.l4_offset} + parsed.l4_bytes, frame.size());
      }
    }
    rss.Hash(parsed);
    const ChecksumStates before = VerifyChecksums(frame, parsed);
    InsertChecksums(frame, parsed);
    ParsedFrame again;
    ParseFrame(frame, again, {.low = 7000, .high = 7000});
    ASSERT_EQ(again.l4_offset, parsed.l4_offset);
    const ChecksumStates after = VerifyChecksums(frame, again);
    ASSERT_NE(after.l3, regs::ChecksumState::kBad);
    ASSERT_NE(after.l4, regs::ChecksumState::kBad);
    if (before.l4 == regs::ChecksumState::kUnchecked) {
      ASSERT_EQ(after.l4, before.l4);
    }
    good_sums += after.l4 == regs::ChecksumState::kGood;
  }
  EXPECT_GT(with_ports, 2'000);
  EXPECT_GT(bad, 1'000);
  EXPECT_GT(good_sums, 1'000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ParserFuzz, testing::Range(1u, 5u));

}  // namespace
}  // namespace farrier::model
