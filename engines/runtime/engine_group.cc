#include "engines/runtime/engine_group.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engines/runtime/engine_group_parts.h"
#include "engines/runtime/placement.h"

namespace farrier::runtime {
namespace {

constexpr Nanoseconds kTick = 10 * kMillisecond;
constexpr Nanoseconds kReportPatience = 20 * kMillisecond;

}  // namespace

absl::StatusOr<std::unique_ptr<EngineGroup>> EngineGroup::Start(std::string name,
                                                                GroupOptions options,
                                                                GroupEnvironment environment) {
  if (environment.clock == nullptr || environment.cycles == nullptr ||
      environment.meter == nullptr) {
    return absl::InvalidArgumentError("an engine group needs clock, cycles and meter");
  }
  auto group =
      std::unique_ptr<EngineGroup>(new EngineGroup(std::move(name), std::move(environment)));
  absl::StatusOr<std::unique_ptr<Ticker>> watchdog =
      Ticker::Start({.name = absl::StrCat(group->name_, "-watch"),
                     .period = kTick,
                     // Ahead of the threads that it watches.
                     .thread_class = {.best = ThreadClass::kFifo, .fifo_priority = 11},
                     .tick = [group = group.get()] { return group->Inspect(); }});
  if (!watchdog.ok()) return watchdog.status();
  group->watchdog_ = *std::move(watchdog);
  absl::StatusOr<std::unique_ptr<Formation>> formation = group->Form(options);
  if (!formation.ok()) return formation.status();
  {
    std::lock_guard<std::mutex> tables(group->tables_);
    group->formation_ = *std::move(formation);
  }
  group->watchdog_->Wake();
  return group;
}

EngineGroup::EngineGroup(std::string name, GroupEnvironment environment)
    : name_(std::move(name)), environment_(std::move(environment)) {}

EngineGroup::~EngineGroup() {
  for (const std::unique_ptr<Member>& member : members_) TakeOut(*member).IgnoreError();
  std::vector<std::unique_ptr<Formation>> formations;
  {
    std::lock_guard<std::mutex> tables(tables_);
    formations = std::move(retired_);
    if (formation_ != nullptr) formations.push_back(std::move(formation_));
  }
  for (std::unique_ptr<Formation>& formation : formations) End(std::move(formation));
  watchdog_.reset();  // until here threads wake it
}

// ---- Threads.

absl::StatusOr<std::unique_ptr<Worker>> EngineGroup::MakeWorker(const Formation& formation,
                                                                std::vector<int> cores) {
  const GroupOptions& options = formation.options;
  const int number = next_thread_.fetch_add(1);
  WorkerOptions worker{.name = absl::StrCat(name_, "-", number),
                       .number = number,
                       .clock = environment_.clock,
                       .loop = {.cycles = environment_.cycles,
                                .meter = environment_.meter,
                                .poll_limit = options.poll_limit},
                       .cpus = std::move(cores),
                       .node = options.node,
                       .thread_class = ThreadClassOf(options),
                       .sleeps = Sleeps(options.mode),
                       .max_spin = options.max_spin,
                       .on_wake = [this] { watchdog_->Wake(); },
                       .on_thread_start = environment_.on_thread_start,
                       .on_thread_end = environment_.on_thread_end};
  return Worker::Create(std::move(worker));
}

absl::StatusOr<std::unique_ptr<EngineGroup::Formation>> EngineGroup::Form(
    const GroupOptions& options) {
  if (absl::Status valid = Validate(options); !valid.ok()) return valid;
  absl::StatusOr<std::vector<int>> cores =
      ChooseCpus(environment_.topology, options.cores, options.node);
  if (!cores.ok()) return cores.status();
  auto formation = std::make_unique<Formation>();
  formation->options = options;
  formation->cores = *std::move(cores);
  if (options.mode == GroupMode::kSpreading) {
    const size_t count = std::max<size_t>(members_.size(), options.threads);
    for (size_t i = 0; i < count; ++i) {
      if (absl::Status added = AddThread(*formation, formation->cores).status(); !added.ok()) {
        return added;
      }
    }
    return formation;
  }
  const size_t count = options.threads > 0 ? options.threads : formation->cores.size();
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Worker*> peers;
  for (size_t i = 0; i < count; ++i) {
    std::vector<int> own = formation->cores;
    if (options.mode == GroupMode::kDedicating) own = {own[i % own.size()]};
    absl::StatusOr<std::unique_ptr<Worker>> worker = MakeWorker(*formation, std::move(own));
    if (!worker.ok()) return worker.status();
    workers.push_back(*std::move(worker));
    peers.push_back(workers.back().get());
  }
  if (options.mode == GroupMode::kCompacting) {
    formation->compaction = std::make_unique<Compaction>(options.delay_target);
    for (Worker* worker : peers) worker->SetPeers(peers, *formation->compaction);
  }
  for (std::unique_ptr<Worker>& worker : workers) {
    if (absl::Status started = worker->Start(); !started.ok()) return started;
    formation->threads.push_back(std::make_unique<Thread>(std::move(worker), options.hang_limit));
  }
  return formation;
}

// A thread beside those that the mode has from the beginning.
absl::StatusOr<Worker*> EngineGroup::AddThread(Formation& formation, std::vector<int> cores) {
  absl::StatusOr<std::unique_ptr<Worker>> made = MakeWorker(formation, std::move(cores));
  if (!made.ok()) return made.status();
  if (absl::Status started = (*made)->Start(); !started.ok()) return started;
  Worker* const worker = made->get();
  auto thread = std::make_unique<Thread>(*std::move(made), formation.options.hang_limit);
  formation.threads.push_back(std::move(thread));
  return worker;
}

// Ends the threads of a formation that engines have left; waits for those that are stuck.
void EngineGroup::End(std::unique_ptr<Formation> formation) {
  for (const std::unique_ptr<Thread>& thread : formation->threads) thread->worker->StopMoving();
  // A thread may be about to hand its engine to another one. Not after this.
  for (const std::unique_ptr<Thread>& thread : formation->threads) {
    thread->worker->Run([] {}, kNever).IgnoreError();
  }
}

// ---- Engines.

absl::Status EngineGroup::Add(Engine& engine, Mailbox& mailbox, std::string name, int weight) {
  std::lock_guard<std::mutex> control(control_);
  if (Find(engine) != nullptr) {
    return absl::AlreadyExistsError(
        absl::StrCat("engine ", name, " is in group ", name_, " already"));
  }
  if (weight < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weight of engine ", name, " is ", weight, ", and must be at least 1"));
  }
  auto member = std::make_unique<Member>(std::move(name), engine, mailbox, weight);
  std::lock_guard<std::mutex> tables(tables_);
  absl::StatusOr<Worker*> worker = Place(*formation_);
  if (!worker.ok()) return worker.status();
  mailbox.Open();
  members_.push_back(std::move(member));
  (*worker)->Push(members_.back()->slot);
  watchdog_->Wake();
  return absl::OkStatus();
}

// Whether an engine was handed to the thread last.
bool EngineGroup::InUse(const Thread& thread) const {
  return std::any_of(members_.begin(), members_.end(), [&](const auto& member) {
    return member->slot.worker.load() == thread.worker.get();
  });
}

// A thread of the formation for an engine, made if need be.
absl::StatusOr<Worker*> EngineGroup::Place(Formation& formation) {
  std::vector<ThreadPlace> places;
  for (const std::unique_ptr<Thread>& thread : formation.threads) {
    ThreadPlace& place = places.emplace_back(ThreadPlace{.stuck = thread->worker->quarantined()});
    for (const std::unique_ptr<Member>& member : members_) {
      if (member->slot.worker == thread->worker.get()) place.weight += member->weight;
    }
  }
  const size_t index = PlaceEngine(formation.options.mode, places);
  if (index == places.size()) return AddThread(formation, formation.cores);
  return formation.threads[index]->worker.get();
}

EngineGroup::Member* EngineGroup::Find(const Engine& engine) const {
  for (const std::unique_ptr<Member>& member : members_) {
    if (&member->slot.engine == &engine) return member.get();
  }
  return nullptr;
}

absl::Status EngineGroup::TakeOut(Member& member) {
  EngineSlot& slot = member.slot;
  absl::Status status = absl::OkStatus();
  if (slot.condition.load() != EngineCondition::kFailed) {
    status = slot.mailbox.Run(
        [&] {
          slot.worker.load()->Drop(slot);
          slot.mailbox.Close();
        },
        environment_.control_timeout);
  }
  switch (slot.condition.load()) {
    case EngineCondition::kFailed:
      return absl::OkStatus();
    case EngineCondition::kHung:
      return absl::DeadlineExceededError(
          absl::StrCat("engine ", slot.name, " hangs: its thread does not come out of it"));
    case EngineCondition::kRunning:
      break;
  }
  return status;
}

absl::Status EngineGroup::Remove(Engine& engine) {
  std::lock_guard<std::mutex> control(control_);
  Member* const member = Find(engine);
  if (member == nullptr) {
    return absl::NotFoundError(absl::StrCat("engine is not in group ", name_));
  }
  if (absl::Status out = TakeOut(*member); !out.ok()) return out;
  std::unique_ptr<Thread> unneeded;
  {
    std::lock_guard<std::mutex> tables(tables_);
    std::erase_if(members_, [&](const auto& each) { return each.get() == member; });
    std::vector<std::unique_ptr<Thread>>& threads = formation_->threads;
    const GroupOptions& options = formation_->options;
    if (options.mode == GroupMode::kSpreading &&
        threads.size() > static_cast<size_t>(options.threads)) {
      const auto thread = std::find_if(threads.begin(), threads.end(),
                                       [&](const auto& each) { return !InUse(*each); });
      if (thread != threads.end()) {
        unneeded = std::move(*thread);
        threads.erase(thread);
      }
    }
  }
  unneeded.reset();
  EndRetired();
  return absl::OkStatus();
}

absl::Status EngineGroup::Reconfigure(GroupOptions options) {
  std::lock_guard<std::mutex> control(control_);
  absl::StatusOr<std::unique_ptr<Formation>> formed = Form(options);
  if (!formed.ok()) return formed.status();
  {
    std::lock_guard<std::mutex> tables(tables_);
    retired_.push_back(std::exchange(formation_, *std::move(formed)));
  }
  watchdog_->Wake();
  absl::Status result = absl::OkStatus();
  for (const std::unique_ptr<Member>& member : members_) {
    EngineSlot& slot = member->slot;
    if (slot.condition.load() != EngineCondition::kRunning) continue;
    const absl::StatusOr<Worker*> to = [&] {
      std::lock_guard<std::mutex> tables(tables_);
      return Place(*formation_);
    }();
    if (!to.ok()) {
      result = to.status();
      continue;
    }
    const absl::Status moved = slot.mailbox.Run([&] { slot.worker.load()->Send(slot, **to); },
                                                environment_.control_timeout);
    if (!moved.ok() && slot.condition.load() == EngineCondition::kRunning) {
      result = absl::DeadlineExceededError(
          absl::StrCat("engine ", slot.name, " stays on its old thread, which does not answer"));
    }
  }
  EndRetired();
  return result;
}

// Ends the threads of earlier formations, but for those that still have engines: such that hang.
void EngineGroup::EndRetired() {
  std::vector<std::unique_ptr<Formation>> empty;
  {
    std::lock_guard<std::mutex> tables(tables_);
    for (std::unique_ptr<Formation>& formation : retired_) {
      const bool in_use = std::any_of(formation->threads.begin(), formation->threads.end(),
                                      [&](const auto& thread) { return InUse(*thread); });
      if (!in_use) empty.push_back(std::move(formation));
    }
    std::erase(retired_, nullptr);
  }
  for (std::unique_ptr<Formation>& formation : empty) End(std::move(formation));
}

// ---- Reports.

GroupReport EngineGroup::Report() {
  std::lock_guard<std::mutex> control(control_);
  GroupReport report{.name = name_, .options = formation_->options};
  std::vector<Thread*> threads;
  {
    std::lock_guard<std::mutex> tables(tables_);
    for (const std::unique_ptr<Formation>& formation : retired_) {
      for (const std::unique_ptr<Thread>& thread : formation->threads)
        threads.push_back(thread.get());
    }
    for (const std::unique_ptr<Thread>& thread : formation_->threads)
      threads.push_back(thread.get());
  }
  for (Thread* thread : threads) {
    Worker& worker = *thread->worker;
    if (worker.quarantined()) continue;
    worker.Run([&] { worker.Account(); }, kReportPatience).IgnoreError();
  }
  std::lock_guard<std::mutex> tables(tables_);
  report.idle_exit_why = idle_exit_.why();
  for (const Thread* thread : threads) {
    const Worker& worker = *thread->worker;
    const WorkerFigures& figures = worker.figures();
    report.threads.push_back({.number = worker.number(),
                              .tid = worker.tid(),
                              .name = worker.options().name,
                              .thread_class = thread->grant.obtained,
                              .why = thread->grant.why,
                              .cpus = worker.options().cpus,
                              .load = figures.load.load(),
                              .cpu = figures.cpu.load(),
                              .engines = figures.engines.load(),
                              .sleeps = figures.sleeps.load(),
                              .throttled = thread->throttled,
                              .stuck = worker.quarantined()});
  }
  for (const std::unique_ptr<Member>& member : members_) {
    report.engines.push_back(ReportOf(member->slot));
  }
  return report;
}

absl::StatusOr<EngineReport> EngineGroup::Report(const Engine& engine) {
  std::lock_guard<std::mutex> control(control_);
  Member* const member = Find(engine);
  if (member == nullptr) {
    return absl::NotFoundError(absl::StrCat("engine is not in group ", name_));
  }
  EngineSlot& slot = member->slot;
  slot.mailbox.Run([&] { slot.worker.load()->Account(); }, environment_.control_timeout)
      .IgnoreError();
  return ReportOf(slot);
}

EngineReport EngineGroup::ReportOf(const EngineSlot& slot) {
  const EngineCondition condition = slot.condition.load();
  return {.name = slot.name,
          .condition = condition,
          .failure = condition == EngineCondition::kFailed ? slot.failure : "",
          .thread = condition == EngineCondition::kFailed ? -1 : slot.worker.load()->number(),
          .load = slot.load.load(),
          .delay = slot.peak_delay.load(),
          .longest_delay = slot.longest_delay.load(),
          .cpu = slot.cpu.load(),
          .polls = slot.polls.load(),
          .inputs = slot.inputs.load(),
          .overruns = slot.overruns.load(),
          .blocks = slot.blocks.load(),
          .longest_poll = slot.longest_poll.load(),
          .migrations = slot.migrations.load(),
          .last_migration = slot.last_migration.load()};
}

}  // namespace farrier::runtime
