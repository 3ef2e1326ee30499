#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engines/runtime/clock.h"

namespace farrier::runtime {

// Any number of timers, each set, cancelled and fired in constant time: a hierarchical timing wheel
// (Varghese and Lauck, SOSP 1987, scheme 7). Time is given to it; one thread. It allocates nothing:
// a timer is a node that belongs to whoever sets it.
//
// Time goes by in ticks. A timer fires in the first Advance that is called at or after its time,
// rounded up to a tick; so never early, and less than a tick later than asked for. In one Advance
// timers fire in the order of their ticks, those of one tick in the order in which they were set.
//
// The lowest level has 4096 slots of one tick each (4.2 ms); each level above has 256 slots, each
// as long as the whole level below (so 1.07 s on the second). A timer waits on the lowest level on
// which its slot is not the present one, and moves down when its slot's time begins: at most
// kLevels - 1 times, and about once if it is due within a second.
class TimerWheel {
  struct Link {
    Link* next = nullptr;
    Link* prev = nullptr;
  };

 public:
  static constexpr int kTickBits = 10;
  static constexpr Nanoseconds kTick = Nanoseconds{1} << kTickBits;  // 1.024 us
  static constexpr uint32_t kLevels = 7;  // 60 bits of ticks: more than there are

  // Something to be done once, later. Cancelled by its end.
  class Timer : private Link {
   public:
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    bool armed() const { return due_ != kNever; }
    // When it fires: what it was set to, rounded up to a tick. kNever if it is not armed.
    Nanoseconds due() const { return due_; }
    // Nothing happens if it is not armed.
    void Cancel() {
      if (!armed()) return;
      Unlink();
      due_ = kNever;
    }

   protected:
    Timer() = default;
    ~Timer() { Cancel(); }

   private:
    friend class TimerWheel;

    // Its time has come; it is not armed any more. May set, cancel and destroy any timer, this one
    // too, but not call Advance. `now` is that of Advance.
    virtual void Fire(Nanoseconds now) = 0;

    void Unlink() {
      prev->next = next;
      next->prev = prev;
    }

    Nanoseconds due_ = kNever;
  };

  // Time begins at 0.
  TimerWheel();
  ~TimerWheel();  // cancels all
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms the timer, or arms it anew, behind others of the same tick. A time that has gone by counts
  // as the tick after the one that Advance has come to, so that a timer that sets itself cannot
  // keep an Advance busy. kNever cancels.
  void Set(Timer& timer, Nanoseconds due);

  // Lets time pass until `now` (less than before counts as the same) and fires what is due. Fires
  // and moves down at most `budget` timers together; if that is not enough, the next call goes on
  // from there. Returns how many fired. Costs what it fires and moves, however far time jumps.
  size_t Advance(Nanoseconds now, size_t budget) {
    if (now >= next_) return Run(now, budget);
    tick_ = std::max(tick_, TickOf(now));
    return 0;
  }

  // Until when there is nothing to do for Advance; kNever if nothing is armed. Not later than any
  // timer's due(), and exact if few are due about then. May be earlier: whoever sleeps until then
  // and calls Advance will find it to be later, at most kLevels times before the first timer fires.
  // Not after the last Advance's `now` only if its budget did not suffice.
  Nanoseconds NextDeadline();

 private:
  using Tick = uint64_t;

  static constexpr uint32_t kLowestBits = 12;
  static constexpr uint32_t kLowestSlots = 1 << kLowestBits;
  static constexpr uint32_t kBits = 8;  // of the levels above
  static constexpr uint32_t kSlots = 1 << kBits;
  static_assert(kTickBits + kLowestBits + (kLevels - 1) * kBits >= 63);
  // A slot above the lowest level is that many lists, a timer's tick saying which one: walking over
  // all of them at once, memory answers for several timers at a time, not for one after the other.
  static constexpr uint32_t kLanes = 4;

  // A ring of timers through a link that is none.
  struct List : Link {
    List() { Clear(); }
    void Clear() { next = prev = this; }
    bool empty() const { return next == this; }
    Timer& front() { return static_cast<Timer&>(*next); }
    void PushBack(Timer& timer);
    Timer& PopFront();
    void TakeAll(List& from);  // requires this one to be empty
  };

  struct Slot {
    uint32_t level = kLevels;  // none
    uint32_t number = 0;
    Tick start = 0;
  };

  static Tick TickOf(Nanoseconds time) {
    return static_cast<Tick>(std::max<Nanoseconds>(time, 0)) >> kTickBits;
  }
  static Nanoseconds TimeOf(Tick tick) { return static_cast<Nanoseconds>(tick << kTickBits); }

  size_t Run(Nanoseconds now, size_t budget);
  bool MoveDown(size_t& left);
  void Insert(Timer& timer, Tick tick);
  Slot FindFirst();
  void ClearBit(const Slot& slot);
  static uint32_t LevelOf(uint32_t bit) {  // of a tick
    return bit < kLowestBits ? 0 : 1 + (bit - kLowestBits) / kBits;
  }
  static uint32_t ShiftOf(uint32_t level) {
    return level == 0 ? 0 : kLowestBits + (level - 1) * kBits;
  }
  static Tick MaskOf(uint32_t level) { return (level == 0 ? kLowestSlots : kSlots) - 1; }
  uint64_t* WordsOf(uint32_t level) {
    return &occupied_[level == 0 ? 0 : (kLowestSlots + (level - 1) * kSlots) / 64];
  }
  std::span<List> Lists(uint32_t level, uint32_t slot) {
    if (level == 0) return {&lists_[slot], 1};
    return {&lists_[kLowestSlots + ((level - 1) * kSlots + slot) * kLanes], kLanes};
  }

  // What is in a slot has a tick that differs from this one in the level's digit, is greater there,
  // and equals it in all digits above. Only what is left over of this tick itself is on the lowest
  // level, too.
  Tick tick_ = 0;
  Nanoseconds next_ = kNever;        // nothing to do before
  std::array<List, kLanes> moving_;  // to be moved down before anything else happens ...
  Tick moving_last_ = 0;             // ... all of a tick until this one; 0: none
  // A bit per slot; one per word of these; one per level. A bit is set too long if timers were
  // cancelled, never too short.
  std::array<uint64_t, (kLowestSlots + (kLevels - 1) * kSlots) / 64> occupied_{};
  std::array<uint64_t, kLevels> words_{};
  uint32_t levels_ = 0;
  std::array<List, kLowestSlots + (kLevels - 1) * kSlots * kLanes> lists_;
};

}  // namespace farrier::runtime
