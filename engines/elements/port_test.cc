#include <gtest/gtest.h>

#include "engines/elements/from_port.h"
#include "engines/elements/testing/harness.h"
#include "engines/elements/to_port.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using testing::FakePort;
using testing::MakeFrame;

std::vector<Bytes> Frames(int count) {
  std::vector<Bytes> frames;
  for (int i = 0; i < count; ++i) frames.push_back(MakeFrame({.fill = static_cast<uint8_t>(i)}));
  return frames;
}

TEST(FromPort, GivesEveryPacketBackWhenTheGraphHasRun) {
  FakePort port(64);
  testing::Sink sink;
  FromPort from("from", &port);
  from.Connect(0, &sink);
  const std::vector<Bytes> frames = Frames(70);
  for (const Bytes& frame : frames) port.Arrive(frame);
  EXPECT_EQ(from.Receive(1, 64), 64u);
  EXPECT_EQ(port.lent(), 0);
  EXPECT_EQ(from.Receive(1, 64), 6u);
  EXPECT_EQ(from.Receive(1, 64), 0u);
  EXPECT_EQ(sink.frames, frames);
  EXPECT_EQ(sink.batches, 2);
  EXPECT_EQ(testing::CountersOf(from),
            (std::map<std::string, uint64_t>{{"packets", 70}, {"bytes", 70 * 62}}));
}

TEST(FromPort, KnowsSinceWhenWhatIsLeftMayWait) {
  FakePort port;
  testing::Sink sink;
  FromPort from("from", &port);
  from.Connect(0, &sink);
  for (int i = 0; i < 5; ++i) port.Arrive(MakeFrame({}), 100 + i);
  from.Receive(1000, 2);
  EXPECT_EQ(from.left_over_since(), 101);
  from.Receive(1000, 4);
  EXPECT_EQ(from.left_over_since(), runtime::kNever);
  port.Arrive(MakeFrame({}));
  from.Receive(1000, 1);
  EXPECT_EQ(from.left_over_since(), 1000) << "a card without a clock";
}

TEST(ToPort, SendsWhatCameInOneBurst) {
  FakePort port;
  ToPort to("to", &port);
  const std::vector<Bytes> frames = Frames(40);
  testing::PushFrames(to, {frames.begin(), frames.begin() + 10});
  testing::PushFrames(to, {frames.begin() + 10, frames.end()});
  EXPECT_TRUE(port.sent.empty());
  to.EndPoll();
  EXPECT_EQ(port.commits, 1);
  EXPECT_EQ(port.TakeSent(), frames);
  EXPECT_EQ(testing::CountersOf(to)["packets"], 40u);
  EXPECT_EQ(testing::CountersOf(to)["bytes"], 40u * 62);
}

TEST(ToPort, KeepsTheOrderOfMoreThanItCanHold) {
  FakePort port;
  ToPort to("to", &port);
  const std::vector<Bytes> frames = Frames(250);
  for (size_t at = 0; at < frames.size(); at += 50) {
    EXPECT_EQ(to.Room(64), 64u);
    testing::PushFrames(to, {frames.begin() + at, frames.begin() + at + 50});
  }
  to.EndPoll();
  EXPECT_EQ(port.TakeSent(), frames);
  EXPECT_EQ(port.lent(), 0);
}

TEST(ToPort, DropsAndCountsWhatFindsNoRoom) {
  FakePort port;
  port.room = 3;
  ToPort to("to", &port);
  const std::vector<Bytes> frames = Frames(5);
  testing::PushFrames(to, frames);
  to.EndPoll();
  EXPECT_EQ(port.TakeSent(), std::vector<Bytes>(frames.begin(), frames.begin() + 3));
  EXPECT_EQ(testing::CountersOf(to)["no_room"], 2u);
  EXPECT_EQ(testing::CountersOf(to)["packets"], 3u);
}

TEST(ToPort, DropsWhatIsTooLongOrEmptyAndSendsTheRest) {
  FakePort port;
  port.capacity = 100;
  ToPort to("to", &port);
  const Bytes fits(100, 7);
  testing::PushFrames(to, {Bytes(101, 7), fits, Bytes(), fits});
  to.EndPoll();
  EXPECT_EQ(port.TakeSent(), (std::vector<Bytes>{fits, fits}));
  EXPECT_EQ(testing::CountersOf(to)["too_long"], 1u);
  EXPECT_EQ(testing::CountersOf(to)["empty"], 1u);
}

TEST(ToPort, RoomIsWhatThePortLendsAndGoesBackUnused) {
  FakePort port;
  port.room = 10;
  ToPort to("to", &port);
  EXPECT_EQ(to.Room(4), 4u);
  EXPECT_EQ(to.Room(64), 10u);
  EXPECT_EQ(to.Room(2), 2u);
  testing::PushFrames(to, Frames(1));
  EXPECT_EQ(to.Room(64), 9u);
  to.EndPoll();
  EXPECT_EQ(port.sent.size(), 1u);
  EXPECT_EQ(port.lent(), 0);
}

}  // namespace
}  // namespace farrier::elements
