#include "hw/model/filter_table.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

namespace farrier::model {
namespace {

TEST(FilterHash, IsTheParityUnderEachMask) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    FilterKey key;
    for (auto& word : key) word = random();
    const FilterHash hash = HashKeyWords(key, 0, key.size());
    ASSERT_EQ(hash, HashKeyWords(key, 0, 3) ^ HashKeyWords(key, 3, 7)) << "not linear";
    for (size_t way = 0; way < regs::kFilterWays; ++way) {
      for (size_t bit = 0; bit < 16; ++bit) {
        int ones = 0;
        for (size_t word = 0; word < key.size(); ++word) {
          ones += std::popcount(key[word] & regs::kFilterHashMasks[way][bit][word]);
        }
        ASSERT_EQ((hash >> (16 * way + bit)) & 1, static_cast<uint64_t>(ones & 1));
      }
    }
  }
}

}  // namespace
}  // namespace farrier::model
