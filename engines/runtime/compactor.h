#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include "engines/runtime/clock.h"
#include "engines/runtime/engine_slot.h"

namespace farrier::runtime {

// What the threads of a compacting group have in common.
struct Compaction {
  explicit Compaction(Nanoseconds target) : delay_target(target) {}

  const Nanoseconds delay_target;  // queueing delay above which engines move apart
  // How long two threads must have had little to do before their engines move together, and when
  // that was last: where it was too early, the next time is later.
  std::atomic<Nanoseconds> hold{kShortestHold};
  std::atomic<Nanoseconds> collapsed_at{0};

  static constexpr Nanoseconds kShortestHold = 20 * kMillisecond;
  static constexpr Nanoseconds kLongestHold = kSecond;
};

// What the others know of a thread of the group.
struct ThreadView {
  double load = 0;      // of its core, in polls that found input
  bool usable = false;  // not stuck in an engine
};

// The mode "compacting" (Snap, SOSP 2019, section 2.4): as few threads as the delay target allows.
// Each thread decides for itself whether an engine is to leave it, from its own engines and the
// others' loads: an engine is handed on by the thread that has it, so there is nothing to agree
// upon. Engines move apart, one at a time, from a thread where input waits longer than the target,
// to the thread with the least load; and together, to the lowest thread where there is room, when
// two threads have long had little to do. One per thread, called on it.
class Compactor {
 public:
  // `self` is the thread's place among those that Decide is shown. `group` outlives this.
  Compactor(Compaction& group, size_t self) : group_(group), self_(self) {}

  struct Handoff {
    EngineSlot* engine;
    size_t thread;  // to this one
  };

  // To be called between rounds; most of the time it has nothing to say. `delay` is the worst
  // queueing delay among `engines`.
  std::optional<Handoff> Decide(Nanoseconds now, Nanoseconds delay,
                                const std::vector<EngineSlot*>& engines,
                                std::span<const ThreadView> threads);

  // False: Decide would say nothing yet, whatever it is shown.
  bool Due(Nanoseconds now) const { return now >= next_look_; }

 private:
  std::optional<Handoff> MoveApart(Nanoseconds now, const std::vector<EngineSlot*>& engines,
                                   std::span<const ThreadView> threads);
  std::optional<Handoff> MoveTogether(Nanoseconds now, const std::vector<EngineSlot*>& engines,
                                      std::span<const ThreadView> threads);

  Compaction& group_;
  const size_t self_;
  Nanoseconds next_look_ = 0;
  int late_looks_ = 0;               // in a row, with a delay above the target
  Nanoseconds calm_since_ = kNever;  // engines could move together since then
};

}  // namespace farrier::runtime
