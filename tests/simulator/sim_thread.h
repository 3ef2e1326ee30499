#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "engines/runtime/clock.h"
#include "engines/runtime/engine_slot.h"
#include "engines/runtime/fd_waiter.h"
#include "engines/runtime/stuck_detector.h"
#include "engines/runtime/thread_meter.h"
#include "engines/runtime/worker_core.h"
#include "tests/simulator/aside.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/random.h"

namespace farrier::sim {

// What the threads of a simulation take their times from.
struct ThreadTimes {
  Nanoseconds slowest_wake = 20 * kMicrosecond;       // from an event to the first poll
  Nanoseconds slowest_hand_over = 20 * kMicrosecond;  // of an engine, until its new thread sees it
  Nanoseconds round_cost = 50;                        // of a round, beside its polls
  Nanoseconds poll_cost = 500;                        // of an idle poll: this to twice as much
  Nanoseconds input_cost = 250;                       // more per packet or command
  double preempted = 0.002;                           // chance per poll that the core is lost
  Nanoseconds longest_preemption = kMillisecond;
};

// The core that a virtual thread has for itself, and the meters in it. Virtual time stands still
// while the thread does something; what that has cost is added up here and passes afterwards.
class VirtualCpu final : public runtime::Clock, public runtime::ThreadMeter {
 public:
  explicit VirtualCpu(const EventQueue& queue) : queue_(queue), busy_until_(queue.Now()) {}

  // What the thread does now costs so much more, and is interrupted for so long.
  void Charge(Nanoseconds cost, Nanoseconds interrupted = 0);
  // It sleeps once.
  void Block() { ++blocks_; }
  // It does nothing but look around, from now on until StopSpin.
  void Spin() { spins_since_ = queue_.Now(); }
  void StopSpin();

  // Clock: when the thread is done with what it does.
  Nanoseconds Now() const override { return std::max(queue_.Now(), busy_until_); }
  // ThreadMeter.
  Nanoseconds CpuTime() const override;
  uint64_t Blocks() const override { return blocks_; }

 private:
  const EventQueue& queue_;
  Nanoseconds busy_until_;
  Nanoseconds used_ = 0;
  Nanoseconds spins_since_ = kNever;
  uint64_t blocks_ = 0;
};

// A poll in which a thread stays, so that others see it there.
struct LongPoll {
  enum class How : uint8_t { kComputes, kSleeps, kWaitsForItsCore };
  How how;
  Nanoseconds time;
};

// A thread of a group on virtual time. It does what runtime::Worker does, in the same order, with
// the same parts: rounds, rest, sleep. Rounds of an idle thread that spins are left out as long as
// nothing happens that they could find.
class SimThread {
 public:
  struct Options {
    ThreadTimes times;
    bool sleeps = true;
    Nanoseconds max_spin = 0;
    Nanoseconds poll_limit = 2 * kMillisecond;
    // Called on the thread: the engine is to leave for this peer.
    std::function<void(runtime::EngineSlot&, size_t)> hand_on = [](runtime::EngineSlot&, size_t) {};
    // Whether the next poll of the engine may Stay.
    std::function<bool(const runtime::EngineSlot&)> may_stay = [](const runtime::EngineSlot&) {
      return false;
    };
    Nanoseconds hang_limit = 200 * kMillisecond;
  };
  SimThread(EventQueue& queue, Random random, Options options);
  ~SimThread();
  SimThread(const SimThread&) = delete;
  SimThread& operator=(const SimThread&) = delete;

  // The thread that is in a round at this moment; null: none.
  static SimThread* running() { return running_; }

  // An engine arrives.
  void Push(runtime::EngineSlot& slot);
  // It leaves: from within a round, or, for control, in between; not while the thread is in a poll.
  void Take(runtime::EngineSlot& slot);

  // Something has happened that one of its engines is to see.
  void Wake();
  // This fd has become readable.
  void WakeBy(int fd);
  // Something has been posted to the mailbox of one of its engines.
  void Posted();

  // It gets no CPU time between the two.
  void Freeze();
  void Thaw();

  // From within the poll of an engine that may_stay: returns when the time is over. False: the
  // thread is being destroyed, and nothing is to be done any more.
  bool Stay(const LongPoll& poll);
  bool ending() const { return ending_; }

  // Watchdog, every 10 ms. True: the thread is stuck in an engine, which hangs from now on; the
  // engines beside it are in `others`.
  bool Quarantine(std::vector<runtime::EngineSlot*>& others);
  // What has arrived and was not begun with.
  std::vector<runtime::EngineSlot*> TakePushed() { return std::exchange(pushed_, {}); }
  bool quarantined() const { return core_.figures().quarantined.load(); }

  runtime::WorkerCore& core() { return core_; }
  VirtualCpu& cpu() { return cpu_; }
  bool idle() const { return !timer_.pending(); }  // and will be until something wakes it

 private:
  enum class State : uint8_t { kRounds, kToRest, kToSleep, kResting, kAsleep, kInPoll };

  void Step();
  void Round();
  void WholeRound();
  void GoOn();
  void Rest();
  void Sleep();
  void EndSleep();

  static SimThread* running_;

  EventQueue& queue_;
  Random random_;
  const Options options_;
  VirtualCpu cpu_;
  runtime::WorkerCore core_;
  runtime::StuckDetector stuck_;
  State state_ = State::kAsleep;
  std::unique_ptr<Aside> round_;  // one that may be left in its middle
  bool sleeps_in_poll_ = false;
  bool ending_ = false;
  bool frozen_ = false;
  bool mail_ = false;  // posted since the last round
  std::vector<runtime::EngineSlot*> pushed_;
  std::vector<runtime::WaitFd> fds_;  // that it sleeps on
  runtime::WaitSet wait_;
  Timer timer_;
};

}  // namespace farrier::sim
