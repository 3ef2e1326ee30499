#include "tests/simulator/link.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::Not;

class Recorder final : public FrameSink {
 public:
  explicit Recorder(EventQueue& queue) : queue_(queue) {}
  void Receive(Frame frame) override {
    times.push_back(queue_.Now());
    frames.push_back(std::move(frame));
  }
  std::vector<int> FirstBytes() const {
    std::vector<int> bytes;
    for (const Frame& frame : frames) bytes.push_back(frame[0]);
    return bytes;
  }
  std::vector<Nanoseconds> times;
  std::vector<Frame> frames;

 private:
  EventQueue& queue_;
};

struct Wire {
  explicit Wire(const LinkOptions& options, uint64_t seed = 1)
      : there(queue), link(queue, Random(seed), options, &there) {}
  void Send(int count) {
    for (int i = 0; i < count; ++i) link.Receive(Frame(100, static_cast<uint8_t>(i)));
    queue.RunUntil(queue.Now() + kSecond);
  }
  EventQueue queue;
  Recorder there;
  Link link;
};

TEST(Link, FramesTakeSerializationAndDelayAndWaitForEachOther) {
  Wire wire({.delay = 1000, .bits_per_second = 8'000'000'000});  // a byte per ns
  wire.Send(3);
  EXPECT_THAT(wire.there.times, ElementsAre(1101, 1201, 1301));
  EXPECT_THAT(wire.there.FirstBytes(), ElementsAre(0, 1, 2));
}

TEST(Link, WhatTheQueueCannotHoldIsDropped) {
  Wire wire({.bits_per_second = 8'000'000'000, .queue_bytes = 250});
  wire.Send(5);
  EXPECT_THAT(wire.there.FirstBytes(), ElementsAre(0, 1));
  EXPECT_EQ(wire.link.counters().overflow, 3u);
}

TEST(Link, LosesAboutAsManyAsToldTo) {
  Wire wire({.faults = {.loss = 0.1}});
  wire.Send(10'000);
  EXPECT_EQ(wire.there.frames.size() + wire.link.counters().lost, 10'000u);
  EXPECT_NEAR(static_cast<double>(wire.link.counters().lost), 1000, 150);
}

TEST(Link, DuplicatesArriveTwiceUnchanged) {
  Wire wire({.faults = {.duplicate = 1}});
  wire.Send(3);
  std::vector<int> bytes = wire.there.FirstBytes();
  std::sort(bytes.begin(), bytes.end());
  EXPECT_THAT(bytes, ElementsAre(0, 0, 1, 1, 2, 2));
}

TEST(Link, ReorderedFramesAreOvertaken) {
  Wire wire({.faults = {.reorder = 0.5}});
  wire.Send(100);
  std::vector<int> bytes = wire.there.FirstBytes();
  EXPECT_EQ(bytes.size(), 100u);
  EXPECT_FALSE(std::is_sorted(bytes.begin(), bytes.end()));
}

TEST(Link, CorruptionFlipsAFewBitsAndKeepsTheLength) {
  Wire wire({.faults = {.corrupt = 1}});
  wire.Send(200);
  ASSERT_EQ(wire.there.frames.size(), 200u);
  int changed = 0;
  for (int i = 0; i < 200; ++i) {
    const Frame& frame = wire.there.frames[i];
    ASSERT_EQ(frame.size(), 100u);
    int flipped = 0;
    for (uint8_t byte : frame) flipped += std::popcount(static_cast<uint8_t>(byte ^ i));
    EXPECT_LE(flipped, 3);
    changed += flipped > 0;
  }
  EXPECT_GE(changed, 195) << "only flips of the same bit may cancel out";
}

TEST(Link, TheSameSeedGivesTheSameRunAndAnotherSeedAnother) {
  const LinkOptions options{
      .faults = {.loss = 0.1, .duplicate = 0.1, .reorder = 0.1, .corrupt = 0.1}};
  Wire first(options, 7), again(options, 7), other(options, 8);
  first.Send(200);
  again.Send(200);
  other.Send(200);
  EXPECT_EQ(first.there.times, again.there.times);
  EXPECT_EQ(first.there.frames, again.there.frames);
  EXPECT_THAT(first.there.times, Not(other.there.times));
}

}  // namespace
}  // namespace farrier::sim
