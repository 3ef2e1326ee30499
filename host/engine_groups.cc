#include "host/engine_groups.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/group_settings.h"

namespace farrier::host {
namespace {

// An engine answers between two polls; what takes longer is broken.
constexpr runtime::Nanoseconds kControlTimeout = 2 * runtime::kSecond;

double Microseconds(runtime::Nanoseconds time) {
  return static_cast<double>(time) / runtime::kMicrosecond;
}
double Seconds(runtime::Nanoseconds time) { return static_cast<double>(time) / runtime::kSecond; }

const char* ToString(runtime::EngineCondition condition) {
  switch (condition) {
    case runtime::EngineCondition::kRunning:
      return "running";
    case runtime::EngineCondition::kHung:
      return "hung";
    case runtime::EngineCondition::kFailed:
      return "failed";
  }
  return "?";
}

absl::Status OfGroup(const std::string& name, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("group ", name, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<EngineGroups>> EngineGroups::Start(
    const Config& config, const runtime::Clock& clock, runtime::CpuTopology topology,
    std::function<void(const runtime::EngineEvent&)> on_event) {
  auto groups = std::unique_ptr<EngineGroups>(new EngineGroups(config, clock));
  groups->environment_ = {.clock = &clock,
                          .cycles = &groups->cycles_,
                          .meter = &groups->meter_,
                          .topology = std::move(topology),
                          .control_timeout = kControlTimeout,
                          .on_event = std::move(on_event)};
  for (Group& group : groups->groups_) {
    if (absl::Status started = groups->Start(group); !started.ok()) return started;
  }
  return groups;
}

absl::Status EngineGroups::Start(Group& group) {
  const std::string& name = group.settings.name();
  absl::StatusOr<runtime::GroupOptions> options =
      GroupOptionsOf(group.settings, static_cast<uint32_t>(group.engines.size()));
  if (!options.ok()) return OfGroup(name, options.status());
  absl::StatusOr<std::unique_ptr<runtime::EngineGroup>> started =
      runtime::EngineGroup::Start(name, *std::move(options), environment_);
  if (!started.ok()) return OfGroup(name, started.status());
  group.group = *std::move(started);
  Look(group);
  LogThreads(group);
  return absl::OkStatus();
}

EngineGroups::EngineGroups(const Config& config, const runtime::Clock& clock)
    : clock_(clock), places_(EngineCount(config)) {
  const auto put = [&](uint32_t engine, const std::string& group, uint32_t weight) {
    Place& place = places_[engine];
    place.weight = static_cast<int>(weight);
    while (config.groups(static_cast<int>(place.group)).name() != group) ++place.group;
  };
  for (const PlacementConfig& placement : config.pony().placement()) {
    put(placement.engine(), placement.group(), placement.weight());
  }
  for (uint32_t engine = 0; engine < places_.size(); ++engine) {
    places_[engine].name = EngineName(config, engine);
    places_[engine].kind = EngineKind(config, engine);
    if (const PacketEngineConfig* packet = PacketEngineOf(config, engine)) {
      put(engine, packet->group(), packet->weight());
    }
  }
  for (const GroupConfig& settings : config.groups()) {
    groups_.push_back({.settings = settings});
    for (uint32_t engine = 0; engine < places_.size(); ++engine) {
      if (places_[engine].group + 1 == groups_.size()) groups_.back().engines.push_back(engine);
    }
  }
}

absl::StatusOr<size_t> EngineGroups::Find(const std::string& name) const {
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].settings.name() == name) return i;
  }
  return absl::NotFoundError(absl::StrCat(
      "there is no group \"", name,
      "\"; there are: ", absl::StrJoin(groups_, ", ", [](std::string* out, const Group& each) {
        absl::StrAppend(out, each.settings.name());
      })));
}

absl::StatusOr<GroupStatus> EngineGroups::Set(const GroupConfig& change) {
  const absl::StatusOr<size_t> found = Find(change.name());
  if (!found.ok()) return found.status();
  Group& group = groups_[*found];
  GroupConfig settings = group.settings;
  settings.MergeFrom(change);
  SetGroupDefaults(settings);
  if (settings.SerializeAsString() != group.settings.SerializeAsString()) {
    absl::StatusOr<runtime::GroupOptions> options =
        GroupOptionsOf(settings, static_cast<uint32_t>(group.engines.size()));
    if (!options.ok()) return OfGroup(change.name(), options.status());
    const absl::Status formed = group.group->Reconfigure(*std::move(options));
    if (!formed.ok() && !absl::IsDeadlineExceeded(formed)) return OfGroup(change.name(), formed);
    group.settings = std::move(settings);
    Look(group);
    LogThreads(group);
    if (!formed.ok()) return OfGroup(change.name(), formed);
  } else {
    Look(group);
  }
  return StatusOf(group);
}

absl::StatusOr<GroupStatus> EngineGroups::Add(const GroupConfig& settings) {
  Group group{.settings = settings};
  if (absl::Status started = Start(group); !started.ok()) return started;
  groups_.push_back(std::move(group));
  return StatusOf(groups_.back());
}

absl::Status EngineGroups::Remove(const std::string& name) {
  const absl::StatusOr<size_t> found = Find(name);
  if (!found.ok()) return found.status();
  const std::vector<uint32_t>& engines = groups_[*found].engines;
  if (!engines.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "engines are placed in group ", name, ": ",
        absl::StrJoin(
            engines, ", ",
            [&](std::string* out, uint32_t engine) { absl::StrAppend(out, places_[engine].name); }),
        "; place them elsewhere first, with farrierctl engine place"));
  }
  groups_.erase(groups_.begin() + static_cast<ptrdiff_t>(*found));
  for (Place& place : places_) {
    if (place.group > *found) --place.group;
  }
  return absl::OkStatus();
}

absl::StatusOr<GroupStatus> EngineGroups::Move(
    uint32_t engine, const std::string& group, int weight,
    absl::FunctionRef<absl::Status(runtime::EngineGroup&, int)> carry) {
  const absl::StatusOr<size_t> found = Find(group);
  if (!found.ok()) return found.status();
  Group& to = groups_[*found];
  Place& place = places_[engine];
  if (place.group != *found || place.weight != weight) {
    if (absl::Status moved = carry(*to.group, weight); !moved.ok()) return moved;
    std::erase(groups_[place.group].engines, engine);
    to.engines.insert(std::lower_bound(to.engines.begin(), to.engines.end(), engine), engine);
    place.group = *found;
    place.weight = weight;
  }
  Look(to);
  return StatusOf(to);
}

std::vector<GroupConfig> EngineGroups::Settings() const {
  std::vector<GroupConfig> settings;
  for (const Group& group : groups_) settings.push_back(group.settings);
  return settings;
}

void EngineGroups::Look() {
  for (Group& group : groups_) Look(group);
}

void EngineGroups::Look(Group& group) {
  group.report = group.group->Report();
  const runtime::Nanoseconds now = clock_.Now();
  std::map<int, CpuRate> rates;
  for (const runtime::ThreadReport& thread : group.report.threads) {
    CpuRate& rate = rates[thread.number];
    rate = group.thread_rates[thread.number];
    rate.Note(now, thread.cpu);
  }
  group.thread_rates = std::move(rates);
  for (uint32_t engine : group.engines) {
    if (const runtime::EngineReport* report = ReportOf(engine)) {
      places_[engine].rate.Note(now, report->cpu);
    }
  }
}

const runtime::EngineReport* EngineGroups::ReportOf(uint32_t engine) const {
  const std::string& name = places_[engine].name;
  for (const runtime::EngineReport& report : groups_[places_[engine].group].report.engines) {
    if (report.name == name) return &report;
  }
  return nullptr;
}

std::vector<GroupStatus> EngineGroups::Status() const {
  std::vector<GroupStatus> status;
  for (const Group& group : groups_) status.push_back(StatusOf(group));
  return status;
}

GroupStatus EngineGroups::StatusOf(const Group& group) const {
  GroupStatus status;
  *status.mutable_settings() = group.settings;
  for (uint32_t engine : group.engines) {
    status.add_engines(engine);
    GroupMember& member = *status.add_members();
    member.set_id(engine);
    member.set_name(places_[engine].name);
    member.set_kind(places_[engine].kind);
  }
  double load = 0, percent = 0;
  for (const runtime::ThreadReport& report : group.report.threads) {
    ThreadStatus& thread = *status.add_threads();
    thread.set_name(report.name);
    thread.set_tid(report.tid);
    thread.set_thread_class(std::string(runtime::ToString(report.thread_class)));
    thread.set_why(report.why);
    thread.set_cores(runtime::FormatCpuList(report.cpus));
    thread.set_engines(static_cast<uint32_t>(report.engines));
    thread.set_load(report.load);
    thread.set_cpu_seconds(Seconds(report.cpu));
    thread.set_cpu_percent(group.thread_rates.at(report.number).percent());
    thread.set_sleeps(report.sleeps);
    thread.set_throttled(report.throttled);
    thread.set_stuck(report.stuck);
    load += report.load;
    percent += thread.cpu_percent();
  }
  runtime::Nanoseconds delay = 0;
  for (const runtime::EngineReport& engine : group.report.engines) {
    delay = std::max(delay, engine.delay);
  }
  status.set_load(load);
  status.set_cpu_percent(percent);
  status.set_delay_us(Microseconds(delay));
  status.set_idle_exit_why(group.report.idle_exit_why);
  return status;
}

bool EngineGroups::Describe(uint32_t engine, EngineScheduling& scheduling) const {
  const Group& group = groups_[places_[engine].group];
  scheduling.set_group(group.settings.name());
  scheduling.set_mode(group.settings.mode());
  scheduling.set_weight(static_cast<uint32_t>(weight(engine)));
  const runtime::EngineReport* report = ReportOf(engine);
  if (report == nullptr) return false;
  scheduling.set_condition(ToString(report->condition));
  scheduling.set_detail(report->failure);
  for (const runtime::ThreadReport& thread : group.report.threads) {
    if (thread.number == report->thread) scheduling.set_thread(thread.name);
  }
  scheduling.set_load(report->load);
  scheduling.set_delay_us(Microseconds(report->delay));
  scheduling.set_longest_delay_us(Microseconds(report->longest_delay));
  scheduling.set_cpu_percent(places_[engine].rate.percent());
  scheduling.set_polls(report->polls);
  scheduling.set_inputs(report->inputs);
  scheduling.set_overruns(report->overruns);
  scheduling.set_blocks(report->blocks);
  scheduling.set_longest_poll_us(Microseconds(report->longest_poll));
  scheduling.set_migrations(report->migrations);
  scheduling.set_last_migration_us(Microseconds(report->last_migration));
  return true;
}

runtime::Nanoseconds EngineGroups::CpuTime(uint32_t engine) const {
  const runtime::EngineReport* report = ReportOf(engine);
  return report == nullptr ? 0 : report->cpu;
}

uint64_t EngineGroups::Polls(uint32_t engine) const {
  const runtime::EngineReport* report = ReportOf(engine);
  return report == nullptr ? 0 : report->polls;
}

void EngineGroups::LogThreads(const Group& group) {
  for (const runtime::ThreadReport& thread : group.report.threads) {
    spdlog::info("group {}, {}: thread {} (tid {}) has class {} on cores {}{}{}",
                 group.settings.name(), group.settings.mode(), thread.name, thread.tid,
                 std::string(runtime::ToString(thread.thread_class)),
                 runtime::FormatCpuList(thread.cpus),
                 thread.why.empty() ? "" : ", not better: ", thread.why);
  }
}

std::vector<absl::Status> GroupProblems(const Config& config,
                                        const runtime::CpuTopology& topology) {
  std::vector<absl::Status> problems;
  for (const GroupConfig& group : config.groups()) {
    absl::Status status;
    if (auto options = GroupOptionsOf(group, 0); !options.ok()) {
      status = options.status();
    } else {
      status = runtime::ChooseCpus(topology, options->cores, options->node).status();
    }
    if (!status.ok()) problems.push_back(OfGroup(group.name(), status));
  }
  return problems;
}

}  // namespace farrier::host
