#include <Vcell_allocator.h>
#include <Vcell_reclaimer.h>

#include <map>
#include <set>
#include <vector>

#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/bits.h"

namespace farrier::rtl {
namespace {

constexpr uint32_t kCells = 100;  // as Verilated

class CellAllocatorTest : public SeededTest {};

TEST_P(CellAllocatorTest, NoCellIsOutTwiceAndNoneIsLost) {
  Random random(GetParam());
  Bench<Vcell_allocator> allocator;
  std::vector<uint32_t> out;
  std::set<uint32_t> out_set;
  std::set<uint32_t> seen;
  uint32_t take_percent = 50;
  const auto draw = [&] {
    const size_t i = random.Below(out.size());
    const uint32_t cell = out[i];
    out[i] = out.back();
    out.pop_back();
    return cell;
  };
  for (int cycle = 0; cycle < 20'000; ++cycle) {
    if (cycle % 500 == 0) take_percent = random.Chance(50) ? 90 : 20;
    allocator->free_a_i = allocator->free_b_i = 0;
    if (!out.empty() && random.Chance(30)) {
      allocator->free_a_i = 1;
      allocator->free_a_cell_i = draw();
      out_set.erase(allocator->free_a_cell_i);
    } else if (!out.empty() && random.Chance(30)) {
      allocator->free_b_i = 1;
      allocator->free_b_cell_i = draw();
      out_set.erase(allocator->free_b_cell_i);
    }
    allocator.Settle();
    ASSERT_EQ(allocator->free_b_ready_o, !allocator->free_a_i);
    // Those that come back in this cycle are not to be had yet.
    const size_t gone = out.size() + allocator->free_a_i + allocator->free_b_i;
    ASSERT_EQ(allocator->valid_o, gone < kCells);
    ASSERT_EQ(allocator->cells_o, kCells - gone);
    allocator->take_i = allocator->valid_o && random.Chance(take_percent);
    allocator.Settle();
    if (allocator->take_i) {
      ASSERT_LT(allocator->cell_o, kCells);
      ASSERT_TRUE(out_set.insert(allocator->cell_o).second) << "out twice";
      out.push_back(allocator->cell_o);
      seen.insert(allocator->cell_o);
    }
    allocator.Tick();
  }
  EXPECT_EQ(seen.size(), kCells);
}

FARRIER_SEEDS(CellAllocatorTest);

class CellReclaimerTest : public SeededTest {};

TEST_P(CellReclaimerTest, EveryCellOfEveryListComesBackOnce) {
  Random random(GetParam());
  Bench<Vcell_reclaimer> reclaimer;
  struct Link {
    bool last;
    uint32_t next;
  };
  std::map<uint32_t, Link> links;       // behind each cell
  std::map<uint32_t, uint32_t> behind;  // behind each packet's first cell
  std::set<uint32_t> due;
  uint32_t next_cell = 0;
  bool arriving = false;  // the newest packet
  uint32_t arriving_head = 0;
  const auto make_packet = [&](uint32_t cells) {
    const uint32_t head = next_cell;
    for (uint32_t i = 0; i < cells; ++i, ++next_cell) {
      due.insert(next_cell);
      const bool last = i + 1 == cells;  // then `next` is anything
      links[next_cell] = {
          last, last ? static_cast<uint32_t>(random.Below(1 << kCellBits)) : next_cell + 1};
    }
    return head;
  };
  std::vector<uint32_t> link_answer = {0}, packet_answer = {0};
  for (int cycle = 0; cycle < 20'000; ++cycle) {
    reclaimer->push_i = 0;
    if (!arriving && next_cell < 3'800 && random.Chance(20)) {
      const bool single = random.Chance(50);
      const uint32_t packets = single || random.Chance(50) ? 1 : 1 + random.Below(6);
      const uint32_t head = next_cell;
      uint32_t before = 0;
      for (uint32_t i = 0; i < packets; ++i) {
        const uint32_t first = make_packet(single ? 1 : 1 + random.Below(19));
        if (i > 0) behind[before] = first;
        before = first;
      }
      reclaimer->push_i = 1;
      arriving = !single && random.Chance(50);
      arriving_head = before;
      Bits reclaim(reclaimer->reclaim_i);
      reclaim.Put(kCellBits, head);
      reclaim.Put(kCellBits + 1, packets);
      reclaim.Put(1, single);
    }
    if (random.Chance(10)) arriving = false;
    Bits state(reclaimer->arriving_i);
    state.Put(8, random.Next());
    state.Put(kCellBits, arriving_head);
    state.Put(1, arriving);
    reclaimer->free_ready_i = random.Chance(70);
    reclaimer.Settle();
    if (reclaimer->free_o && reclaimer->free_ready_i) {
      ASSERT_EQ(due.erase(reclaimer->free_cell_o), 1u) << "cell " << reclaimer->free_cell_o;
    }
    const bool link_read = reclaimer->link_read_o;
    Link link = links[reclaimer->link_address_o];
    if (arriving && reclaimer->link_address_o >= arriving_head) {  // not there yet: anything
      link = {random.Chance(50), static_cast<uint32_t>(random.Below(1 << kCellBits))};
    }
    const bool packet_read = reclaimer->packet_read_o;
    const uint32_t packet = behind[reclaimer->packet_address_o];
    reclaimer.Tick();
    if (link_read) {
      Bits answer(reclaimer->link_i);
      answer.Put(kCellBits, link.next);
      answer.Put(1, link.last);
    }
    if (packet_read) reclaimer->packet_i = packet;
  }
  reclaimer->push_i = 0;
  reclaimer.Settle();
  EXPECT_TRUE(reclaimer->idle_o);
  EXPECT_TRUE(due.empty());
  EXPECT_GT(next_cell, 3'000u);
}

FARRIER_SEEDS(CellReclaimerTest);

}  // namespace
}  // namespace farrier::rtl
