#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/cpu_topology.h"
#include "engines/runtime/engine_group.h"
#include "engines/runtime/thread_meter.h"
#include "host/config.h"
#include "host/control.pb.h"
#include "host/cpu_rate.h"

namespace farrier::host {

// A daemon's engine groups: what its configuration says, and what control makes of them at run
// time. Engines are added and removed by whoever has them. Control thread.
class EngineGroups {
 public:
  // Starts the groups of a validated configuration, with threads for all their engines. `clock`
  // outlives this. `on_event` as in GroupEnvironment. InvalidArgument if a group's cores are not
  // there.
  static absl::StatusOr<std::unique_ptr<EngineGroups>> Start(
      const Config& config, const runtime::Clock& clock, runtime::CpuTopology topology,
      std::function<void(const runtime::EngineEvent&)> on_event);

  // The group that an engine is placed in, and its weight there.
  runtime::EngineGroup& Of(uint32_t engine) { return *groups_[places_[engine].group].group; }
  int weight(uint32_t engine) const { return places_[engine].weight; }

  // Changes what `change` gives of the group that it names. NotFound names those that exist; after
  // InvalidArgument all is as it was; after DeadlineExceeded the settings are the new ones, but an
  // engine stays on its old thread.
  absl::StatusOr<GroupStatus> Set(const GroupConfig& change);

  // One more, without engines; its settings are validated and complete.
  absl::StatusOr<GroupStatus> Add(const GroupConfig& settings);

  // NotFound, or FailedPrecondition if engines are placed in it.
  absl::Status Remove(const std::string& name);

  // From now on `engine` is in the group of that name, where `carry` takes it. NotFound; what
  // `carry` says; then all is as it was.
  absl::StatusOr<GroupStatus> Move(
      uint32_t engine, const std::string& group, int weight,
      absl::FunctionRef<absl::Status(runtime::EngineGroup& group, int weight)> carry);

  // As they are now, in the order of the configuration, those added since behind.
  std::vector<GroupConfig> Settings() const;

  // Asks the groups how they are; what follows tells that. Waits some 20 ms for each thread at
  // most.
  void Look();

  std::vector<GroupStatus> Status() const;

  // Fills in all that the group knows. False: the engine is not in it.
  bool Describe(uint32_t engine, EngineScheduling& scheduling) const;

  // What an engine in its group has cost since it was added; 0: it is not in it.
  runtime::Nanoseconds CpuTime(uint32_t engine) const;
  uint64_t Polls(uint32_t engine) const;

 private:
  struct Group {
    GroupConfig settings;
    std::vector<uint32_t> engines;
    std::unique_ptr<runtime::EngineGroup> group;
    runtime::GroupReport report;
    std::map<int, CpuRate> thread_rates;  // by ThreadReport::number
  };
  struct Place {
    std::string name;
    std::string kind;
    size_t group = 0;
    int weight = 1;
    CpuRate rate;
  };

  EngineGroups(const Config& config, const runtime::Clock& clock);
  absl::Status Start(Group& group);
  absl::StatusOr<size_t> Find(const std::string& name) const;
  void Look(Group& group);
  GroupStatus StatusOf(const Group& group) const;
  static void LogThreads(const Group& group);
  const runtime::EngineReport* ReportOf(uint32_t engine) const;

  const runtime::Clock& clock_;
  runtime::GroupEnvironment environment_;
  const runtime::CycleClock cycles_;
  const runtime::KernelThreadMeter meter_;
  std::vector<Place> places_;  // by engine
  std::vector<Group> groups_;
};

// The configuration's groups against this machine; each error names the group.
std::vector<absl::Status> GroupProblems(const Config& config, const runtime::CpuTopology& topology);

}  // namespace farrier::host
