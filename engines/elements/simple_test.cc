#include <gtest/gtest.h>

#include "engines/elements/counter.h"
#include "engines/elements/discard.h"
#include "engines/elements/testing/harness.h"

namespace farrier::elements {
namespace {

using testing::Bytes;

TEST(Counter, CountsWhatPassesAndPassesIt) {
  testing::Sink sink;
  Counter counter("counter");
  counter.Connect(0, &sink);
  const std::vector<Bytes> frames = {Bytes(60, 1), Bytes(), Bytes(1514, 2)};
  testing::PushFrames(counter, frames);
  EXPECT_EQ(sink.frames, frames);
  EXPECT_EQ(testing::CountersOf(counter),
            (std::map<std::string, uint64_t>{{"packets", 3}, {"bytes", 1574}}));
}

TEST(Counter, HasAsMuchRoomAsWhatIsBehindIt) {
  testing::Sink sink;
  Counter counter("counter");
  counter.Connect(0, &sink);
  sink.room = 7;
  EXPECT_EQ(counter.Room(64), 7u);
}

TEST(Discard, CountsAndHasRoomForAll) {
  Discard discard("discard");
  testing::PushFrames(discard, {Bytes(60), Bytes(61)});
  EXPECT_EQ(testing::CountersOf(discard),
            (std::map<std::string, uint64_t>{{"packets", 2}, {"bytes", 121}}));
  EXPECT_EQ(discard.Room(64), 64u);
}

}  // namespace
}  // namespace farrier::elements
