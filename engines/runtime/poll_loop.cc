#include "engines/runtime/poll_loop.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

namespace farrier::runtime {
namespace {

// How far an engine may get ahead of its neighbours before it has to let them catch up.
constexpr double kSlice = 20 * kMicrosecond;

// A poll longer than this may have been interrupted by another thread.
constexpr Nanoseconds kSuspicious = 100 * kMicrosecond;

// How often the engines are asked how old their oldest input is.
constexpr Nanoseconds kLookEvery = 10 * kMicrosecond;

// What "lately" is in loads and delays.
constexpr double kLoadOver = 10 * kMillisecond;
constexpr Nanoseconds kDelayWindow = 100 * kMillisecond;

constexpr char kNoException[] = "something that is no std::exception";

template <typename T>
void Publish(std::atomic<T>& figure, T value) {
  figure.store(value, std::memory_order_relaxed);
}

template <typename T>
void Increment(std::atomic<T>& figure) {
  Publish(figure, figure.load(std::memory_order_relaxed) + 1);
}

}  // namespace

PollLoop::PollLoop(const PollLoopOptions& options)
    : cycles_(*options.cycles), meter_(*options.meter), poll_limit_(options.poll_limit) {}

void PollLoop::Begin(Nanoseconds now) {
  accounted_at_ = window_since_ = now;
  accounted_cycles_ = cycles_.Now();
  cpu_ = meter_.CpuTime();
  blocks_ = meter_.Blocks();
}

void PollLoop::Adopt(EngineSlot& slot, Nanoseconds now) {
  slot.loop = this;
  slot.busy = false;
  slot.virtual_time = virtual_floor_;
  slot.polled_at = now;
  if (slot.sent_at != kNever) {
    Publish(slot.last_migration, now - std::exchange(slot.sent_at, kNever));
    Increment(slot.migrations);
  }
  slot.mailbox.EndSleep();
  engines_.push_back(&slot);
  fds_may_have_changed_ = true;
}

void PollLoop::Drop(EngineSlot& slot) {
  Leave();
  Account(now_);
  slot.loop = nullptr;
  std::erase(engines_, &slot);
  fds_may_have_changed_ = true;
}

// Out of the engine, if in it: what follows touches the loop.
void PollLoop::Leave() {
  if (!inside_) return;
  inside_ = false;
  guard_.Exit();
}

bool PollLoop::Round(Nanoseconds now) {
  any_ = false;
  now_ = now;
  const bool look = now - looked_at_ >= kLookEvery;
  if (look) looked_at_ = now;
  double floor = std::numeric_limits<double>::infinity();
  stamp_ = cycles_.Now();
  for (size_t i = 0; i < engines_.size();) {
    EngineSlot& slot = *engines_[i];
    if (slot.busy && slot.virtual_time > virtual_floor_ + kSlice) {
      any_ = true;  // it has had its share, and waits for others
    } else {
      PollOne(slot, now, look);
      if (i >= engines_.size() || engines_[i] != &slot) continue;  // it has left, or others have
    }
    if (slot.busy) {
      floor = std::min(floor, slot.virtual_time);
    } else {
      slot.virtual_time = std::max(slot.virtual_time, virtual_floor_);
    }
    ++i;
  }
  if (floor != std::numeric_limits<double>::infinity()) virtual_floor_ = floor;
  return any_;
}

void PollLoop::PollOne(EngineSlot& slot, Nanoseconds now, bool look) {
  inside_ = true;
  guard_.Enter(slot);
  if (slot.mailbox.RunPending()) {
    any_ = fds_may_have_changed_ = true;
    if (!inside_) return;  // dropped
  }
  int inputs = 0;
  Nanoseconds oldest = kNever;
  try {
    if (look) oldest = slot.engine.OldestInput(now);
    inputs = slot.engine.Poll(now, slot.budget);
  } catch (const std::exception& exception) {
    return Fail(slot, exception.what());
  } catch (...) {
    return Fail(slot, kNoException);
  }
  Leave();

  const Nanoseconds stamp = cycles_.Now();
  Nanoseconds took = stamp - std::exchange(stamp_, stamp);
  if (took > kSuspicious) took = CheckLongPoll(slot, took);
  slot.in_poll += took;
  slot.virtual_time += static_cast<double>(took) * slot.share;
  ++slot.polls_total;
  slot.busy = inputs > 0;
  if (look) {
    // An engine that does not know how long its input has waited: since it was looked for last.
    const Nanoseconds since = oldest != kNever ? oldest : std::max(slot.polled_at, woke_at_);
    slot.delay = inputs > 0 || oldest != kNever ? std::max<Nanoseconds>(now - since, 0) : 0;
    slot.worst_delay = std::max(slot.worst_delay, slot.delay);
  }
  slot.polled_at = now;
  if (inputs > 0) {
    any_ = true;
    slot.inputs_total += inputs;
    slot.in_busy_poll += took;
  }
  if (inputs >= slot.budget) {
    slot.budget = std::min(2 * slot.budget, kMaxBatch);
  } else if (inputs < slot.budget / 2) {
    slot.budget = std::max(slot.budget / 2, kMinBatch);
  }
}

// A poll seems to have been long. Was the thread kept off its core meanwhile, or is it the engine?
// Returns what is the engine's own doing.
Nanoseconds PollLoop::CheckLongPoll(EngineSlot& slot, Nanoseconds took) {
  const Nanoseconds off_core =
      (stamp_ - accounted_cycles_) - asleep_ - (meter_.CpuTime() - cpu_);  // since accounting
  const Nanoseconds lost = std::clamp<Nanoseconds>(off_core - off_core_, 0, took);
  off_core_ = std::max(off_core, off_core_);
  const bool blocked = lost > poll_limit_ && meter_.Blocks() > blocks_;
  const Nanoseconds own = blocked ? took : took - lost;
  if (own > poll_limit_) {
    Increment(slot.overruns);
    if (blocked) Increment(slot.blocks);
    if (own > slot.longest_poll.load(std::memory_order_relaxed)) Publish(slot.longest_poll, own);
  }
  return took - lost;
}

void PollLoop::Fail(EngineSlot& slot, const char* what) {
  any_ = true;
  slot.mailbox.Close();
  Drop(slot);
  slot.failure = what;
  slot.condition.store(EngineCondition::kFailed, std::memory_order_release);
}

bool PollLoop::PrepareSleep(Nanoseconds now, std::vector<WaitFd>& fds, Nanoseconds& deadline) {
  now_ = now;
  if (!Arm(now, fds, deadline)) {
    for (EngineSlot* slot : engines_) slot->mailbox.EndSleep();
    return false;
  }
  asleep_since_ = cycles_.Now();
  return true;
}

bool PollLoop::Arm(Nanoseconds now, std::vector<WaitFd>& fds, Nanoseconds& deadline) {
  for (size_t i = 0; i < engines_.size(); ++i) {
    EngineSlot& slot = *engines_[i];
    wait_set_.fds.clear();
    wait_set_.deadline = kNever;
    wait_set_.busy = false;
    inside_ = true;
    guard_.Enter(slot);
    try {
      slot.engine.PrepareWait(now, wait_set_);
    } catch (const std::exception& exception) {
      Fail(slot, exception.what());
      return false;
    } catch (...) {
      Fail(slot, kNoException);
      return false;
    }
    Leave();
    if (i >= engines_.size()) return false;  // others were taken away
    if (wait_set_.busy || !slot.mailbox.PrepareSleep()) return false;
    deadline = std::min(deadline, wait_set_.deadline);
    fds.push_back({.fd = slot.mailbox.wake_fd(), .edge_triggered = true});
    for (int fd : wait_set_.fds) fds.push_back({.fd = fd});
  }
  return true;
}

void PollLoop::EndSleep(Nanoseconds now) {
  woke_at_ = now;
  asleep_ += cycles_.Now() - asleep_since_;
  blocks_ = meter_.Blocks();
  for (EngineSlot* slot : engines_) slot->mailbox.EndSleep();
}

Nanoseconds PollLoop::delay() const {
  Nanoseconds worst = 0;
  for (const EngineSlot* slot : engines_) worst = std::max(worst, slot->delay);
  return worst;
}

void PollLoop::Account(Nanoseconds now) {
  const Nanoseconds cpu = meter_.CpuTime();
  const Nanoseconds used = cpu - std::exchange(cpu_, cpu);
  const Nanoseconds cycles = cycles_.Now();
  const auto wall = static_cast<double>(
      std::max<Nanoseconds>(cycles - std::exchange(accounted_cycles_, cycles), 1));
  const auto asleep = static_cast<double>(std::exchange(asleep_, 0));
  blocks_ = meter_.Blocks();
  off_core_ = 0;
  shared_ = std::max(0.0, 1 - (static_cast<double>(used) + asleep) / wall);
  accounted_at_ = now;

  const bool next_window = now - window_since_ >= kDelayWindow;
  if (next_window) window_since_ = now;
  Nanoseconds in_poll = 0;
  for (const EngineSlot* slot : engines_) in_poll += slot->in_poll;
  const double recent = 1 - std::exp(-wall / kLoadOver);
  load_ = 0;
  for (EngineSlot* slot : engines_) {
    const double share = in_poll > 0
                             ? static_cast<double>(slot->in_poll) / static_cast<double>(in_poll)
                             : 1.0 / static_cast<double>(engines_.size());
    const auto charged = static_cast<Nanoseconds>(static_cast<double>(used) * share);
    Publish(slot->cpu, slot->cpu.load(std::memory_order_relaxed) + charged);
    Publish(slot->polls, slot->polls_total);
    Publish(slot->inputs, slot->inputs_total);
    const double load = slot->load.load(std::memory_order_relaxed);
    const double latest = std::min(1.0, static_cast<double>(slot->in_busy_poll) / wall);
    Publish(slot->load, load + recent * (latest - load));
    load_ += load + recent * (latest - load);
    slot->in_poll = slot->in_busy_poll = 0;
    Publish(slot->peak_delay, std::max(slot->worst_delay, slot->worst_before));
    Publish(slot->longest_delay,
            std::max(slot->longest_delay.load(std::memory_order_relaxed), slot->worst_delay));
    if (next_window) slot->worst_before = std::exchange(slot->worst_delay, 0);
  }
}

std::vector<EngineSlot*> PollLoop::Seize(EngineSlot& stuck) {
  std::vector<EngineSlot*> others;
  std::copy_if(engines_.begin(), engines_.end(), std::back_inserter(others),
               [&](EngineSlot* slot) { return slot != &stuck; });
  engines_.assign(1, &stuck);
  for (EngineSlot* slot : others) slot->loop = nullptr;
  return others;
}

}  // namespace farrier::runtime
