// EngineGroup: how it finds engines that hang, fail or overrun, and threads that starve or are
// starved.

#include <time.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engines/runtime/engine_group_parts.h"

namespace farrier::runtime {
namespace {

constexpr Nanoseconds kTellOverrunsEvery = kSecond;

// For how long after the last thread woke the group counts as at work: long enough that a thread
// which wakes now and then need not wake the watchdog each time.
constexpr Nanoseconds kAtWorkFor = 250 * kMillisecond;

double Milliseconds(Nanoseconds time) { return static_cast<double>(time) / kMillisecond; }

// CPU time of another thread.
Nanoseconds CpuTime(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

// Whether a thread sleeps, rather than runs or waits for a CPU: proc(5), the state in
// /proc/.../stat, behind the name in parentheses.
bool IsAsleep(pid_t tid) {
  std::ifstream stat(absl::StrCat("/proc/self/task/", tid, "/stat"));
  std::string line;
  std::getline(stat, line);
  const size_t name_end = line.rfind(')');
  return name_end != std::string::npos && name_end + 2 < line.size() && line[name_end + 2] != 'R';
}

}  // namespace

// False: all threads have long slept, and nothing happens before one wakes.
bool EngineGroup::Inspect() {
  std::lock_guard<std::mutex> tables(tables_);
  const Nanoseconds now = environment_.clock->Now();
  bool any_awake = false;
  uint64_t sleeps = 0;
  const auto inspect = [&](Formation& formation) {
    // Rescue may add threads.
    for (size_t i = 0; i < formation.threads.size(); ++i) {
      Thread& thread = *formation.threads[i];
      const WorkerFigures& figures = thread.worker->figures();
      InspectThread(formation, thread, now);
      any_awake |= !figures.asleep.load() ||
                   (thread.grant.obtained == ThreadClass::kDeadline && thread.lost.suspects());
      sleeps += figures.sleeps.load();
    }
  };
  for (const std::unique_ptr<Formation>& formation : retired_) inspect(*formation);
  if (formation_ != nullptr) inspect(*formation_);
  for (const std::unique_ptr<Member>& member : members_) InspectEngine(*member, now);
  if (any_awake || std::exchange(sleeps_seen_, sleeps) != sleeps) at_work_until_ = now + kAtWorkFor;
  const bool at_work = now < at_work_until_;
  const bool keep = at_work && formation_ != nullptr && Sleeps(formation_->options.mode);
  idle_exit_.Set(keep ? formation_->options.idle_exit : std::nullopt);
  return at_work;
}

void EngineGroup::InspectThread(Formation& formation, Thread& thread, Nanoseconds now) {
  Worker& worker = *thread.worker;
  const Nanoseconds cpu = CpuTime(worker.cpu_clock());
  if (worker.quarantined()) {
    Rescue(formation, thread, worker.TakePushed());
    return;
  }
  ThreadClassRequest request = worker.options().thread_class;
  request.best = std::min(request.best, ThreadClass::kFifo);
  if (thread.grant.obtained == ThreadClass::kDeadline &&
      thread.lost.Check(now, cpu, [&] { return IsAsleep(worker.tid()); })) {
    thread.grant = SetThreadClass(worker.tid(), request);
    thread.grant.why = "SCHED_DEADLINE: the kernel did not run the thread any more";
  }
  if (thread.grant.obtained == ThreadClass::kFifo) {
    if (thread.demoted) {
      thread.demoted = false;
      SetThreadClass(worker.tid(), request);
    } else if (thread.starvation.Check(now, cpu)) {
      thread.demoted = true;
      ++thread.throttled;
      SetThreadClass(worker.tid(), {.best = ThreadClass::kNice});
    }
  }
  const PollGuard::Reading reading = worker.guard().Read();
  const StuckDetector::Verdict verdict =
      thread.stuck.Check(now, reading, cpu, [&] { return IsAsleep(worker.tid()); });
  if (verdict == StuckDetector::Verdict::kFine) return;
  std::vector<EngineSlot*> others;
  if (!worker.Quarantine(reading, others)) return;
  // What it has when it comes out (Worker): never SCHED_DEADLINE again.
  if (thread.grant.obtained == ThreadClass::kDeadline) {
    thread.grant = {.obtained = ThreadClass::kFifo,
                    .why = "SCHED_DEADLINE: not again after a hang"};
  }
  for (const std::unique_ptr<Member>& member : members_) {
    if (&member->slot == reading.slot) member->told = EngineCondition::kHung;
  }
  Tell(EngineEvent::Kind::kHung, *reading.slot,
       absl::StrFormat("for %.0f ms its thread %s (%d) has not come out of it: it %s; %d "
                       "neighbours go on elsewhere",
                       Milliseconds(thread.stuck.time_in(now)), worker.options().name, worker.tid(),
                       verdict == StuckDetector::Verdict::kSpins ? "spins" : "is asleep",
                       others.size()));
  Rescue(formation, thread, std::move(others));
}

// Finds a thread for engines that were taken from `from`, or else makes one.
void EngineGroup::Rescue(Formation& formation, const Thread& from,
                         std::vector<EngineSlot*> engines) {
  if (engines.empty()) return;
  Worker* to = nullptr;
  if (formation.options.mode == GroupMode::kCompacting) {
    const absl::StatusOr<Worker*> place = Place(formation);
    if (place.ok() && !(*place)->quarantined()) to = *place;
  }
  if (to == nullptr) {
    absl::StatusOr<Worker*> own = AddThread(formation, from.worker->options().cpus);
    // Without threads there is only the one that is stuck, until it comes out.
    to = own.ok() ? *own : from.worker.get();
  }
  for (EngineSlot* slot : engines) to->Push(*slot);
}

void EngineGroup::InspectEngine(Member& member, Nanoseconds now) {
  EngineSlot& slot = member.slot;
  const EngineCondition condition = slot.condition.load();
  if (condition != member.told) {
    if (condition == EngineCondition::kFailed) {
      Tell(EngineEvent::Kind::kFailed, slot, absl::StrCat("it threw: ", slot.failure));
    } else if (condition == EngineCondition::kRunning) {
      Tell(EngineEvent::Kind::kReturned, slot, "it is polled again");
    }
    member.told = condition;
  }
  const uint64_t overruns = slot.overruns.load();
  if (overruns == member.overruns_told || now - member.overruns_told_at < kTellOverrunsEvery) {
    return;
  }
  Tell(EngineEvent::Kind::kOverran, slot,
       absl::StrFormat("%d polls were longer than the limit, %d of them asleep; the longest so far "
                       "took %.1f ms",
                       overruns - member.overruns_told, slot.blocks.load(),
                       Milliseconds(slot.longest_poll.load())));
  member.overruns_told = overruns;
  member.overruns_told_at = now;
}

void EngineGroup::Tell(EngineEvent::Kind kind, const EngineSlot& slot, std::string detail) {
  if (environment_.on_event) {
    environment_.on_event({.kind = kind, .engine = slot.name, .detail = std::move(detail)});
  }
}

}  // namespace farrier::runtime
