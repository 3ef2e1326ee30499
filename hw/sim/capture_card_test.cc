#include "hw/sim/capture_card.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/regs/registers.h"

namespace farrier::sim {
namespace {

TEST(DescribePrefix, NamesWhatIsSet) {
  namespace prefix = regs::prefix;
  std::vector<uint8_t> bytes(regs::kPrefixBytes);
  bytes[prefix::kKind] = 1;
  bytes[prefix::kOwner] = 7;
  bytes[prefix::kGeneration] = 0x34;
  bytes[prefix::kGeneration + 1] = 0x12;
  bytes[prefix::kSequence] = 9;
  bytes[prefix::kTime + 1] = 1;
  EXPECT_EQ(DescribePrefix(bytes), "PACKET owner 7 generation 4660 sequence 9 time 256");
  bytes[prefix::kKind] = 2;
  bytes[prefix::kRssHash + 3] = 0xAB;
  bytes[prefix::kL3Offset] = 14;
  bytes[prefix::kL4Offset] = 34;
  bytes[prefix::kChecksums] = 2 | 3 << 2;
  bytes[prefix::kFlags] = prefix::kFlagWasHeld | prefix::kFlagTunnel;
  EXPECT_EQ(DescribePrefix(bytes),
            "MARK owner 7 generation 4660 sequence 9 time 256 rss 0xab000000 l3 14 l4 34 "
            "checksums good/bad was_held tunnel");
}

}  // namespace
}  // namespace farrier::sim
