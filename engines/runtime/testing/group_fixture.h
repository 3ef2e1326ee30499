#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engines/runtime/engine_group.h"
#include "engines/runtime/testing/doorbell_engine.h"

namespace farrier::runtime::testing {

inline constexpr Nanoseconds kPatience = 20 * kSecond;

// A group of real threads in each of the modes, with one engine beside it.
class GroupFixture : public ::testing::TestWithParam<GroupMode> {
 protected:
  void SetUp() override { group_ = Start(GetParam()); }

  GroupEnvironment Environment() {
    GroupEnvironment environment;
    environment.clock = &clock_;
    environment.cycles = &cycles_;
    environment.meter = &meter_;
    environment.topology = *ReadCpuTopology("");
    environment.on_event = [this](const EngineEvent& event) {
      std::lock_guard<std::mutex> lock(events_lock_);
      events_.push_back(event);
    };
    return environment;
  }
  std::unique_ptr<EngineGroup> Start(GroupMode mode) {
    return *EngineGroup::Start("group", {.mode = mode}, Environment());
  }

  // What has been told of `engine` so far, of this kind.
  std::vector<std::string> Told(EngineEvent::Kind kind, const std::string& engine) {
    std::lock_guard<std::mutex> lock(events_lock_);
    std::vector<std::string> details;
    for (const EngineEvent& event : events_) {
      if (event.kind == kind && event.engine == engine) details.push_back(event.detail);
    }
    return details;
  }

  template <typename Condition>
  bool Eventually(Condition condition) {
    const Nanoseconds end = clock_.Now() + kPatience;
    while (!condition()) {
      if (clock_.Now() > end) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
  }

  std::mutex events_lock_;
  std::vector<EngineEvent> events_;
  MonotonicClock clock_;
  CycleClock cycles_;
  KernelThreadMeter meter_;
  DoorbellEngine engine_;
  std::unique_ptr<Mailbox> mailbox_ = *Mailbox::Create(clock_);
  std::unique_ptr<EngineGroup> group_;  // ends first
};

}  // namespace farrier::runtime::testing
