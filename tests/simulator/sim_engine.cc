#include "tests/simulator/sim_engine.h"

#include <poll.h>

#include <utility>

namespace farrier::sim {

SimEngine::SimEngine(EventQueue& queue, Random random, const ThreadTimes& times,
                     runtime::Engine& engine, Hooks hooks)
    : queue_(queue),
      random_(std::move(random)),
      times_(times),
      engine_(engine),
      hooks_(std::move(hooks)),
      wanted_(queue.Now()) {}

int SimEngine::Poll(Nanoseconds now, int budget) {
  SimThread* const thread = SimThread::running();
  if (thread != nullptr && thread->ending()) return 0;
  if (thread == nullptr || thread != thread_) {
    hooks_.fail("an engine is polled by a thread that does not have it");
    return 0;
  }
  if (thread != polled_by_ && thread->cpu().Now() < polled_until_) {
    hooks_.fail("an engine is polled by two threads at once");
  }
  polled_by_ = thread;
  if (hooks_.before_poll) hooks_.before_poll();
  if (long_poll_) {
    polled_until_ = thread->cpu().Now() + long_poll_->time;
    if (!thread->Stay(*long_poll_)) return 0;
    long_poll_.reset();
  }
  const int inputs = engine_.Poll(now, budget);
  Nanoseconds cost = times_.poll_cost + inputs * times_.input_cost;
  cost += random_.Uniform(0, cost);
  Nanoseconds interrupted = 0;
  if (random_.Chance(times_.preempted)) {
    interrupted = random_.Uniform(0, times_.longest_preemption);
  }
  thread->cpu().Charge(cost, interrupted);
  polled_until_ = thread->cpu().Now();
  wanted_ = queue_.Now();  // again, or to be asked what it waits for
  fds_.clear();
  if (hooks_.after_poll) hooks_.after_poll();
  return inputs;
}

void SimEngine::PrepareWait(Nanoseconds now, runtime::WaitSet& wait) {
  engine_.PrepareWait(now, wait);
  if (wait.busy) return;
  wanted_ = wait.deadline;
  fds_ = wait.fds;
}

std::vector<int> SimEngine::ReadableFds() const {
  std::vector<int> readable;
  if (fds_.empty()) return readable;
  std::vector<pollfd> entries;
  for (int fd : fds_) entries.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  if (poll(entries.data(), entries.size(), 0) <= 0) return readable;
  for (const pollfd& entry : entries) {
    if (entry.revents != 0) readable.push_back(entry.fd);
  }
  return readable;
}

}  // namespace farrier::sim
