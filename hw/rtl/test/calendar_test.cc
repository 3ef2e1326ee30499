#include <Vcalendar.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "hw/rtl/test/bench.h"

namespace farrier::rtl {
namespace {

constexpr uint64_t kSlots = 4096;  // as Verilated
constexpr uint32_t kIds = 4096;
constexpr int kSettle = 12;  // cycles in which the drain pointer follows time

// The calendar, watched: what went in must come out once, in order, not before its time.
class WatchedCalendar {
 public:
  explicit WatchedCalendar(uint64_t now) : now_(now) {
    for (uint32_t id = 0; id < kIds; ++id) free_.push_back(id);
    for (int i = 0; i < kSettle; ++i) Cycle({}, false);
  }

  struct Departure {
    bool now = false;
    uint64_t slot = 0;
  };

  uint64_t now() const { return now_; }
  size_t inside() const { return inside_.size(); }
  uint64_t taken() const { return taken_; }
  uint64_t clamped() const { return clamped_; }
  uint64_t stalls() const { return stalls_; }
  bool idle() { return calendar_->idle_o; }
  uint64_t wake() { return calendar_->wake_o; }
  bool has_room() const { return !free_.empty(); }
  void SetNow(uint64_t now) { now_ = now; }

  // One cycle, with an insertion or not. The order number of what came out, if anything did.
  // Whether the insertion was taken is in `inserted`.
  std::optional<uint64_t> Cycle(std::optional<Departure> departure, bool ready) {
    calendar_->now_i = now_;
    calendar_->insert_i = departure.has_value();
    if (departure) {
      calendar_->insert_now_i = departure->now;
      calendar_->insert_slot_i = departure->slot;
      calendar_->insert_id_i = free_.front();
    }
    calendar_->due_ready_i = ready;
    calendar_.Settle();
    std::optional<uint64_t> out;
    if (calendar_->due_o && ready) out = Leave(calendar_->due_id_o);
    inserted = departure && calendar_->insert_ready_o;
    if (departure && !calendar_->insert_ready_o) ++stalls_;
    if (inserted) Enter(*departure, calendar_->insert_clamped_o);
    calendar_.Tick();
    quiet_ = out || inserted || now_ != before_ ? 0 : quiet_ + 1;
    before_that_ = before_;
    before_ = now_;
    recent_.push_back(Earliest());
    if (recent_.size() > kSettle) recent_.pop_front();
    if (idle()) {
      EXPECT_GT(wake(), now_);
      EXPECT_TRUE(latest_.empty() || wake() <= *latest_.begin());
    }
    if (quiet_ > 4 * kSettle && ready) {
      EXPECT_TRUE(latest_.empty() || *latest_.begin() > now_) << "due, and does not come out";
      EXPECT_TRUE(idle());
    }
    return out;
  }

  bool inserted = false;

 private:
  struct Packet {
    uint64_t order;
    uint64_t slot;    // asked for
    uint64_t never;   // not out before this slot
    uint64_t latest;  // due in this slot
  };

  // The drain pointer, once it has settled.
  uint64_t Earliest() const { return never_.empty() ? now_ : std::min(now_, *never_.begin()); }

  void Enter(const Departure& departure, bool clamped) {
    const uint32_t id = free_.front();
    free_.pop_front();
    // The slot of now is that of two cycles before, as the calendar knows it.
    const uint64_t slot = departure.now ? before_that_ : departure.slot;
    const uint64_t pointer = *std::ranges::min_element(recent_);
    if (clamped) {
      EXPECT_GE(slot, pointer + kSlots) << "clamped without need";
      ++clamped_;
    } else {
      EXPECT_LT(slot, now_ + kSlots) << "beyond the horizon";
    }
    inside_[id] = {order_, slot, clamped ? pointer + kSlots - 1 : slot,
                   clamped ? now_ + kSlots - 1 : std::max(slot, now_)};
    never_.insert(inside_[id].never);
    latest_.insert(inside_[id].latest);
    slots_[slot].push_back(order_);
    ++order_;
  }

  uint64_t Leave(uint32_t id) {
    const auto it = inside_.find(id);
    if (it == inside_.end()) {
      ADD_FAILURE() << "id " << id << " is not inside";
      return 0;
    }
    const Packet packet = it->second;
    EXPECT_GE(before_that_, packet.never) << "too early";
    // Who came before and asked for no later slot is out already.
    for (const auto& [slot, orders] : slots_) {
      if (slot > packet.slot) break;
      EXPECT_GE(orders.front(), packet.order) << "overtaken: slot " << slot;
    }
    auto& orders = slots_[packet.slot];
    std::erase(orders, packet.order);
    if (orders.empty()) slots_.erase(packet.slot);
    never_.erase(never_.find(packet.never));
    latest_.erase(latest_.find(packet.latest));
    inside_.erase(it);
    free_.push_back(id);
    ++taken_;
    return packet.order;
  }

  Bench<Vcalendar> calendar_;
  uint64_t now_;
  uint64_t before_ = 0, before_that_ = 0;  // now, one and two cycles ago
  std::deque<uint32_t> free_;
  std::map<uint32_t, Packet> inside_;               // by id
  std::map<uint64_t, std::deque<uint64_t>> slots_;  // order numbers by slot asked for
  std::multiset<uint64_t> never_;                   // the slots they cannot be earlier than
  std::multiset<uint64_t> latest_;
  std::deque<uint64_t> recent_ = {0};  // the drain pointer's last places
  uint64_t order_ = 0;
  uint64_t taken_ = 0;
  uint64_t clamped_ = 0;
  uint64_t stalls_ = 0;
  int quiet_ = 0;
};

class CalendarTest : public SeededTest {};

TEST_P(CalendarTest, TenThousandFlowsLeaveInOrderAndNeverEarly) {
  Random random(GetParam());
  WatchedCalendar calendar(random.Below(uint64_t{1} << 57));
  constexpr size_t kFlows = 10'000;
  std::vector<uint64_t> last_slot(kFlows);   // of each flow, does not decrease
  std::vector<uint64_t> last_order(kFlows);  // that has come out
  std::map<uint64_t, size_t> flow_of;        // by order number
  uint64_t orders = 0;
  uint32_t insert_percent = 50, ready_percent = 50, jump = 0;
  uint64_t spread = 1;
  for (int cycle = 0; cycle < 150'000; ++cycle) {
    if (cycle % 1000 == 0) {
      insert_percent = random.Below(101);
      ready_percent = random.Chance(30) ? 100 : random.Below(101);
      jump = random.Below(3);
      spread = uint64_t{1} << random.Below(14);
    }
    switch (jump) {
      case 0:  // as on the card: a slot in 16 cycles
        if (cycle % 16 == 0) calendar.SetNow(calendar.now() + 1);
        break;
      case 1:  // as in simulation: now and then, by much
        if (random.Chance(1)) calendar.SetNow(calendar.now() + random.Below(2 * spread));
        break;
      default:
        if (random.Chance(10)) calendar.SetNow(calendar.now() + random.Below(64));
        break;
    }
    std::optional<WatchedCalendar::Departure> departure;
    size_t flow = 0;
    if (calendar.has_room() && random.Chance(insert_percent)) {
      flow = random.Below(kFlows);
      const uint64_t from = calendar.now() - std::min<uint64_t>(calendar.now(), spread / 4);
      departure.emplace();
      departure->slot = std::max(last_slot[flow], from + random.Below(spread));
      // "Now" belongs to flows that never ask for more.
      if (flow % 16 == 0) departure = WatchedCalendar::Departure{.now = true};
    }
    const auto out = calendar.Cycle(departure, random.Chance(ready_percent));
    ASSERT_FALSE(HasFailure()) << "cycle " << cycle;
    if (calendar.inserted) {
      if (!departure->now) last_slot[flow] = departure->slot;
      flow_of[orders++] = flow;
    }
    if (out) {
      const size_t of = flow_of.at(*out);
      ASSERT_GE(*out, last_order[of]) << "flow " << of << " is reordered";
      last_order[of] = *out;
    }
  }
  for (int cycle = 0; calendar.inside() > 0; ++cycle) {
    ASSERT_LT(cycle, 100'000);
    if (calendar.idle()) calendar.SetNow(calendar.wake());
    calendar.Cycle({}, true);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(calendar.taken(), orders);
  EXPECT_GT(calendar.clamped(), 0u);
  EXPECT_GT(orders, 10'000u);
}

TEST_P(CalendarTest, TakesAndGivesOnePerCycle) {
  WatchedCalendar calendar(1'000'000);
  const uint64_t ahead = GetParam() * GetParam() * 3;  // slots
  constexpr int kCycles = 40'000;
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    if (cycle % 16 == 0) calendar.SetNow(calendar.now() + 1);
    ASSERT_TRUE(calendar.has_room());
    // As many fall due in each slot as come in.
    const WatchedCalendar::Departure departure{.now = cycle % 8 == 0,
                                               .slot = calendar.now() + ahead};
    calendar.Cycle(departure, true);
    ASSERT_FALSE(HasFailure()) << "cycle " << cycle;
  }
  EXPECT_EQ(calendar.stalls(), 0u);
  int late = 0;
  while (!calendar.idle()) {
    calendar.Cycle({}, true);
    ++late;
  }
  EXPECT_LT(late, 40);
}

TEST_P(CalendarTest, ABacklogLeavesAtOnePerCycleAcrossAllSlots) {
  Random random(GetParam());
  WatchedCalendar calendar(1'000'000 + GetParam());
  // One packet in each slot, all due at once.
  for (uint64_t i = 0; i < kIds; ++i) {
    calendar.Cycle(WatchedCalendar::Departure{.slot = calendar.now() + i}, false);
  }
  calendar.SetNow(calendar.now() + kSlots);
  int cycles = 0;
  for (; calendar.inside() > 0; ++cycles) {
    ASSERT_LT(cycles, 10'000);
    calendar.Cycle({}, true);
  }
  EXPECT_LE(cycles, 4096 + 65 * 3);  // three cycles to another word
}

TEST_P(CalendarTest, TooLateIsTheDrainPointerAndTooEarlyTheLastSlot) {
  WatchedCalendar calendar(5'000);
  const auto insert = [&](uint64_t slot) {
    calendar.Cycle(WatchedCalendar::Departure{.slot = slot}, false);
    ASSERT_TRUE(calendar.inserted);
  };
  insert(5'000 + kSlots - 1);
  EXPECT_EQ(calendar.clamped(), 0u);
  insert(5'000 + kSlots);
  insert(uint64_t{1} << 57);
  EXPECT_EQ(calendar.clamped(), 2u);
  insert(1);
  for (int i = 0; i < 40; ++i) calendar.Cycle({}, true);
  EXPECT_EQ(calendar.taken(), 1u);
  calendar.SetNow(5'000 + kSlots - 2);
  for (int i = 0; i < 40; ++i) calendar.Cycle({}, true);
  EXPECT_EQ(calendar.taken(), 1u);
  calendar.SetNow(5'000 + kSlots - 1);
  for (int i = 0; i < 40; ++i) calendar.Cycle({}, true);
  EXPECT_EQ(calendar.taken(), 4u);
}

TEST_P(CalendarTest, InsertionsOfThePastDoNotStarveWhatIsDue) {
  WatchedCalendar calendar(5'000);
  calendar.Cycle(WatchedCalendar::Departure{.slot = 5'700}, false);
  calendar.SetNow(6'000);
  uint64_t out_of_first = 0;
  for (uint64_t cycle = 1; out_of_first == 0; ++cycle) {
    ASSERT_LT(cycle, 200u);
    // As often as packets with a prefix can come.
    std::optional<WatchedCalendar::Departure> departure;
    if (cycle % 2 == 0) departure.emplace().slot = 1;
    const auto out = calendar.Cycle(departure, true);
    if (out && *out == 0) out_of_first = cycle;
  }
}

FARRIER_SEEDS(CalendarTest);

}  // namespace
}  // namespace farrier::rtl
