#include "tests/simulator/event_queue.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

using ::testing::ElementsAre;

TEST(EventQueue, EventsHappenInOrderOfTime) {
  EventQueue queue;
  std::vector<Nanoseconds> seen;
  for (Nanoseconds when : {30, 10, 20}) {
    queue.At(when, [&] { seen.push_back(queue.Now()); });
  }
  while (queue.RunNext()) {
  }
  EXPECT_THAT(seen, ElementsAre(10, 20, 30));
}

TEST(EventQueue, EventsOfOneInstantHappenInOrderOfScheduling) {
  EventQueue queue;
  std::vector<int> seen;
  for (int i = 0; i < 5; ++i) {
    queue.At(10, [&, i] {
      seen.push_back(i);
      if (i == 0) queue.After(0, [&] { seen.push_back(100); });
    });
  }
  queue.RunUntil(10);
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4, 100));
}

TEST(EventQueue, ThePastIsNow) {
  EventQueue queue;
  queue.RunUntil(50);
  Nanoseconds seen = 0;
  queue.At(10, [&] { seen = queue.Now(); });
  EXPECT_EQ(seen, 0) << "an event must not happen while it is being scheduled";
  queue.RunNext();
  EXPECT_EQ(seen, 50);
}

TEST(EventQueue, RunUntilMovesTimeAndLeavesLaterEvents) {
  EventQueue queue;
  int seen = 0;
  queue.At(10, [&] { ++seen; });
  queue.At(11, [&] { ++seen; });
  queue.RunUntil(10);
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(queue.Now(), 10);
  EXPECT_EQ(queue.size(), 1u);
}

TEST(EventQueue, ACancelledEventDoesNotHappen) {
  EventQueue queue;
  int seen = 0;
  const auto event = queue.At(10, [&] { ++seen; });
  EXPECT_TRUE(queue.Cancel(event));
  EXPECT_FALSE(queue.Cancel(event));
  queue.RunUntil(20);
  EXPECT_EQ(seen, 0);
}

TEST(Timer, FiresOnceAtTheLastTimeSet) {
  EventQueue queue;
  std::vector<Nanoseconds> seen;
  Timer timer(queue, [&] { seen.push_back(queue.Now()); });
  timer.Set(10);
  timer.Set(20);
  timer.SetNoLaterThan(30);
  queue.RunUntil(100);
  EXPECT_THAT(seen, ElementsAre(20));
  EXPECT_FALSE(timer.pending());
}

TEST(Timer, CanBeSetFromWithinItsAction) {
  EventQueue queue;
  std::vector<Nanoseconds> seen;
  Timer timer(queue, [&] {
    seen.push_back(queue.Now());
    if (seen.size() < 3) timer.Set(queue.Now() + 5);
  });
  timer.Set(10);
  queue.RunUntil(100);
  EXPECT_THAT(seen, ElementsAre(10, 15, 20));
}

TEST(Timer, DiesWithItsOwner) {
  EventQueue queue;
  int seen = 0;
  {
    Timer timer(queue, [&] { ++seen; });
    timer.Set(10);
  }
  queue.RunUntil(20);
  EXPECT_EQ(seen, 0);
}

TEST(Lifetime, NothingHappensToTheDead) {
  EventQueue queue;
  int seen = 0;
  Lifetime life(queue);
  life.After(10, [&] { ++seen; });
  life.After(20, [&] { ++seen; });
  queue.RunUntil(15);
  life.End();
  queue.RunUntil(30);
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace farrier::sim
