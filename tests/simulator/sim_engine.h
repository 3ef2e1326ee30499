#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/runtime/engine.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/random.h"
#include "tests/simulator/sim_thread.h"

namespace farrier::sim {

// An engine in a simulated group: the real one behind it, and what its polls cost. It watches that
// only the thread that has it polls it, and knows since when it should have been polled.
class SimEngine final : public runtime::Engine {
 public:
  struct Hooks {
    std::function<void()> before_poll;  // may be empty, as may the other
    std::function<void()> after_poll;
    std::function<void(const std::string&)> fail;  // what is not as it must be
  };
  // `engine` and `queue` outlive this.
  SimEngine(EventQueue& queue, Random random, const ThreadTimes& times, runtime::Engine& engine,
            Hooks hooks);

  // Which thread has it from now on; null: none, it is on its way.
  void set_thread(const SimThread* thread) { thread_ = thread; }

  // Something has happened that it is to see.
  void Want(Nanoseconds since) { wanted_ = std::min(wanted_, since); }
  // Since when a poll is due: there was something, or it is not known yet whether there is. In
  // times to come: its next timer. kNever: none is.
  Nanoseconds wanted() const { return wanted_; }

  // The fds among those it waits for that are readable.
  std::vector<int> ReadableFds() const;

  // Its next poll is to be that long.
  void Stay(const LongPoll& poll) { long_poll_ = poll; }
  // From Stay until the end of that poll.
  bool stays() const { return long_poll_.has_value(); }

  runtime::Engine& engine() { return engine_; }

  // Engine.
  std::string_view kind() const override { return engine_.kind(); }
  int Poll(Nanoseconds now, int budget) override;
  void PrepareWait(Nanoseconds now, runtime::WaitSet& wait) override;
  Nanoseconds OldestInput(Nanoseconds now) override { return engine_.OldestInput(now); }
  bool Snapshot(runtime::StateSink& sink, int budget) override {
    return engine_.Snapshot(sink, budget);
  }
  void Delta(runtime::StateSink& sink) override { engine_.Delta(sink); }
  absl::Status Restore(runtime::StateSource& source) override { return engine_.Restore(source); }

 private:
  EventQueue& queue_;
  Random random_;
  const ThreadTimes times_;
  runtime::Engine& engine_;
  const Hooks hooks_;
  const SimThread* thread_ = nullptr;
  const SimThread* polled_by_ = nullptr;
  Nanoseconds polled_until_ = 0;
  Nanoseconds wanted_;
  std::optional<LongPoll> long_poll_;
  std::vector<int> fds_;  // that it waits for; empty while it is polled
};

}  // namespace farrier::sim
