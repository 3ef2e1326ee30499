#include <gtest/gtest.h>

#include <random>
#include <set>

#include "engines/elements/testing/harness.h"
#include "engines/elements/vxlan_decap.h"
#include "engines/elements/vxlan_encap.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using testing::MakeFrame;

const VxlanEncap::Options kTunnel = {.source_mac = {2, 0, 0, 0, 0, 1},
                                     .destination_mac = {2, 0, 0, 0, 0, 2},
                                     .source_ip = 0x0A000001,
                                     .destination_ip = 0x0A000002,
                                     .vni = 0x123456,
                                     .dscp = 10};

class VxlanTest : public ::testing::Test {
 protected:
  VxlanTest() {
    encap_.Connect(0, &sink_);
    decap_.Connect(0, &inner_);
    decap_.Connect(VxlanDecap::kOthers, &others_);
  }
  Bytes Encapsulated(const Bytes& frame) {
    testing::PushFrames(encap_, {frame}, 1, VxlanEncap::kOverhead);
    std::vector<Bytes> sent = sink_.Take();
    return sent.empty() ? Bytes() : sent[0];
  }
  std::map<std::string, uint64_t> DecapCounters() { return testing::CountersOf(decap_); }

  testing::Sink sink_, inner_, others_;
  VxlanEncap encap_{"encap", kTunnel};
  VxlanDecap decap_{"decap", {.local_ip = 0x0A000002, .vni = 0x123456}};
};

TEST_F(VxlanTest, TheOuterFrameIsAsTheRfcSays) {
  const Bytes inner = MakeFrame({.payload = 100});
  const Bytes outer = Encapsulated(inner);
  ASSERT_EQ(outer.size(), inner.size() + 50);
  EXPECT_EQ(Bytes(outer.begin(), outer.begin() + 14),
            (Bytes{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}));
  const size_t total = inner.size() + 36;
  EXPECT_EQ(outer[14], 0x45);
  EXPECT_EQ(outer[15], 10 << 2);
  EXPECT_EQ(outer[16] * 256u + outer[17], total);
  EXPECT_EQ(outer[20], 0x40) << "not to be fragmented";
  EXPECT_EQ(outer[22], 64);
  EXPECT_EQ(outer[23], 17);
  EXPECT_EQ(testing::InternetChecksum(&outer[14], 20), 0);
  EXPECT_EQ(Bytes(outer.begin() + 26, outer.begin() + 34), (Bytes{10, 0, 0, 1, 10, 0, 0, 2}));
  EXPECT_GE(outer[34] * 256 + outer[35], 49152);
  EXPECT_EQ(outer[36] * 256 + outer[37], 4789);
  EXPECT_EQ(outer[38] * 256u + outer[39], total - 20);
  EXPECT_EQ(outer[40] * 256 + outer[41], 0);
  EXPECT_EQ(Bytes(outer.begin() + 42, outer.begin() + 50),
            (Bytes{8, 0, 0, 0, 0x12, 0x34, 0x56, 0}));
  EXPECT_EQ(Bytes(outer.begin() + 50, outer.end()), inner);
}

TEST_F(VxlanTest, TheChecksumIsRightForEveryLength) {
  for (size_t size = 14; size < 2000; ++size) {
    const Bytes outer = Encapsulated(Bytes(size, 9));
    ASSERT_EQ(testing::InternetChecksum(&outer[14], 20), 0) << size;
  }
}

TEST_F(VxlanTest, TheSourcePortIsTheInnerFlows) {
  const auto port = [&](const testing::FrameSpec& spec) {
    const Bytes outer = Encapsulated(MakeFrame(spec));
    return outer[34] * 256 + outer[35];
  };
  EXPECT_EQ(port({.payload = 10}), port({.payload = 20, .fill = 3}));
  std::set<int> ports;
  for (uint16_t i = 0; i < 200; ++i) ports.insert(port({.source_port = i}));
  EXPECT_GT(ports.size(), 180u);
  EXPECT_GT(*ports.rbegin() - *ports.begin(), 10'000);
}

TEST_F(VxlanTest, WhatCannotBeEncapsulatedIsDroppedByReason) {
  testing::PushFrames(encap_, {MakeFrame({})}, 1, VxlanEncap::kOverhead - 1);
  testing::PushFrames(encap_, {Bytes(13), Bytes(65536 - 36), Bytes(65535 - 36)}, 1,
                      VxlanEncap::kOverhead);
  EXPECT_EQ(sink_.frames.size(), 1u);
  EXPECT_EQ(testing::CountersOf(encap_), (std::map<std::string, uint64_t>{{"packets", 1},
                                                                          {"bytes", 65549},
                                                                          {"no_headroom", 1},
                                                                          {"too_long", 1},
                                                                          {"too_short", 1}}));
}

TEST_F(VxlanTest, WhatWentInComesOut) {
  std::vector<Bytes> frames;
  std::mt19937_64 random(5);
  for (size_t size = 14; size < 300; ++size) {
    frames.emplace_back(size);
    for (uint8_t& byte : frames.back()) byte = static_cast<uint8_t>(random());
  }
  for (const Bytes& frame : frames) testing::PushFrames(decap_, {Encapsulated(frame)});
  EXPECT_EQ(inner_.frames, frames);
  EXPECT_EQ(DecapCounters()["packets"], frames.size());
}

TEST_F(VxlanTest, OuterPaddingTagsAndOptionsAreTakenOff) {
  const Bytes frame(20, 7);
  Bytes outer = Encapsulated(frame);
  outer.resize(outer.size() + 30, 0xEE);
  testing::PushFrames(decap_, {outer});
  outer.insert(outer.begin() + 12, {0x81, 0, 0, 5});
  testing::PushFrames(decap_, {outer});
  EXPECT_EQ(inner_.frames, (std::vector<Bytes>{frame, frame}));
}

TEST_F(VxlanTest, OtherTrafficGoesTheOtherWayUnchanged) {
  Bytes other_vni = Encapsulated(Bytes(60, 1));
  other_vni[46] ^= 1;
  Bytes other_port = Encapsulated(Bytes(60, 1));
  other_port[37] ^= 1;
  Bytes later_fragment = Encapsulated(Bytes(60, 1));
  later_fragment[21] = 5;
  const std::vector<Bytes> frames = {
      other_vni,
      other_port,
      later_fragment,
      MakeFrame({.destination = "10.0.0.3", .destination_port = 4789}),
      MakeFrame({.protocol = 6, .destination_port = 4789}),
      Bytes(60),
      Bytes()};
  testing::PushFrames(decap_, frames);
  EXPECT_EQ(others_.frames, frames);
  EXPECT_EQ(DecapCounters()["others"], frames.size());
}

TEST_F(VxlanTest, WhatIsWrongWithTheTunnelsPacketsIsDroppedByReason) {
  Bytes fragment = Encapsulated(Bytes(60, 1));
  fragment[20] = 0x20;
  Bytes without_vni = Encapsulated(Bytes(60, 1));
  without_vni[42] = 0;
  Bytes bad_checksum = Encapsulated(Bytes(60, 1));
  bad_checksum[22] ^= 1;
  testing::PushFrames(decap_,
                      {fragment, without_vni, bad_checksum,
                       MakeFrame({.destination_port = 4789, .payload = 21}), Encapsulated({})});
  testing::PushFrames(decap_, {Encapsulated(Bytes(60, 1))}, 1, 0,
                      {.l4_checksum = runtime::Checksum::kBad});
  EXPECT_EQ(DecapCounters()["fragment"], 1u);
  EXPECT_EQ(DecapCounters()["malformed"], 2u);
  EXPECT_EQ(DecapCounters()["bad_checksum"], 2u);
  EXPECT_TRUE(inner_.frames.empty());
}

TEST_F(VxlanTest, CopesWithATunnelPacketCutOffOrChangedAnywhere) {
  const Bytes whole = Encapsulated(MakeFrame({}));
  std::mt19937_64 random(7);
  std::vector<Bytes> frames;
  for (size_t size = 0; size <= whole.size(); ++size) {
    frames.emplace_back(whole.begin(), whole.begin() + size);
  }
  for (int i = 0; i < 5000; ++i) {
    frames.push_back(whole);
    for (int flips = 0; flips < 3; ++flips) {
      frames.back()[random() % 50] = static_cast<uint8_t>(random());
    }
  }
  testing::PushFrames(decap_, frames);
  uint64_t sum = 0;
  for (const char* name : {"packets", "others", "fragment", "malformed", "bad_checksum"}) {
    sum += DecapCounters()[name];
  }
  EXPECT_EQ(sum, frames.size());
}

TEST_F(VxlanTest, WhatTheCardSaidOfTheOuterHeadersIsForgotten) {
  testing::PushFrames(encap_, {MakeFrame({})}, 1, 50,
                      {.arrival = 9, .l3_offset = 14, .l4_checksum = runtime::Checksum::kGood});
  EXPECT_EQ(sink_.metadata[0].arrival, 9);
  EXPECT_EQ(sink_.metadata[0].l3_offset, 0);
  EXPECT_EQ(sink_.metadata[0].l4_checksum, runtime::Checksum::kUnchecked);
}

}  // namespace
}  // namespace farrier::elements
