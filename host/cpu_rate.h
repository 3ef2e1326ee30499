#pragma once

#include "engines/runtime/clock.h"

namespace farrier::host {

// Share of a core that something has taken lately, from what it has taken in all.
class CpuRate {
 public:
  // At `now` it has taken `cpu`. Counts anew if that has become less.
  void Note(runtime::Nanoseconds now, runtime::Nanoseconds cpu) {
    if (!known_ || cpu < cpu_) {
      known_ = true;
      at_ = now;
      cpu_ = cpu;
    }
    if (now - at_ < kLeast) return;
    percent_ = 100.0 * static_cast<double>(cpu - cpu_) / static_cast<double>(now - at_);
    at_ = now;
    cpu_ = cpu;
  }

  // Between the last two notes that lay at least half a second apart; 0 before that.
  double percent() const { return percent_; }

 private:
  static constexpr runtime::Nanoseconds kLeast = runtime::kSecond / 2;

  bool known_ = false;
  runtime::Nanoseconds at_ = 0;
  runtime::Nanoseconds cpu_ = 0;
  double percent_ = 0;
};

}  // namespace farrier::host
