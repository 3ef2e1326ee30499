#include "engines/runtime/placement.h"

#include <gtest/gtest.h>

#include <vector>

namespace farrier::runtime {
namespace {

using Threads = std::vector<ThreadPlace>;

TEST(PlaceEngine, DedicatingTakesTheFirstWithTheLeastWeight) {
  EXPECT_EQ(PlaceEngine(GroupMode::kDedicating, Threads{{.weight = 2}, {}, {}}), 1u);
  EXPECT_EQ(PlaceEngine(GroupMode::kDedicating, Threads{{.weight = 2}, {.weight = 3}}), 0u);
}

TEST(PlaceEngine, CompactingTakesTheFirst) {
  EXPECT_EQ(PlaceEngine(GroupMode::kCompacting, Threads{{.weight = 9}, {}}), 0u);
}

TEST(PlaceEngine, SpreadingTakesAnIdleThreadOrANewOne) {
  EXPECT_EQ(PlaceEngine(GroupMode::kSpreading, Threads{{.weight = 1}, {}}), 1u);
  EXPECT_EQ(PlaceEngine(GroupMode::kSpreading, Threads{{.weight = 1}}), 1u);
  EXPECT_EQ(PlaceEngine(GroupMode::kSpreading, Threads{}), 0u);
}

TEST(PlaceEngine, TakesAThreadThatIsStuckOnlyIfAllAre) {
  const Threads first_stuck{{.stuck = true}, {.weight = 5}};
  EXPECT_EQ(PlaceEngine(GroupMode::kDedicating, first_stuck), 1u);
  EXPECT_EQ(PlaceEngine(GroupMode::kCompacting, first_stuck), 1u);
  const Threads all_stuck{{.stuck = true}, {.stuck = true}};
  EXPECT_EQ(PlaceEngine(GroupMode::kDedicating, all_stuck), 0u);
  EXPECT_EQ(PlaceEngine(GroupMode::kCompacting, all_stuck), 0u);
  EXPECT_EQ(PlaceEngine(GroupMode::kSpreading, all_stuck), 2u) << "a new one";
}

}  // namespace
}  // namespace farrier::runtime
