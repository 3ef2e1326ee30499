#include "upgrade/testing/world.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace farrier::upgrade::testing {
namespace {

constexpr int kManySteps = 200'000;

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

// The engine an action is about; -1 if none.
int64_t EngineOf(const Action& action) {
  return std::visit(
      [](const auto& a) -> int64_t {
        if constexpr (requires { a.engine; }) return a.engine;
        return -1;
      },
      action);
}

Records Counted(uint64_t count) {
  Records records;
  Record& record = *records.Add();
  record.set_kind("counter");
  record.set_schema(1);
  record.set_bytes(absl::StrCat(count));
  return records;
}

}  // namespace

World::World(Options options)
    : options_(std::move(options)),
      random_(options_.seed),
      rows_(options_.engines),
      truth_(options_.engines),
      fresh_starts_(options_.engines) {
  options_.old_side.build = "1.0";
  options_.old_side.engines.resize(options_.engines);
  options_.old_side.kinds = {{"counter", 1}};
  options_.new_side.build = "2.0";
  if (options_.new_side.kinds.empty()) {
    VersionRange& schemas = options_.new_side.kinds["counter"];
    schemas.set_oldest(1);
    schemas.set_newest(1);
  }
  Process& old_one = processes_[kOld];
  old_one.alive = true;
  old_one.engines.resize(options_.engines);
  for (Engine& engine : old_one.engines) {
    engine = {.exists = true, .running = true, .generation = rows_[0].generation};
  }
}

void World::Begin() {
  Process& old_one = processes_[kOld];
  Process& new_one = processes_[kNew];
  old_one.side = MakeOldSide(options_.old_side);
  new_one = Process{};
  new_one.function = 1 - old_one.function;
  new_one.alive = true;
  new_one.engines.resize(options_.engines);
  new_one.side = MakeNewSide(options_.new_side);
  delta_sent_.assign(options_.engines, false);
  prepare_sent_ = prepare_was_sent_ = false;
  at_death_.assign(options_.engines, {});
  Take(kOld, old_one.side->Start(now_));
  Take(kNew, new_one.side->Start(now_));
}

void World::NextRound() {
  if (side(kNew).outcome() == Outcome::kCompleted) {
    if (processes_[kOld].alive) Die(kOld);
    std::swap(processes_[kOld], processes_[kNew]);
  }
  Process& old_one = processes_[kOld];
  old_one.inbox.clear();
  old_one.pending.clear();
  old_one.told_gone = false;
  old_one.things = 0;
  Begin();
}

bool World::Run() {
  for (int i = 0; i < kManySteps; ++i) {
    if (!Step()) return true;
  }
  errors_.push_back("it does not end");
  return false;
}

bool World::Step() {
  now_ += std::uniform_int_distribution<Nanoseconds>(1, 100 * runtime::kMicrosecond)(random_);
  if (Chance(0.2)) Tick();
  // What can happen now: (who, which of its pending things; -1 = a message or the end of them).
  std::vector<std::pair<Who, int>> choices;
  bool under_way = false;
  Nanoseconds deadline = runtime::kNever;
  for (const Who who : {kOld, kNew}) {
    Process& process = processes_[who];
    if (!process.alive || process.hung || process.side->outcome() != Outcome::kUnderWay) continue;
    under_way = true;
    deadline = std::min(deadline, process.side->NextDeadline());
    const bool gone = !processes_[1 - who].alive && !process.told_gone;
    if (!process.inbox.empty() || gone) choices.emplace_back(who, -1);
    for (size_t i = 0; i < process.pending.size(); ++i) {
      if (IsReady(process, i)) choices.emplace_back(who, static_cast<int>(i));
    }
    if (now_ >= process.side->NextDeadline()) {
      Tell(who, Timeout{});
      Check();
      return true;
    }
  }
  if (!under_way) return false;
  if (choices.empty()) {
    if (deadline == runtime::kNever) {
      errors_.push_back("a process waits for ever");
      return false;
    }
    now_ = std::max(now_, deadline);
    return true;
  }
  const auto [who, which] =
      choices[std::uniform_int_distribution<size_t>(0, choices.size() - 1)(random_)];
  if (MayDie(who)) return true;
  Process& process = processes_[who];
  if (which >= 0) {
    Do(who, which);
  } else if (!process.inbox.empty()) {
    Message message = std::move(process.inbox.front());
    process.inbox.pop_front();
    Tell(who, PeerSaid{std::move(message)});
  } else {
    process.told_gone = true;
    Tell(who, PeerGone{});
  }
  Check();
  return true;
}

bool World::MayDie(Who who) {
  Process& process = processes_[who];
  const int thing = process.things++;
  if (thing == process.hangs_at) process.hung = true;
  if (thing == process.dies_at) Die(who);
  return process.hung || !process.alive;
}

// One control thread works on the engines, in order; whatever else is under way comes as it will.
bool World::IsReady(const Process& process, size_t index) const {
  const auto works_on_engine = [](const Pending& pending) {
    return std::holds_alternative<StopEngine>(pending.action) ||
           std::holds_alternative<TakeDelta>(pending.action) ||
           std::holds_alternative<ResumeEngine>(pending.action) ||
           std::holds_alternative<Restore>(pending.action) ||
           std::holds_alternative<StartEngine>(pending.action) ||
           std::holds_alternative<StartFresh>(pending.action);
  };
  const auto begin = process.pending.begin();
  return !works_on_engine(process.pending[index]) ||
         std::none_of(begin, begin + index, works_on_engine);
}

void World::Do(Who who, size_t index) {
  Process& process = processes_[who];
  Pending& pending = process.pending[index];
  if (!pending.done) {
    pending.done = true;
    TakeEffect(who, pending);
    return;
  }
  Event answer = std::move(pending.answer);
  if (auto* row = std::get_if<RowIs>(&answer)) row->row = Look(who, row->engine);
  process.pending.erase(process.pending.begin() + index);
  Tell(who, std::move(answer));
}

void World::Tell(Who who, Event event) {
  Take(who, processes_[who].side->On(std::move(event), now_));
  // A new process that gave up, and an old one that has nothing left, exit.
  const Outcome outcome = side(who).outcome();
  if (outcome == (who == kOld ? Outcome::kCompleted : Outcome::kGivenUp)) Die(who);
}

void World::Take(Who who, Actions actions) {
  Process& process = processes_[who];
  for (Action& action : actions) {
    if (auto* send = std::get_if<Send>(&action)) {
      if (send->message.has_delta()) delta_sent_[send->message.delta().engine()] = true;
      if (send->message.has_prepare()) prepare_sent_ = true;
      if (processes_[1 - who].alive) {
        processes_[1 - who].inbox.push_back(std::move(send->message));
      }
    } else if (auto* release = std::get_if<ReleaseEngine>(&action)) {
      process.engines[release->engine] = {};
    } else if (!std::holds_alternative<DropSnapshot>(action) &&
               !std::holds_alternative<Serve>(action)) {
      process.pending.push_back({.action = std::move(action)});
    }
  }
}

std::optional<Row> World::Look(Who who, EngineIndex engine) {
  if (Chance(options_.row_failures)) return std::nullopt;
  const CardRow& row = rows_[engine];
  return Row{.state = row.state,
             .mine = row.function == processes_[who].function,
             .generation = row.generation};
}

void World::TakeEffect(Who who, Pending& pending) {
  Process& process = processes_[who];
  const int64_t index = EngineOf(pending.action);
  Engine unused;
  Engine& engine = index < 0 ? unused : process.engines[index];
  const auto about = static_cast<EngineIndex>(index);
  if (options_.fails(who, pending.action)) {
    pending.answer = Failed{.status = absl::InternalError("injected")};
    if (index >= 0) std::get<Failed>(pending.answer).engine = about;
    return;
  }
  const auto run = [&](uint16_t generation) {
    engine.exists = engine.running = true;
    engine.generation = generation;
    pending.answer = EngineRuns{about};
  };
  std::visit(
      Overloaded{
          [&](KillPeer&) {
            if (processes_[1 - who].alive) Die(static_cast<Who>(1 - who));
            pending.answer = PeerExited{};
          },
          [&](ReadRow&) {
            pending.answer = RowIs{about, std::nullopt};
          },
          [&](WriteRow& write) {
            pending.answer = RowIs{about, std::nullopt};
            CardRow& row = rows_[index];
            if (Chance(options_.row_failures)) return;  // did not get through
            if (write.expected_generation != row.generation) return;
            row.state = write.state;
            row.function = process.function;
            if (write.state == RowState::kAttached) {
              row.generation = NextGeneration(row.generation);
            }
          },
          [&](SendAttachments&) { pending.answer = AttachmentsSent{}; },
          [&](TakeSnapshot&) {
            if (engine.parts_left == 0) engine.parts_left = 3;
            pending.answer = SnapshotTaken{about, Counted(engine.count), --engine.parts_left == 0};
          },
          [&](AwaitMark&) { pending.answer = MarkSeen{about}; },
          [&](StopEngine&) {
            engine.running = false;
            pending.answer = EngineStopped{about};
          },
          [&](TakeDelta&) {
            if (engine.running) errors_.push_back("delta of a running engine");
            pending.answer = DeltaTaken{about, Counted(engine.count)};
          },
          [&](AwaitTxDrained&) { pending.answer = TxDrainedOut{about}; },
          [&](ResumeEngine& resume) { run(resume.generation); },
          [&](AcceptAttachment&) {},
          [&](PrepareEngines&) { pending.answer = EnginesPrepared{}; },
          [&](Restore& restore) {
            engine.exists = true;
            if (engine.running) errors_.push_back("restoring a running engine");
            for (const Record& record : restore.records) {
              engine.count = std::stoull(record.bytes());
            }
            pending.answer = Restored{about};
          },
          [&](StartEngine& start) { run(start.generation); },
          [&](StartFresh& start) {
            engine.count = truth_[index] = 0;
            ++fresh_starts_[index];
            run(start.generation);
          },
          [&](auto&) { errors_.push_back("an action that is not awaited"); },
      },
      pending.action);
}

void World::Die(Who who) {
  Process& process = processes_[who];
  process.alive = process.hung = false;
  process.pending.clear();
  process.inbox.clear();
  process.engines.assign(options_.engines, {});
  prepare_was_sent_ = prepare_sent_;
  for (EngineIndex i = 0; i < options_.engines; ++i) {
    at_death_[i] = {.row_of = rows_[i].function == processes_[kOld].function ? kOld : kNew,
                    .delta_sent = delta_sent_[i]};
  }
}

void World::Wake(Who who) {
  processes_[who].hung = false;
  processes_[who].hangs_at = -1;
}

// Every engine that gets packets counts one.
void World::Tick() {
  for (Process& process : processes_) {
    if (!process.alive || process.hung) continue;
    for (EngineIndex i = 0; i < process.engines.size(); ++i) {
      const CardRow& row = rows_[i];
      Engine& engine = process.engines[i];
      if (!engine.running || row.state != RowState::kAttached || row.function != process.function ||
          row.generation != engine.generation) {
        continue;
      }
      ++engine.count;
      ++truth_[i];
    }
  }
}

void World::Check() {
  for (EngineIndex i = 0; i < options_.engines; ++i) {
    int running = 0;
    for (const Process& process : processes_) {
      if (!process.alive || !process.engines[i].running) continue;
      ++running;
      if (rows_[i].function != process.function) {
        errors_.push_back(absl::StrCat("engine ", i, " runs where its row is not"));
      }
    }
    if (running > 1) errors_.push_back(absl::StrCat("engine ", i, " runs twice"));
  }
}

bool World::RunsIn(Who who, EngineIndex engine) const {
  const Process& process = processes_[who];
  const Process& other = processes_[1 - who];
  const CardRow& row = rows_[engine];
  return process.alive && process.engines[engine].running &&
         process.engines[engine].generation == row.generation && row.function == process.function &&
         row.state == RowState::kAttached && (!other.alive || !other.engines[engine].running);
}

bool World::IsWhole(EngineIndex engine) const {
  for (const Process& process : processes_) {
    if (process.alive && process.engines[engine].running) {
      return process.engines[engine].count == truth_[engine];
    }
  }
  return false;
}

}  // namespace farrier::upgrade::testing
