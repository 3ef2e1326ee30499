#include "engines/runtime/timer_wheel.h"

namespace farrier::runtime {
namespace {

// How many timers of a slot NextDeadline looks at.
constexpr int kFew = 8;

}  // namespace

void TimerWheel::List::PushBack(Timer& timer) {
  Link& link = timer;
  link.next = this;
  link.prev = prev;
  prev->next = &link;
  prev = &link;
}

TimerWheel::Timer& TimerWheel::List::PopFront() {
  Timer& timer = front();
  timer.Unlink();
  return timer;
}

void TimerWheel::List::TakeAll(List& from) {
  if (from.empty()) return;
  next = from.next;
  prev = from.prev;
  next->prev = prev->next = this;
  from.Clear();
}

TimerWheel::TimerWheel() = default;

TimerWheel::~TimerWheel() {
  const auto cancel_all = [](std::span<List> lists) {
    for (List& list : lists) {
      while (!list.empty()) list.front().Cancel();
    }
  };
  cancel_all(moving_);
  cancel_all(lists_);
}

void TimerWheel::Set(Timer& timer, Nanoseconds due) {
  if (timer.armed()) timer.Unlink();
  timer.due_ = due;
  if (due == kNever) return;
  constexpr Nanoseconds kLatest = kNever & -kTick;
  const Tick tick = std::max(TickOf(std::min(due, kLatest) + kTick - 1), tick_ + 1);
  timer.due_ = TimeOf(tick);
  if (tick <= moving_last_) {
    moving_[tick % kLanes].PushBack(timer);  // behind those of its tick
  } else {
    Insert(timer, tick);
  }
}

void TimerWheel::Insert(Timer& timer, Tick tick) {
  const uint32_t level = LevelOf(std::bit_width((tick ^ tick_) | 1) - 1);
  const uint32_t shift = ShiftOf(level);
  const uint32_t slot = (tick >> shift) & MaskOf(level);
  const std::span<List> lists = Lists(level, slot);
  lists[tick & (lists.size() - 1)].PushBack(timer);
  WordsOf(level)[slot / 64] |= uint64_t{1} << (slot % 64);
  words_[level] |= uint64_t{1} << (slot / 64);
  levels_ |= 1u << level;
  next_ = std::min(next_, TimeOf(tick >> shift << shift));
}

// The first slot that has a timer.
TimerWheel::Slot TimerWheel::FindFirst() {
  for (; levels_ != 0; levels_ &= levels_ - 1) {
    const uint32_t level = std::countr_zero(levels_);
    for (uint64_t& words = words_[level]; words != 0; words &= words - 1) {
      const uint32_t word = std::countr_zero(words);
      for (uint64_t& bits = WordsOf(level)[word]; bits != 0; bits &= bits - 1) {
        const uint32_t slot = word * 64 + std::countr_zero(bits);
        bool empty = true;
        for (const List& list : Lists(level, slot)) empty = empty && list.empty();
        if (empty) continue;
        const uint32_t shift = ShiftOf(level);
        return {level, slot, (((tick_ >> shift) & ~MaskOf(level)) | slot) << shift};
      }
    }
  }
  return {};
}

// Of a slot that has become empty. Without a branch: whether others are left cannot be foretold.
void TimerWheel::ClearBit(const Slot& slot) {
  const uint32_t word = slot.number / 64;
  uint64_t& bits = WordsOf(slot.level)[word];
  bits &= ~(uint64_t{1} << (slot.number % 64));
  words_[slot.level] &= ~(uint64_t{bits == 0} << word);
  levels_ &= ~(uint32_t{words_[slot.level] == 0} << slot.level);
}

// Moves down what is to be moved; false if `left` did not suffice.
bool TimerWheel::MoveDown(size_t& left) {
  for (bool more = true; more;) {
    more = false;
    for (List& lane : moving_) {
      if (lane.empty()) continue;
      if (left == 0) return false;
      --left;
      more = true;
      Timer& timer = lane.PopFront();
      Insert(timer, TickOf(timer.due_));
    }
  }
  moving_last_ = 0;
  return true;
}

size_t TimerWheel::Run(Nanoseconds now, size_t budget) {
  const Tick target = std::max(tick_, TickOf(now));
  next_ = 0;  // until there is nothing left
  size_t fired = 0;
  for (size_t left = budget;;) {
    if (moving_last_ != 0 && !MoveDown(left)) return fired;
    const Slot first = FindFirst();
    if (first.level == kLevels || first.start > target) {
      tick_ = target;
      next_ = first.level == kLevels ? kNever : TimeOf(first.start);
      return fired;
    }
    tick_ = first.start;
    const std::span<List> lists = Lists(first.level, first.number);
    if (first.level == 0) {
      // Nothing is added to it any more: what is set from now on has a later tick.
      for (; !lists[0].empty(); --left, ++fired) {
        if (left == 0) return fired;
        Timer& timer = lists[0].PopFront();
        timer.due_ = kNever;
        timer.Fire(now);
      }
    } else {
      for (uint32_t lane = 0; lane < kLanes; ++lane) moving_[lane].TakeAll(lists[lane]);
      moving_last_ = tick_ | ((Tick{1} << ShiftOf(first.level)) - 1);
    }
    ClearBit(first);
  }
}

Nanoseconds TimerWheel::NextDeadline() {
  if (moving_last_ != 0) return TimeOf(tick_);
  const Slot first = FindFirst();
  if (first.level == kLevels) return kNever;
  Nanoseconds earliest = kNever;
  int looked_at = 0;
  for (const List& list : Lists(first.level, first.number)) {
    for (const Link* link = list.next; link != &list; link = link->next) {
      if (++looked_at > kFew) return TimeOf(first.start);
      earliest = std::min(earliest, static_cast<const Timer*>(link)->due_);
    }
  }
  return earliest;
}

}  // namespace farrier::runtime
