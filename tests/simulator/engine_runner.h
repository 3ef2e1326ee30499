#pragma once

#include <cstdint>
#include <functional>

#include "engines/runtime/engine.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/random.h"

namespace farrier::sim {

// Times of a polling thread that a simulation draws from.
struct RunnerOptions {
  Nanoseconds slowest_wake = 20 * kMicrosecond;  // from an event to the first poll
  Nanoseconds poll_cost = 500;                   // of an idle poll
  Nanoseconds input_cost = 250;                  // more per packet or command
  double preempted = 0.002;                      // chance per poll that the thread loses its core
  Nanoseconds longest_preemption = kMillisecond;
  int budget = 16;
};

// Polls an engine on virtual time, as a group that sleeps when idle does on a thread: again while
// there is input, then once more after the doorbells are armed, then only when something wakes it.
class EngineRunner {
 public:
  // `before_poll` and `after_poll` are called around every poll. The engine outlives the runner.
  EngineRunner(EventQueue& queue, Random random, const RunnerOptions& options,
               runtime::Engine& engine, std::function<void()> before_poll,
               std::function<void()> after_poll);

  void Start();
  // From now on the engine is not polled.
  void Stop();
  bool running() const { return running_; }

  // A packet has been delivered to the engine's port.
  void Wake();

  // Looks whether an fd that the engine sleeps on has become readable.
  void LookAtFds();

  uint64_t polls() const { return polls_; }

 private:
  void Loop();
  void Poll();
  void Sleep();

  EventQueue& queue_;
  Random random_;
  const RunnerOptions options_;
  runtime::Engine& engine_;
  std::function<void()> before_poll_;
  std::function<void()> after_poll_;
  bool running_ = false;
  bool idle_ = false;  // the last poll found nothing: sleep next
  bool asleep_ = false;
  runtime::WaitSet wait_;
  uint64_t polls_ = 0;
  Timer timer_;
};

}  // namespace farrier::sim
