#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "engines/runtime/engine.h"

namespace farrier::runtime::testing {

// Counts the doorbell rings it takes; waits by eventfd and, if asked, by deadline.
class DoorbellEngine final : public Engine {
 public:
  DoorbellEngine() : doorbell_(eventfd(0, EFD_NONBLOCK)) {}
  ~DoorbellEngine() override { close(doorbell_); }

  std::string_view kind() const override { return "doorbell"; }
  int Poll(Nanoseconds now, int budget) override {
    ++polls;
    touched = std::this_thread::get_id();
    if (deadline != kNever && now >= deadline) {
      deadline = kNever;
      ++fired;
      return 1;
    }
    int taken = 0;
    eventfd_t one;
    while (taken < budget && input > 0) {
      --input;
      ++taken;
    }
    if (taken == 0) eventfd_read(doorbell_, &one);
    total += taken;
    return taken;
  }
  void PrepareWait(Nanoseconds, WaitSet& wait) override {
    wait.fds.push_back(doorbell_);
    wait.deadline = deadline;
    wait.busy = input > 0;
  }
  Nanoseconds OldestInput(Nanoseconds) override { return kNever; }
  bool Snapshot(StateSink&, int) override { return true; }
  void Delta(StateSink&) override {}
  absl::Status Restore(StateSource&) override { return absl::OkStatus(); }

  void Ring(int inputs) {
    input += inputs;
    eventfd_write(doorbell_, 1);
  }

  std::atomic<int> input = 0, total = 0, fired = 0;
  std::atomic<Nanoseconds> deadline = kNever;
  // Of the thread that may touch the engine.
  uint64_t polls = 0;
  std::thread::id touched;

 private:
  const int doorbell_;
};

}  // namespace farrier::runtime::testing
