#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "upgrade/new_side.h"
#include "upgrade/old_side.h"
#include "upgrade/side.h"

namespace farrier::upgrade::testing {

// A card's rows, an old and a new process with engines that count, and everything that is under
// way between them. Each thing under way happens at a time of its own, in an order drawn from the
// seed: only messages, and the work on engines, keep theirs. So the two sides meet whatever a
// real machine can bring about. At each step it is checked that no engine runs in two processes and
// none runs in a process that does not have its row.
class World {
 public:
  enum Who { kOld = 0, kNew = 1 };

  struct Options {
    uint64_t seed = 1;
    EngineIndex engines = 2;
    OldSideOptions old_side;
    NewSideOptions new_side;
    double row_failures = 0;  // chance of the card not answering; a write may have got through
    // Fails an action when it says so (the process whose, the action).
    std::function<bool(Who, const Action&)> fails = [](Who, const Action&) { return false; };
  };

  explicit World(Options options);

  // Begins a hand-over from the process on `function` to one on the other function.
  void Begin();

  // Does one thing; false if nothing is left but to wait for ever.
  bool Step();
  // Steps until both have ended or died; false if that takes too long.
  bool Run();

  // Just before the victim does its `nth` thing, it dies, or hangs. -1 = never.
  void DieAt(Who victim, int nth) { processes_[victim].dies_at = nth; }
  void HangAt(Who victim, int nth) { processes_[victim].hangs_at = nth; }
  void Wake(Who who);  // as by SIGCONT

  bool alive(Who who) const { return processes_[who].alive; }
  bool hung(Who who) const { return processes_[who].hung; }
  bool reached(Who who, int nth) const { return processes_[who].things > nth; }
  const Side& side(Who who) const { return *processes_[who].side; }

  // The engine runs in that process and nowhere else, which has its row, ATTACHED.
  bool RunsIn(Who who, EngineIndex engine) const;
  // It has all that it ever counted.
  bool IsWhole(EngineIndex engine) const;
  // Has started empty, ever.
  bool WasRecovered(EngineIndex engine) const { return fresh_starts_[engine] > 0; }

  // At the time somebody died:
  bool RowWasOf(Who who, EngineIndex engine) const { return at_death_[engine].row_of == who; }
  bool DeltaWasSent(EngineIndex engine) const { return at_death_[engine].delta_sent; }
  bool PrepareWasSent() const { return prepare_was_sent_; }

  Nanoseconds now() const { return now_; }
  const std::vector<std::string>& errors() const { return errors_; }

  // After a hand-over that is over: the next goes the other way if it was completed.
  void NextRound();

  OldSideOptions& old_side() { return options_.old_side; }
  NewSideOptions& new_side() { return options_.new_side; }
  Options& options() { return options_; }

 private:
  struct CardRow {
    RowState state = RowState::kAttached;
    int function = 0;
    uint16_t generation = 4094;  // wraps soon
  };
  struct Engine {
    bool exists = false;
    bool running = false;
    bool snapshot_restored = false;
    uint16_t generation = 0;
    uint64_t count = 0;
    int parts_left = 0;  // of the snapshot
  };
  struct Pending {
    Action action;
    bool done = false;  // took effect; the answer is under way
    Event answer;
  };
  struct Process {
    std::unique_ptr<Side> side;
    int function = 0;
    bool alive = false;
    bool hung = false;
    bool told_gone = false;
    int things = 0;
    int dies_at = -1;
    int hangs_at = -1;
    std::deque<Message> inbox;
    std::vector<Pending> pending;
    std::vector<Engine> engines;
  };
  struct AtDeath {
    int row_of = kOld;
    bool delta_sent = false;
  };

  bool IsReady(const Process& process, size_t index) const;
  void Do(Who who, size_t pending);
  bool MayDie(Who who);
  void Tell(Who who, Event event);
  void Take(Who who, Actions actions);
  void TakeEffect(Who who, Pending& pending);
  std::optional<Row> Look(Who who, EngineIndex engine);
  void Die(Who who);
  void Tick();
  void Check();
  bool Chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }

  Options options_;
  std::mt19937_64 random_;
  Nanoseconds now_ = 1;
  Process processes_[2];
  std::vector<CardRow> rows_;
  std::vector<uint64_t> truth_;  // what each engine ever counted since it last started empty
  std::vector<int> fresh_starts_;
  std::vector<AtDeath> at_death_;
  std::vector<bool> delta_sent_;
  bool prepare_sent_ = false;
  bool prepare_was_sent_ = false;
  std::vector<std::string> errors_;
};

}  // namespace farrier::upgrade::testing
