#include "engines/elements/vlan.h"

#include <gtest/gtest.h>

#include "engines/elements/testing/harness.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using testing::FrameSpec;
using testing::MakeFrame;

class VlanTest : public ::testing::Test {
 protected:
  VlanTest() {
    push_.Connect(0, &sink_);
    pop_.Connect(0, &sink_);
    pop_.Connect(VlanPop::kUntagged, &untagged_);
  }
  testing::Sink sink_, untagged_;
  VlanPush push_{"push", 100, 5, 0x8100};
  VlanPop pop_{"pop"};
};

TEST_F(VlanTest, PushesATagAheadOfWhatIsThere) {
  const Bytes plain = MakeFrame({});
  const Bytes tagged = MakeFrame({.vlans = {7}});
  testing::PushFrames(push_, {plain, tagged}, 1, 4);
  EXPECT_EQ(sink_.frames[0], MakeFrame({.vlans = {5 << 13 | 100}}));
  EXPECT_EQ(sink_.frames[1], MakeFrame({.vlans = {5 << 13 | 100, 7}}));
}

TEST_F(VlanTest, DropsAndCountsWhatHasNoHeadroomOrNoHeader) {
  testing::PushFrames(push_, {MakeFrame({})}, 1, 3);
  testing::PushFrames(push_, {Bytes(13, 1), Bytes(14, 2), Bytes()}, 1, 4);
  EXPECT_EQ(sink_.frames.size(), 1u);
  EXPECT_EQ(testing::CountersOf(push_),
            (std::map<std::string, uint64_t>{{"pushed", 1}, {"no_headroom", 1}, {"too_short", 2}}));
}

TEST_F(VlanTest, PopsTheOuterTagOfEitherType) {
  for (const uint16_t type : {0x8100, 0x88A8}) {
    testing::PushFrames(pop_, {MakeFrame({.vlans = {7}, .tag_type = type}),
                               MakeFrame({.vlans = {8, 9}, .tag_type = type})});
    EXPECT_EQ(sink_.Take(),
              (std::vector<Bytes>{MakeFrame({}), MakeFrame({.vlans = {9}, .tag_type = type})}));
  }
}

TEST_F(VlanTest, WhatHasNoWholeTagGoesTheOtherWayUnchanged) {
  Bytes cut = MakeFrame({.vlans = {7}});
  cut.resize(17);
  const std::vector<Bytes> frames = {MakeFrame({}), cut, Bytes(5), Bytes()};
  testing::PushFrames(pop_, frames);
  EXPECT_EQ(untagged_.frames, frames);
  EXPECT_EQ(testing::CountersOf(pop_),
            (std::map<std::string, uint64_t>{{"popped", 0}, {"untagged", 4}}));
}

TEST_F(VlanTest, OffsetsInMetadataMoveAlong) {
  testing::PushFrames(push_, {MakeFrame({})}, 1, 4, {.l3_offset = 14, .l4_offset = 34});
  EXPECT_EQ(sink_.metadata[0].l3_offset, 18);
  EXPECT_EQ(sink_.metadata[0].l4_offset, 38);
  testing::PushFrames(pop_, {MakeFrame({.vlans = {1}})}, 1, 0, {.l3_offset = 18});
  EXPECT_EQ(sink_.metadata[1].l3_offset, 14);
  EXPECT_EQ(sink_.metadata[1].l4_offset, 0);
  testing::PushFrames(push_, {MakeFrame({})}, 1, 4, {.l3_offset = 14, .l4_offset = 253});
  EXPECT_EQ(sink_.metadata[2].l4_offset, 0) << "cannot be said";
}

TEST_F(VlanTest, ACopyOfTheHeadersIsParsedAnew) {
  push_.Connect(0, &pop_);
  testing::PushFrames(push_, {MakeFrame({})}, 1, 4);
  EXPECT_EQ(sink_.frames, std::vector<Bytes>{MakeFrame({})});
}

}  // namespace
}  // namespace farrier::elements
