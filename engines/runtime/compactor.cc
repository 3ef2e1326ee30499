#include "engines/runtime/compactor.h"

#include <algorithm>
#include <cmath>

namespace farrier::runtime {
namespace {

constexpr Nanoseconds kLookEvery = 50 * kMicrosecond;
constexpr Nanoseconds kSettle = 500 * kMicrosecond;  // until a move can be seen in the delays
constexpr int kLateLooks = 2;                        // one may be an accident of the scheduler

// Engines move together where they are at most so much of a core, well below where they part.
constexpr double kRoomToShare = 0.5;

// A move together that was followed by one apart so soon was a mistake.
constexpr Nanoseconds kMistake = 200 * kMillisecond;

}  // namespace

std::optional<Compactor::Handoff> Compactor::Decide(Nanoseconds now, Nanoseconds delay,
                                                    const std::vector<EngineSlot*>& engines,
                                                    std::span<const ThreadView> threads) {
  if (engines.empty()) calm_since_ = kNever;
  if (!Due(now) || engines.empty()) return std::nullopt;
  next_look_ = now + kLookEvery;
  if (delay > group_.delay_target) {
    calm_since_ = kNever;
    return ++late_looks_ >= kLateLooks ? MoveApart(now, engines, threads) : std::nullopt;
  }
  late_looks_ = 0;
  return MoveTogether(now, engines, threads);
}

std::optional<Compactor::Handoff> Compactor::MoveApart(Nanoseconds now,
                                                       const std::vector<EngineSlot*>& engines,
                                                       std::span<const ThreadView> threads) {
  if (engines.size() < 2) return std::nullopt;
  std::optional<size_t> idlest;
  for (size_t i = 0; i < threads.size(); ++i) {
    if (i == self_ || !threads[i].usable) continue;
    if (!idlest || threads[i].load < threads[*idlest].load) idlest = i;
  }
  if (!idlest) return std::nullopt;

  // The engine after whose move the two threads differ least.
  double own = 0;
  for (const EngineSlot* slot : engines) own += slot->load.load(std::memory_order_relaxed);
  const double gap = own - threads[*idlest].load;
  EngineSlot* best = nullptr;
  double best_gap = std::abs(gap);
  for (EngineSlot* slot : engines) {
    const double after = std::abs(gap - 2 * slot->load.load(std::memory_order_relaxed));
    if (after < best_gap) {
      best = slot;
      best_gap = after;
    }
  }
  if (best == nullptr) return std::nullopt;
  if (now - group_.collapsed_at.load(std::memory_order_relaxed) < kMistake) {
    const Nanoseconds hold = group_.hold.load(std::memory_order_relaxed);
    group_.hold.store(std::min(2 * hold, Compaction::kLongestHold), std::memory_order_relaxed);
  } else {
    group_.hold.store(Compaction::kShortestHold, std::memory_order_relaxed);
  }
  late_looks_ = 0;
  next_look_ = now + kSettle;
  return Handoff{.engine = best, .thread = *idlest};
}

std::optional<Compactor::Handoff> Compactor::MoveTogether(Nanoseconds now,
                                                          const std::vector<EngineSlot*>& engines,
                                                          std::span<const ThreadView> threads) {
  double own = 0;
  for (const EngineSlot* slot : engines) own += slot->load.load(std::memory_order_relaxed);
  for (size_t i = 0; i < std::min(self_, threads.size()); ++i) {
    if (!threads[i].usable || threads[i].load + own > kRoomToShare) continue;
    if (calm_since_ == kNever) calm_since_ = now;
    if (now - calm_since_ < group_.hold.load(std::memory_order_relaxed)) return std::nullopt;
    group_.collapsed_at.store(now, std::memory_order_relaxed);
    next_look_ = now;  // all of them
    return Handoff{.engine = engines.back(), .thread = i};
  }
  calm_since_ = kNever;
  return std::nullopt;
}

}  // namespace farrier::runtime
