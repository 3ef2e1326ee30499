#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "pony/client/session.h"

namespace farrier::pony {
namespace {

constexpr size_t kBytes = 64 * 1024;

class Region : public ::testing::Test {
 protected:
  Region() : memory_(static_cast<uint8_t*>(std::aligned_alloc(64, kBytes))) {
    EXPECT_EQ(pony_region_init(&region_, memory_, kBytes), 0);
  }
  ~Region() override {
    pony_region_destroy(&region_);
    std::free(memory_);
  }

  uint8_t* Alloc(size_t bytes) { return static_cast<uint8_t*>(pony_region_alloc(&region_, bytes)); }
  void Free(void* memory) { pony_region_free(&region_, memory); }

  uint8_t* memory_;
  pony_region region_;
};

TEST_F(Region, MemoryIsAlignedAndInside) {
  for (size_t bytes : {0, 1, 63, 64, 65, 1000}) {
    uint8_t* got = Alloc(bytes);
    ASSERT_NE(got, nullptr);
    EXPECT_EQ((got - memory_) % 64, 0);
    EXPECT_LE(got + bytes, memory_ + kBytes);
  }
}

TEST_F(Region, AllOfItCanBeHadAndNoMore) {
  EXPECT_EQ(Alloc(kBytes + 1), nullptr);
  EXPECT_EQ(Alloc(SIZE_MAX), nullptr);
  uint8_t* all = Alloc(kBytes);
  EXPECT_EQ(all, memory_);
  EXPECT_EQ(Alloc(1), nullptr);
  Free(all);
  EXPECT_EQ(Alloc(kBytes), memory_);
}

TEST_F(Region, NeighboursMergeWhicheverIsFreedFirst) {
  for (const auto& order :
       std::vector<std::vector<int>>{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {0, 2, 1, 3}}) {
    std::vector<uint8_t*> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(Alloc(kBytes / 4));
    for (int i : order) Free(blocks[i]);
    uint8_t* all = Alloc(kBytes);
    ASSERT_NE(all, nullptr);
    Free(all);
  }
}

TEST_F(Region, FreeingWhatWasNotAllocatedDoesNothing) {
  uint8_t* block = Alloc(1024);
  Free(nullptr);
  Free(block + 1);
  Free(block + 64);
  Free(block + 1024 - 64);  // the block's last unit
  Free(memory_ + kBytes);
  Free(memory_ - 64);
  EXPECT_EQ(Alloc(kBytes - 1024 + 1), nullptr);
  Free(block);
  Free(block);
  EXPECT_NE(Alloc(kBytes), nullptr);
}

TEST_F(Region, BlocksNeverOverlapAndNothingIsLost) {
  std::mt19937_64 random(7);
  std::map<uint8_t*, size_t> live;
  for (int step = 0; step < 50'000; ++step) {
    if (random() % 2 == 0 || live.empty()) {
      const size_t bytes = size_t{1} << (random() % 14);
      uint8_t* block = Alloc(bytes);
      if (block == nullptr) continue;
      auto next = live.lower_bound(block);
      ASSERT_TRUE(next == live.end() || block + bytes <= next->first);
      if (next != live.begin()) {
        --next;
        ASSERT_LE(next->first + next->second, block);
      }
      live[block] = bytes;
    } else {
      auto it = live.begin();
      std::advance(it, random() % live.size());
      Free(it->first);
      live.erase(it);
    }
  }
  for (const auto& [block, bytes] : live) Free(block);
  EXPECT_NE(Alloc(kBytes), nullptr);
}

TEST(RegionInit, RefusesWhatItCannotUse) {
  alignas(64) uint8_t memory[128];
  pony_region region;
  EXPECT_EQ(pony_region_init(&region, memory, 63), -EINVAL);
  EXPECT_EQ(pony_region_init(&region, memory + 1, 64), -EINVAL);
}

}  // namespace
}  // namespace farrier::pony
