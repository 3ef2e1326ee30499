#include "engines/elements/headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "engines/elements/testing/frames.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using testing::MakeFrame;

uint32_t HashOf(const testing::FrameSpec& spec) {
  const Bytes frame = MakeFrame(spec);
  Headers headers;
  std::memset(static_cast<void*>(&headers), 0xAA,
              sizeof(headers));  // what is unspecified must not matter
  ParseHeaders(frame, headers);
  const uint32_t hash = FlowHash(frame, headers);
  std::memset(static_cast<void*>(&headers), 0x55, sizeof(headers));
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

TEST(Headers, OfAPlainFrameAreAllKnown) {
  for (const uint8_t protocol : {kProtocolUdp, kProtocolTcp}) {
    Headers headers;
    std::memset(static_cast<void*>(&headers), 0xAA, sizeof(headers));
    ParseHeaders(MakeFrame({.source = "10.1.2.3",
                            .destination = "10.4.5.6",
                            .protocol = protocol,
                            .source_port = 0x1234,
                            .destination_port = 0x5678,
                            .dscp = 46}),
                 headers);
    EXPECT_EQ(headers.flags, Headers::kParsed | Headers::kIp | Headers::kV4 | Headers::kPorts);
    EXPECT_THAT(headers.ether_type, ::testing::ElementsAre(0x08, 0x00));
    EXPECT_THAT(headers.source_v4, ::testing::ElementsAre(10, 1, 2, 3));
    EXPECT_THAT(headers.destination_v4, ::testing::ElementsAre(10, 4, 5, 6));
    EXPECT_THAT(headers.source_port, ::testing::ElementsAre(0x12, 0x34));
    EXPECT_THAT(headers.destination_port, ::testing::ElementsAre(0x56, 0x78));
    EXPECT_EQ(headers.protocol, protocol);
    EXPECT_EQ(headers.dscp, 46);
    EXPECT_EQ(headers.l3_offset, 14);
    EXPECT_EQ(headers.l4_offset, 34);
  }
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
