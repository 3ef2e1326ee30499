#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "engines/runtime/clock.h"

namespace farrier::sim {

using runtime::kMicrosecond;
using runtime::kMillisecond;
using runtime::kNever;
using runtime::kSecond;
using runtime::Nanoseconds;

// The heart of a simulation: what is to happen, in order of virtual time, and that time itself.
// Events of the same instant happen in the order in which they were scheduled, so a run depends on
// nothing but what was scheduled. One thread.
class EventQueue final : public runtime::Clock {
 public:
  using Action = absl::AnyInvocable<void()>;
  // Names a scheduled event until it has happened: its time, and its place in the order of
  // scheduling.
  using EventId = std::pair<Nanoseconds, uint64_t>;

  // Starts at 1: no time of a run is 0, which means "none" in many places.
  Nanoseconds Now() const override { return now_; }

  // Has `action` called at `when`, or at Now() if that has gone by. Never from within this call.
  EventId At(Nanoseconds when, Action action);
  EventId After(Nanoseconds delay, Action action) { return At(now_ + delay, std::move(action)); }

  // False if it has happened (or is happening) or was cancelled.
  bool Cancel(EventId event) { return events_.erase(event) != 0; }

  // Moves time to the next event and lets it happen; false if there is none.
  bool RunNext();

  // Lets everything happen that is due until `when`, and moves time there.
  void RunUntil(Nanoseconds when);

  size_t size() const { return events_.size(); }
  uint64_t happened() const { return happened_; }

 private:
  Nanoseconds now_ = 1;
  uint64_t next_ = 0;
  uint64_t happened_ = 0;
  std::map<EventId, Action> events_;
};

// One event that can be moved and that dies with its owner: an alarm clock. The action is given
// once.
class Timer {
 public:
  Timer(EventQueue& queue, EventQueue::Action action) : queue_(queue), action_(std::move(action)) {}
  ~Timer() { Cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Forgets the time it had.
  void Set(Nanoseconds when);
  // Keeps the time it had if that is earlier.
  void SetNoLaterThan(Nanoseconds when);
  void Cancel();

  bool pending() const { return when_ != kNever; }
  Nanoseconds when() const { return when_; }  // kNever if not pending

 private:
  EventQueue& queue_;
  EventQueue::Action action_;
  Nanoseconds when_ = kNever;
  EventQueue::EventId event_;
};

// The life of something that schedules events about itself: those that are due after its
// death do not happen.
class Lifetime {
 public:
  explicit Lifetime(EventQueue& queue) : queue_(queue) {}
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;

  void At(Nanoseconds when, EventQueue::Action action);
  void After(Nanoseconds delay, EventQueue::Action action) {
    At(queue_.Now() + delay, std::move(action));
  }
  // Death, ahead of the destructor.
  void End() { alive_.reset(); }
  bool alive() const { return alive_ != nullptr; }

 private:
  EventQueue& queue_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace farrier::sim
