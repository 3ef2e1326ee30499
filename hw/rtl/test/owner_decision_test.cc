#include <Vowner_decision.h>

#include <bit>

#include "hw/regs/registers.h"
#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/bits.h"

namespace farrier::rtl {
namespace {

using regs::OwnerState;

// owner_row_t, as far as a decision looks at it; the rest must come out as it went in.
struct Row {
  uint32_t park_tail, park_head, head_entry, head_cells, parked_cells, parked;
  uint64_t held_since, last_drain;
  uint32_t flags, marks, watchdog, refused, cut, rx_next, quota, generation, log2_queues,
      queue_base, function;
  OwnerState state;

  bool operator==(const Row&) const = default;

  template <typename Port>
  void Write(Port& port) const {
    Bits bits(port);
    bits.Put(kCellBits, park_tail);
    bits.Put(kCellBits, park_head);
    bits.Put(4, head_entry);
    bits.Put(5, head_cells);
    bits.Put(kCellBits + 1, parked_cells);
    bits.Put(kCellBits + 1, parked);
    bits.Put(64, held_since);
    bits.Put(64, last_drain);
    bits.Put(2, flags);  // drained, listed
    bits.Put(16, marks);
    bits.Put(2, watchdog);  // and heartbeat
    bits.Put(32, refused);
    bits.Put(32, cut);
    bits.Put(32, rx_next);
    bits.Put(32, quota ^ 64);
    bits.Put(12, generation);
    bits.Put(3, log2_queues);
    bits.Put(4, queue_base);
    bits.Put(2, function);
    bits.Put(2, static_cast<uint64_t>(state));
  }

  template <typename Port>
  static Row Read(Port& port) {
    Bits bits(port);
    const auto get = [&](size_t width) { return static_cast<uint32_t>(bits.Get(width)); };
    Row row;
    row.park_tail = get(kCellBits);
    row.park_head = get(kCellBits);
    row.head_entry = get(4);
    row.head_cells = get(5);
    row.parked_cells = get(kCellBits + 1);
    row.parked = get(kCellBits + 1);
    row.held_since = bits.Get(64);
    row.last_drain = bits.Get(64);
    row.flags = get(2);
    row.marks = get(16);
    row.watchdog = get(2);
    row.refused = get(32);
    row.cut = get(32);
    row.rx_next = get(32);
    row.quota = get(32) ^ 64;
    row.generation = get(12);
    row.log2_queues = get(3);
    row.queue_base = get(4);
    row.function = get(2);
    row.state = static_cast<OwnerState>(get(2));
    return row;
  }
};

// Bits of count_o.
enum Count : uint32_t {
  kIn = 1u << 0,
  kSent = 1u << 1,
  kDropQuota = 1u << 2,
  kDropNoCredit = 1u << 3,
  kDropDetached = 1u << 4,
  kDropState = 1u << 5,
  kHeld = 1u << 7,
};

struct Packet {
  uint32_t entry, head, size, cells;
  bool stored, oversize, malformed, drop;
};

struct Decision {
  bool deliver = false, park = false, memory_full = false;
  uint32_t count = 0;
  Row row;
};

// The contract (docs/architecture.md, "The card"), spelled out once more.
Decision Expected(const Row& row, const Packet& packet, bool funded, bool room) {
  Decision decision{.row = row};
  if (packet.oversize || packet.malformed || packet.drop) return decision;
  const bool draining = row.state == OwnerState::kAttached && row.parked > 0;
  if (row.state == OwnerState::kHeld || draining) {
    if (row.parked_cells + packet.cells > row.quota) {
      decision.count = kIn | kDropQuota;
    } else if (!packet.stored || !room) {
      decision.memory_full = true;
    } else {
      decision.park = true;
      decision.count = kIn | kHeld;
      if (row.parked == 0) {
        decision.row.park_head = packet.head;
        decision.row.head_cells = packet.cells;
        decision.row.head_entry = packet.entry;
      }
      decision.row.park_tail = packet.head;
      decision.row.parked_cells += packet.cells;
      ++decision.row.parked;
      ++decision.row.rx_next;
    }
  } else if (row.state == OwnerState::kDetached) {
    decision.count = kIn | kDropDetached;
  } else if (row.state == OwnerState::kDrop) {
    decision.count = kIn | kDropState;
  } else if (!funded) {
    decision.count = kIn | kDropNoCredit;
  } else if (!packet.stored) {
    decision.memory_full = true;
  } else {
    decision.deliver = true;
    decision.count = kIn | kSent;
    ++decision.row.rx_next;
  }
  return decision;
}

class OwnerDecisionTest : public SeededTest {};

TEST_P(OwnerDecisionTest, FollowsTheContract) {
  Random random(GetParam());
  VerilatedContext context;
  Vowner_decision decision(&context);
  int delivered = 0, parked = 0, full = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto draw = [&](uint64_t end) { return static_cast<uint32_t>(random.Below(end)); };
    Row row = {.park_tail = draw(1 << kCellBits),
               .park_head = draw(1 << kCellBits),
               .head_entry = draw(16),
               .head_cells = draw(20),
               .parked_cells = draw(100),
               .parked = random.Chance(50) ? 0 : draw(50),
               .held_since = random.Next(),
               .last_drain = random.Next(),
               .flags = draw(4),
               .marks = draw(65536),
               .watchdog = draw(4),
               .refused = static_cast<uint32_t>(random.Next()),
               .cut = static_cast<uint32_t>(random.Next()),
               .rx_next = random.Chance(5) ? ~0u : static_cast<uint32_t>(random.Next()),
               .quota = random.Chance(5) ? static_cast<uint32_t>(random.Next()) : draw(120),
               .generation = draw(4096),
               .log2_queues = draw(8),
               .queue_base = draw(16),
               .function = draw(4),
               .state = static_cast<OwnerState>(draw(4))};
    const bool good = random.Chance(80);
    Packet packet = {.entry = draw(16),
                     .head = draw(1 << kCellBits),
                     .size = draw(9601),
                     .cells = 1 + draw(19),
                     .stored = good,
                     .oversize = !good && random.Chance(30),
                     .malformed = !good && random.Chance(30),
                     .drop = random.Chance(10)};
    if (!good) packet.stored = packet.malformed && random.Chance(50);
    const bool funded = random.Chance(70);
    const bool room = random.Chance(70);
    row.Write(decision.row_i);
    Bits bits(decision.packet_i);
    bits.Put(kCellBits, packet.head);
    bits.Put(16, packet.size);
    bits.Put(5, packet.cells);
    bits.Put(1, packet.stored);
    bits.Put(1, 0);  // refused
    bits.Put(1, packet.oversize);
    bits.Put(1, packet.malformed);
    decision.entry_i = static_cast<uint8_t>(packet.entry);
    decision.drop_i = packet.drop;
    decision.valid_i = 1;
    decision.funded_i = funded;
    decision.room_i = room;
    decision.eval();
    const Decision expected = Expected(row, packet, funded, room);
    ASSERT_EQ(decision.deliver_o, expected.deliver);
    ASSERT_EQ(decision.park_o, expected.park);
    ASSERT_EQ(decision.memory_full_o, expected.memory_full);
    ASSERT_EQ(decision.count_o, expected.count);
    ASSERT_EQ(decision.reclaim_o, !expected.deliver && !expected.park && packet.stored);
    ASSERT_EQ(Row::Read(decision.row_o), expected.row);
    delivered += expected.deliver;
    parked += expected.park;
    full += expected.memory_full;
  }
  EXPECT_GT(delivered, 500);
  EXPECT_GT(parked, 500);
  EXPECT_GT(full, 500);
}

FARRIER_SEEDS(OwnerDecisionTest);

}  // namespace
}  // namespace farrier::rtl
