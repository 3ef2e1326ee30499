#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "engines/runtime/clock.h"
#include "pony/engine.h"
#include "pony/testing/fake_app.h"
#include "pony/testing/fake_network.h"

namespace farrier::pony::testing {

inline constexpr uint32_t kIps[2] = {0x0A000001, 0x0A000002};
inline constexpr uint16_t kFirstPort = 7000;

// State under way, in memory.
class RecordList final : public runtime::StateSink, public runtime::StateSource {
 public:
  void Append(runtime::StateRecord record) override { records.push_back(std::move(record)); }
  std::optional<runtime::StateRecord> Next() override {
    if (next_ == records.size()) return std::nullopt;
    return records[next_++];
  }
  void Rewind() { next_ = 0; }
  std::vector<runtime::StateRecord> records;

 private:
  size_t next_ = 0;
};

// Two hosts, a lossy network, virtual time; one engine each. Its apps are the test's.
class TwoHosts {
 public:
  explicit TwoHosts(uint64_t seed = 1);

  EngineOptions Options(int host) const;
  // To be changed before Start or Restart.
  std::function<void(int host, EngineOptions&)> adjust = [](int, EngineOptions&) {};

  void Start();
  // The engine dies and another comes, knowing nothing.
  void Crash(int host, uint32_t epoch);
  void Kill(int host) { engines_[host] = nullptr; }
  // The engine's state so far goes to a successor, in one piece or in two with `between` run in
  // the middle; then the successor replaces it.
  void Upgrade(int host, const std::function<void()>& between);

  FakeApp& AddApp(int host, uint32_t id, uint32_t ring_entries = 256);
  void RemoveApp(int host, uint32_t id);

  // One round: frames arrive, both engines are polled, time goes on to whatever is next.
  void Step();
  // Steps until `done`; false if it was not within `limit` of virtual time.
  bool RunUntil(const std::function<bool()>& done,
                runtime::Nanoseconds limit = 60 * runtime::kSecond);
  void RunFor(runtime::Nanoseconds time);

  PonyEngine& engine(int host) { return *engines_[host]; }
  FakePort& port(int host) { return *ports_[host]; }
  FakeApp& app(int host, uint32_t id) { return *apps_[host].at(id); }
  FakeNetwork& network() { return network_; }
  runtime::ManualClock& clock() { return clock_; }

 private:
  runtime::ManualClock clock_;
  uint64_t seed_;
  FakeNetwork network_;
  std::map<uint32_t, std::unique_ptr<FakeApp>> apps_[2];
  std::unique_ptr<FakePort> ports_[2];
  std::unique_ptr<PonyEngine> engines_[2];
};

}  // namespace farrier::pony::testing
