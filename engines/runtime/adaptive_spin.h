#pragma once

#include <algorithm>

#include "engines/runtime/clock.h"

namespace farrier::runtime {

// How long an idle thread goes on looking before it sleeps: longer while input has come lately
// within the longest time that it may look, whether it was still looking or slept already; shorter
// where it would have looked in vain. One thread.
class AdaptiveSpin {
 public:
  explicit AdaptiveSpin(Nanoseconds longest) : longest_(longest), limit_(longest) {}

  // There was input at `now`.
  void Busy(Nanoseconds now) {
    if (idle_since_ == kNever) return;
    limit_ = now - idle_since_ <= longest_ ? std::min(longest_, 2 * limit_ + kShortest)
                                           : std::min(longest_, std::max(limit_ / 2, kShortest));
    idle_since_ = kNever;
  }

  // There was none. False: sleep now.
  bool Idle(Nanoseconds now) {
    if (idle_since_ == kNever) idle_since_ = now;
    return now - idle_since_ < limit_;
  }

  // When Idle is going to say false, if it was the last to be called and said true.
  Nanoseconds ends_at() const { return idle_since_ == kNever ? kNever : idle_since_ + limit_; }

 private:
  static constexpr Nanoseconds kShortest = kMicrosecond;
  const Nanoseconds longest_;
  Nanoseconds limit_;
  Nanoseconds idle_since_ = kNever;
};

}  // namespace farrier::runtime
