#include "hw/model/cell_memory.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>
#include <vector>

namespace farrier::model {
namespace {

struct Info {
  uint32_t sequence = 0;
};
using Memory = CellMemory<Info>;

TEST(CellMemory, QueuesShareTheCellsAndKeepTheirOrder) {
  constexpr uint32_t kCells = 60;
  constexpr size_t kQueues = 3;
  Memory memory(kCells);
  std::array<Memory::Queue, kQueues> queues;
  std::array<std::deque<std::pair<uint32_t, std::vector<uint8_t>>>, kQueues> expected;
  std::mt19937 random(1);
  std::vector<uint8_t> out(regs::kMaxPacketBytes);
  uint32_t sequence = 0;
  int full = 0;
  for (int i = 0; i < 20'000; ++i) {
    const size_t q = random() % kQueues;
    uint32_t used = 0;
    for (const auto& queue : queues) used += queue.cells();
    ASSERT_EQ(memory.free_cells() + used, kCells);
    if (random() % 2) {
      std::vector<uint8_t> frame(1 + random() % (random() % 8 ? 1200 : regs::kMaxPacketBytes));
      for (auto& byte : frame) byte = static_cast<uint8_t>(random());
      const bool fits = CellsFor(frame.size()) <= memory.free_cells();
      ASSERT_EQ(memory.Push(queues[q], frame, {.sequence = ++sequence}), fits);
      if (fits) expected[q].emplace_back(sequence, std::move(frame));
      full += !fits;
    } else if (random() % 50 == 0) {
      ASSERT_EQ(memory.Clear(queues[q]), expected[q].size());
      ASSERT_EQ(queues[q].cells(), 0u);
      expected[q].clear();
    } else if (!expected[q].empty()) {
      Info info;
      ASSERT_EQ(memory.Front(queues[q]).sequence, expected[q].front().first);
      const size_t length = memory.Pop(queues[q], out.data(), info);
      ASSERT_EQ(std::vector<uint8_t>(out.begin(), out.begin() + static_cast<ptrdiff_t>(length)),
                expected[q].front().second);
      ASSERT_EQ(info.sequence, expected[q].front().first);
      expected[q].pop_front();
    }
    ASSERT_EQ(queues[q].packets(), expected[q].size());
  }
  EXPECT_GT(full, 0);
}

}  // namespace
}  // namespace farrier::model
