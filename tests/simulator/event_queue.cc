#include "tests/simulator/event_queue.h"

#include <algorithm>

namespace farrier::sim {

EventQueue::EventId EventQueue::At(Nanoseconds when, Action action) {
  const EventId event{std::max(when, now_), next_++};
  events_.emplace(event, std::move(action));
  return event;
}

bool EventQueue::RunNext() {
  if (events_.empty()) return false;
  auto node = events_.extract(events_.begin());
  now_ = node.key().first;
  ++happened_;
  node.mapped()();
  return true;
}

void EventQueue::RunUntil(Nanoseconds when) {
  while (!events_.empty() && events_.begin()->first.first <= when) RunNext();
  now_ = std::max(now_, when);
}

void Timer::Set(Nanoseconds when) {
  Cancel();
  if (when == kNever) return;
  when_ = std::max(when, queue_.Now());
  event_ = queue_.At(when_, [this] {
    when_ = kNever;
    action_();
  });
}

void Timer::SetNoLaterThan(Nanoseconds when) {
  if (when < when_) Set(when);
}

void Timer::Cancel() {
  if (when_ == kNever) return;
  queue_.Cancel(event_);
  when_ = kNever;
}

void Lifetime::At(Nanoseconds when, EventQueue::Action action) {
  queue_.At(when, [alive = std::weak_ptr<bool>(alive_), action = std::move(action)]() mutable {
    if (!alive.expired()) action();
  });
}

}  // namespace farrier::sim
