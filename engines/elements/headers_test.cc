#include "engines/elements/headers.h"

#include <gtest/gtest.h>

#include <set>

#include "engines/elements/testing/frames.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using testing::MakeFrame;

uint32_t HashOf(const testing::FrameSpec& spec) {
  const Bytes frame = MakeFrame(spec);
  Headers headers;
  headers.key.fill(0xAA);  // what is unspecified must not matter
  ParseHeaders(frame, headers);
  const uint32_t hash = FlowHash(frame, headers);
  headers.key.fill(0x55);
  ParseHeaders(frame, headers);
  EXPECT_EQ(FlowHash(frame, headers), hash);
  return hash;
}

TEST(Headers, OffsetsPointAtIpAndTransport) {
  const Bytes frame = MakeFrame({.vlans = {1, 2}, .options = 3});
  Headers headers;
  ParseHeaders(frame, headers);
  EXPECT_TRUE(headers.Has(Headers::kParsed | Headers::kTagged | Headers::kV4 | Headers::kPorts));
  EXPECT_FALSE(headers.flags & (Headers::kMalformed | Headers::kFragment | Headers::kV6));
  EXPECT_EQ(headers.l3_offset, 22);
  EXPECT_EQ(headers.l4_offset, 22 + 32);
}

TEST(FlowHash, IsOneForAFlowAndDiffersBetweenFlows) {
  EXPECT_EQ(HashOf({.payload = 1}), HashOf({.dscp = 3, .payload = 500, .fill = 7}));
  std::set<uint32_t> hashes;
  for (uint16_t port = 1; port <= 100; ++port) {
    hashes.insert(HashOf({.source_port = port}));
    hashes.insert(HashOf({.destination_port = static_cast<uint16_t>(port + 3000)}));
    hashes.insert(HashOf({.destination = "10.1.0." + std::to_string(port)}));
    hashes.insert(HashOf({.source = "::1", .destination = "::" + std::to_string(port)}));
  }
  EXPECT_EQ(hashes.size(), 400u);
}

TEST(FlowHash, IsOneForAllFragmentsOfAPacket) {
  EXPECT_EQ(HashOf({.more_fragments = true}), HashOf({.fragment_offset = 5}));
}

TEST(FlowHash, OfWhatIsNotIpIsOfTheMacAddresses) {
  Bytes frame(60);
  Headers headers;
  ParseHeaders(frame, headers);
  const uint32_t hash = FlowHash(frame, headers);
  frame[30] = 1;
  EXPECT_EQ(FlowHash(frame, headers), hash);
  frame[3] = 1;
  EXPECT_NE(FlowHash(frame, headers), hash);
}

}  // namespace
}  // namespace farrier::elements
