#include <Vfifo.h>

#include <deque>

#include "hw/rtl/test/bench.h"

namespace farrier::rtl {
namespace {

constexpr size_t kDepth = 8;  // as Verilated

class FifoTest : public SeededTest {};

TEST_P(FifoTest, GivesWhatItTookInOrder) {
  Random random(GetParam());
  Bench<Vfifo> fifo;
  std::deque<uint16_t> expected;
  uint32_t push_percent = 50;
  uint32_t pop_percent = 50;
  for (int cycle = 0; cycle < 20'000; ++cycle) {
    if (cycle % 100 == 0) {  // sometimes nearly full, sometimes nearly empty
      push_percent = static_cast<uint32_t>(random.Below(101));
      pop_percent = static_cast<uint32_t>(random.Below(101));
    }
    ASSERT_EQ(fifo->level_o, expected.size());
    ASSERT_EQ(fifo->full_o, expected.size() == kDepth);
    ASSERT_EQ(fifo->valid_o, !expected.empty());
    if (!expected.empty()) {
      ASSERT_EQ(fifo->data_o, expected.front());
    }
    fifo->push_i = !fifo->full_o && random.Chance(push_percent);
    fifo->pop_i = fifo->valid_o && random.Chance(pop_percent);
    fifo->data_i = static_cast<uint16_t>(random.Next());
    if (fifo->pop_i) expected.pop_front();
    if (fifo->push_i) expected.push_back(fifo->data_i);
    fifo.Tick();
  }
}

FARRIER_SEEDS(FifoTest);

}  // namespace
}  // namespace farrier::rtl
