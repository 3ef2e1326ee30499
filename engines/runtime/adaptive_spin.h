#pragma once

#include <algorithm>

#include "engines/runtime/clock.h"

namespace farrier::runtime {

// How long an idle thread goes on looking before it sleeps: as long as looking has paid lately. One
// thread.
class AdaptiveSpin {
 public:
  explicit AdaptiveSpin(Nanoseconds longest) : longest_(longest), limit_(longest) {}

  // There was input at `now`.
  void Busy() {
    if (idle_since_ != kNever) limit_ = std::min(longest_, 2 * limit_ + kShortest);
    idle_since_ = kNever;
  }

  // There was none. False: sleep now; what was waited for did not come.
  bool Idle(Nanoseconds now) {
    if (idle_since_ == kNever) idle_since_ = now;
    if (now - idle_since_ < limit_) return true;
    limit_ = std::min(longest_, std::max(limit_ / 2, kShortest));
    idle_since_ = kNever;
    return false;
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
