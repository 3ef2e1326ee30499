#pragma once

#include <signal.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include "engines/runtime/engine.h"

namespace farrier::host {

// An engine that breaks when its process is told to: SIGUSR1 makes its next poll throw, SIGUSR2
// makes it spin in a poll until the next SIGUSR2. Not in a build that is shipped.
class FaultyEngine final : public runtime::Engine {
 public:
  explicit FaultyEngine(runtime::Engine& engine) : engine_(engine) {}

  // Of the engine that FARRIER_TEST_FAULTY_ENGINE names by its number; nullptr for others. Once it
  // is there, signals are taken.
  static std::unique_ptr<runtime::Engine> Wrap(uint32_t id, runtime::Engine& engine) {
    const char* faulty = std::getenv("FARRIER_TEST_FAULTY_ENGINE");
    if (faulty == nullptr || std::to_string(id) != faulty) return nullptr;
    signal(SIGUSR1, [](int) { throw_ = 1; });
    signal(SIGUSR2, [](int) { spin_ = !spin_; });
    return std::make_unique<FaultyEngine>(engine);
  }

  std::string_view kind() const override { return engine_.kind(); }
  int Poll(runtime::Nanoseconds now, int budget) override {
    if (throw_) {
      throw_ = 0;
      throw std::runtime_error("as a test wants");
    }
    while (spin_) {
    }
    return engine_.Poll(now, budget);
  }
  void PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait) override {
    engine_.PrepareWait(now, wait);
  }
  runtime::Nanoseconds OldestInput(runtime::Nanoseconds now) override {
    return engine_.OldestInput(now);
  }
  bool Snapshot(runtime::StateSink& sink, int budget) override {
    return engine_.Snapshot(sink, budget);
  }
  void Delta(runtime::StateSink& sink) override { engine_.Delta(sink); }
  absl::Status Restore(runtime::StateSource& source) override { return engine_.Restore(source); }

 private:
  static inline volatile sig_atomic_t throw_ = 0;
  static inline volatile sig_atomic_t spin_ = 0;
  runtime::Engine& engine_;
};

}  // namespace farrier::host
