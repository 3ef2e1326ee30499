#include "engines/elements/tap.h"

#include <gtest/gtest.h>

#include "engines/elements/state.pb.h"
#include "engines/elements/testing/harness.h"
#include "engines/elements/vlan.h"

namespace farrier::elements {
namespace {

using testing::Bytes;

std::vector<Bytes> Frames(int count, size_t size = 100) {
  std::vector<Bytes> frames;
  for (int i = 0; i < count; ++i) frames.emplace_back(size, static_cast<uint8_t>(i));
  return frames;
}

TEST(Tap, CopiesEveryNthPacketAndPassesAll) {
  testing::Sink sink, copies;
  Tap tap("tap", 10, kMaxHeldBytes);
  tap.Connect(0, &sink);
  tap.Connect(Tap::kCopies, &copies);
  const std::vector<Bytes> frames = Frames(135);
  testing::PushFrames(tap, frames, 1, 0, {.arrival = 8});
  EXPECT_EQ(sink.frames, frames);
  ASSERT_EQ(copies.frames.size(), 13u);
  for (size_t i = 0; i < copies.frames.size(); ++i) {
    EXPECT_EQ(copies.frames[i], frames[10 * i + 9]);
    EXPECT_EQ(copies.metadata[i].arrival, 8);
  }
  EXPECT_EQ(testing::CountersOf(tap),
            (std::map<std::string, uint64_t>{{"packets", 135}, {"copied", 13}, {"cut", 0}}));
}

TEST(Tap, CutsCopiesToTheirBound) {
  testing::Sink sink, copies;
  Tap tap("tap", 1, 80);
  tap.Connect(0, &sink);
  tap.Connect(Tap::kCopies, &copies);
  testing::PushFrames(tap, {Bytes(81, 1), Bytes(80, 2), Bytes(5, 3), Bytes()});
  EXPECT_EQ(copies.frames, (std::vector<Bytes>{Bytes(80, 1), Bytes(80, 2), Bytes(5, 3), Bytes()}));
  EXPECT_EQ(sink.frames[0], Bytes(81, 1));
  EXPECT_EQ(testing::CountersOf(tap)["cut"], 1u);
}

TEST(Tap, WhatBecomesOfACopyDoesNotChangeThePacket) {
  testing::Sink sink, copies;
  VlanPush push("push", 5, 0, 0x8100);
  push.Connect(0, &copies);
  Tap tap("tap", 1, kMaxHeldBytes);
  tap.Connect(0, &sink);
  tap.Connect(Tap::kCopies, &push);
  testing::PushFrames(tap, Frames(64));
  EXPECT_EQ(sink.frames, Frames(64));
  ASSERT_EQ(copies.frames.size(), 64u);
  EXPECT_EQ(copies.frames[63].size(), 104u);
}

TEST(Tap, NeverWaitsForTheCopies) {
  testing::Sink sink, copies;
  Tap tap("tap", 1, kMaxHeldBytes);
  tap.Connect(0, &sink);
  tap.Connect(Tap::kCopies, &copies);
  copies.room = 0;
  sink.room = 9;
  EXPECT_EQ(tap.Room(64), 9u);
}

TEST(Tap, ASuccessorGoesOnCounting) {
  testing::Sink sink, copies;
  Tap tap("tap", 10, kMaxHeldBytes);
  tap.Connect(0, &sink);
  tap.Connect(Tap::kCopies, &copies);
  testing::PushFrames(tap, Frames(7));
  ElementRecord record;
  tap.Save(record);
  Tap successor("tap", 10, kMaxHeldBytes);
  successor.Connect(0, &sink);
  successor.Connect(Tap::kCopies, &copies);
  ASSERT_TRUE(successor.Load(record).ok());
  testing::PushFrames(successor, Frames(3));
  EXPECT_EQ(copies.frames.size(), 1u);
  // One that copies more often begins with the next.
  Tap denser("tap", 2, kMaxHeldBytes);
  denser.Connect(0, &sink);
  denser.Connect(Tap::kCopies, &copies);
  ASSERT_TRUE(denser.Load(record).ok());
  testing::PushFrames(denser, Frames(1));
  EXPECT_EQ(copies.frames.size(), 2u);
}

}  // namespace
}  // namespace farrier::elements
