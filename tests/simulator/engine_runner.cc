#include "tests/simulator/engine_runner.h"

#include <poll.h>

#include <utility>
#include <vector>

namespace farrier::sim {

EngineRunner::EngineRunner(EventQueue& queue, Random random, const RunnerOptions& options,
                           runtime::Engine& engine, std::function<void()> before_poll,
                           std::function<void()> after_poll)
    : queue_(queue),
      random_(std::move(random)),
      options_(options),
      engine_(engine),
      before_poll_(std::move(before_poll)),
      after_poll_(std::move(after_poll)),
      timer_(queue, [this] { Loop(); }) {}

void EngineRunner::Start() {
  running_ = true;
  asleep_ = true;
  Wake();
}

void EngineRunner::Stop() {
  running_ = false;
  asleep_ = false;
  timer_.Cancel();
}

void EngineRunner::Wake() {
  if (!asleep_) return;
  timer_.SetNoLaterThan(queue_.Now() + random_.Uniform(kMicrosecond, options_.slowest_wake));
}

void EngineRunner::LookAtFds() {
  if (!asleep_ || wait_.fds.empty()) return;
  std::vector<pollfd> entries;
  for (int fd : wait_.fds) entries.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  if (poll(entries.data(), entries.size(), 0) > 0) Wake();
}

void EngineRunner::Loop() {
  if (asleep_) {
    asleep_ = false;
    idle_ = false;
  }
  if (idle_) {
    Sleep();
  } else {
    Poll();
  }
}

void EngineRunner::Poll() {
  before_poll_();
  if (!running_) return;
  ++polls_;
  const int inputs = engine_.Poll(queue_.Now(), options_.budget);
  idle_ = inputs == 0;
  Nanoseconds cost = options_.poll_cost + inputs * options_.input_cost;
  cost += random_.Uniform(0, cost);
  if (random_.Chance(options_.preempted)) cost += random_.Uniform(0, options_.longest_preemption);
  timer_.Set(queue_.Now() + cost);
  after_poll_();
}

void EngineRunner::Sleep() {
  wait_.fds.clear();
  wait_.deadline = kNever;
  wait_.busy = false;
  idle_ = false;
  engine_.PrepareWait(queue_.Now(), wait_);
  if (wait_.busy) {
    timer_.Set(queue_.Now() + options_.poll_cost);
    return;
  }
  asleep_ = true;
  if (wait_.deadline != kNever) {
    timer_.Set(wait_.deadline + random_.Uniform(0, options_.slowest_wake));
  }
  LookAtFds();  // what was rung while the doorbells were being armed
}

}  // namespace farrier::sim
