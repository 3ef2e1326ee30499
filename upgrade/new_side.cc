#include "upgrade/new_side.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "upgrade/old_side.h"

namespace farrier::upgrade {
namespace {

using runtime::kNever;

// Of a limit that the old side names.
constexpr Nanoseconds kMaxPatience = 60 * runtime::kSecond;

enum class State {
  kGreeting,    // awaits Welcome
  kReceiving,   // attachments come; awaits Prepare
  kPreparing,   // ports and empty engines are brought up
  kMoving,      // snapshots, then engines, come
  kRefused,     // gave up but has engines: the old side will kill it
  kKilling,     // the old one is gone or silent; awaits its exit
  kTakingOver,  // wins what is left
  kOver,
};

// Where an engine is.
enum class Place {
  kRemote,         // with the old side, as far as is known; parts of its state may be here
  kCommitting,     // state complete; ATTACHED was written
  kReading,        // to be started empty: which generation has its row?
  kSeizing,        // to be started empty: ATTACHED was written
  kStarting,       // row won
  kStartingFresh,  // row won, to be started empty
  kHere,
};

struct EngineState {
  Place place = Place::kRemote;
  int restoring = 0;            // Restore actions under way
  bool snapshot_whole = false;  // the last part has come
  bool snapshot_restored = false;
  bool delta = false;  // has come
  bool drained = false;
  bool broken = false;            // the state here is of no use
  uint16_t generation = 0;        // that the row must have
  Nanoseconds retry_at = kNever;  // of a row that could not be asked
};

class NewSide final : public Side {
 public:
  explicit NewSide(NewSideOptions options)
      : options_(std::move(options)), blackout_silence_(options_.blackout_silence) {
    report_.set_build_after(options_.build);
  }

  Actions Start(Nanoseconds now) override {
    now_ = now;
    report_.set_began_at(now);
    Send send;
    Hello& hello = *send.message.mutable_hello();
    hello.mutable_protocol()->set_oldest(kOldestProtocol);
    hello.mutable_protocol()->set_newest(kNewestProtocol);
    hello.set_build(options_.build);
    hello.mutable_kinds()->insert(options_.kinds.begin(), options_.kinds.end());
    Do(std::move(send));
    ListenFrom(now);
    return std::exchange(actions_, {});
  }

  Actions On(Event event, Nanoseconds now) override {
    now_ = now;
    if (state_ == State::kOver) return {};
    if (!std::holds_alternative<Timeout>(event)) ListenFrom(now);
    std::visit([this](auto& e) { Handle(e); }, event);
    return std::exchange(actions_, {});
  }

  Nanoseconds NextDeadline() const override {
    Nanoseconds next = deadline_;
    for (const EngineState& engine : engines_) next = std::min(next, engine.retry_at);
    return next;
  }
  Outcome outcome() const override { return outcome_; }
  const Report& report() const override { return report_; }

 private:
  void Handle(PeerSaid& event);
  void Handle(PeerGone&);
  void Handle(PeerExited&);
  void Handle(RowIs& event);
  void Handle(EnginesPrepared&);
  void Handle(Restored& event);
  void Handle(EngineRuns& event);
  void Handle(Failed& event);
  void Handle(Timeout&);
  template <typename OldSidesEvent>
  void Handle(OldSidesEvent&) {}

  void OnWelcome(const Welcome& welcome);
  void OnSnapshot(Snapshot& snapshot);
  void OnDelta(Delta& delta);
  void OnTxDrained(const TxDrained& drained);
  void OnAllMoved(const AllMoved& moved);

  void ListenFrom(Nanoseconds now);
  void ConsiderCommit(EngineIndex index);
  void Commit(EngineIndex index);
  void Seize(EngineIndex index);
  void Lost(EngineIndex index);
  void TakeOver();
  void FinishTakeOver();
  void Fail(std::string reason);
  void EndIfEmpty();
  void Over(Outcome outcome);

  // Of an engine whose state still comes from the old side; null, after giving up, if there is
  // none.
  EngineState* Expecting(EngineIndex index, const char* what);
  bool PeerListens() const { return state_ < State::kRefused; }
  EngineReport& ReportOf(EngineIndex index) { return *report_.mutable_engines(index); }
  template <typename SomeAction>
  void Do(SomeAction action) {
    actions_.push_back(std::move(action));
  }

  const NewSideOptions options_;
  State state_ = State::kGreeting;
  Outcome outcome_ = Outcome::kUnderWay;
  Nanoseconds now_ = 0;
  Nanoseconds blackout_silence_;
  Nanoseconds deadline_ = kNever;  // of silence
  bool prepared_ = false;
  bool blackout_ = false;  // the first has begun
  Report report_;
  Actions actions_;
  std::vector<EngineSpec> specs_;
  std::vector<EngineState> engines_;
};

// Something happened; how long may it be silent from here?
void NewSide::ListenFrom(Nanoseconds now) {
  const bool busy = state_ == State::kPreparing || state_ > State::kRefused;
  const Nanoseconds limit = blackout_ ? blackout_silence_ : options_.brownout_silence;
  deadline_ = busy ? kNever : now + limit;
}

void NewSide::Handle(PeerSaid& event) {
  if (state_ > State::kMoving) return;  // too late
  Message& message = event.message;
  switch (message.body_case()) {
    case Message::kWelcome:
      return OnWelcome(message.welcome());
    case Message::kAttachment:
      if (state_ == State::kGreeting) break;
      return Do(AcceptAttachment{std::move(*message.mutable_attachment())});
    case Message::kPrepare:
      if (state_ != State::kReceiving) break;
      state_ = State::kPreparing;
      ListenFrom(now_);
      return Do(PrepareEngines{specs_});
    case Message::kSnapshot:
      return OnSnapshot(*message.mutable_snapshot());
    case Message::kHolding:
      if (Expecting(message.holding().engine(), "blackout") == nullptr) return;
      blackout_ = true;
      return ListenFrom(now_);
    case Message::kDelta:
      return OnDelta(*message.mutable_delta());
    case Message::kTxDrained:
      return OnTxDrained(message.tx_drained());
    case Message::kAllMoved:
      return OnAllMoved(message.all_moved());
    case Message::kRefuse:
      return Fail(absl::StrCat("the old process gives up: ", message.refuse().reason()));
    default:
      break;
  }
  Fail(absl::StrCat("the old process sent a message that does not belong here (",
                    message.body_case(), ")"));
}

void NewSide::OnWelcome(const Welcome& welcome) {
  if (state_ != State::kGreeting) return Fail("the old process said welcome twice");
  if (welcome.protocol() < kOldestProtocol || welcome.protocol() > kNewestProtocol) {
    return Fail(absl::StrCat("the old process chose version ", welcome.protocol(),
                             " of the hand-over; this one speaks ", kOldestProtocol, " to ",
                             kNewestProtocol));
  }
  report_.set_build_before(welcome.build());
  const Nanoseconds patience = std::clamp<Nanoseconds>(welcome.blackout_limit(), 0, kMaxPatience);
  blackout_silence_ = std::max(options_.blackout_silence, 2 * patience);
  specs_.assign(welcome.engines().begin(), welcome.engines().end());
  engines_.resize(specs_.size());
  for (size_t i = 0; i < engines_.size(); ++i) report_.add_engines();
  state_ = State::kReceiving;
}

void NewSide::Handle(EnginesPrepared&) {
  prepared_ = true;
  if (state_ == State::kTakingOver) return TakeOver();
  if (state_ != State::kPreparing) return;
  state_ = State::kMoving;
  report_.set_ready_at(now_);
  Send send;
  send.message.mutable_ready();
  Do(std::move(send));
  ListenFrom(now_);
}

EngineState* NewSide::Expecting(EngineIndex index, const char* what) {
  if (state_ == State::kMoving && index < engines_.size() &&
      engines_[index].place == Place::kRemote && !engines_[index].delta) {
    return &engines_[index];
  }
  Fail(absl::StrCat("the old process sent a ", what, " of engine ", index,
                    ", which is not expected"));
  return nullptr;
}

void NewSide::OnSnapshot(Snapshot& snapshot) {
  EngineState* engine = Expecting(snapshot.engine(), "snapshot");
  if (engine == nullptr) return;
  if (engine->snapshot_whole) return Fail("the old process sent more than the whole snapshot");
  ReportOf(snapshot.engine())
      .set_snapshot_bytes(ReportOf(snapshot.engine()).snapshot_bytes() + snapshot.ByteSizeLong());
  engine->snapshot_whole = snapshot.last();
  ++engine->restoring;
  Do(Restore{snapshot.engine(), std::move(*snapshot.mutable_records())});
}

void NewSide::OnDelta(Delta& delta) {
  EngineState* engine = Expecting(delta.engine(), "delta");
  if (engine == nullptr) return;
  if (!engine->snapshot_whole) return Fail("the old process sent a delta before the snapshot");
  ReportOf(delta.engine()).set_delta_bytes(delta.ByteSizeLong());
  ReportOf(delta.engine()).set_generation_before(delta.generation());
  engine->delta = true;
  engine->generation = delta.generation();
  ++engine->restoring;
  Do(Restore{delta.engine(), std::move(*delta.mutable_records())});
}

void NewSide::OnTxDrained(const TxDrained& drained) {
  const EngineIndex index = drained.engine();
  if (index >= engines_.size() || engines_[index].place != Place::kRemote || !blackout_) {
    return Fail("the old process says that an engine has drained which was not moving");
  }
  engines_[index].drained = true;
  ConsiderCommit(index);
}

void NewSide::Handle(Restored& event) {
  if (event.engine >= engines_.size()) return;
  EngineState& engine = engines_[event.engine];
  if (--engine.restoring > 0) return;
  if (engine.delta) {
    ReportOf(event.engine).set_applied_at(now_);
    ConsiderCommit(event.engine);
  } else if (engine.snapshot_whole && !engine.snapshot_restored && state_ == State::kMoving) {
    engine.snapshot_restored = true;
    Send send;
    send.message.mutable_snapshot_restored()->set_engine(event.engine);
    Do(std::move(send));
  } else if (state_ == State::kTakingOver) {
    ConsiderCommit(event.engine);
  }
}

// Goes on with an engine that is not here yet, if it is time to.
void NewSide::ConsiderCommit(EngineIndex index) {
  const EngineState& engine = engines_[index];
  if (engine.place != Place::kRemote || engine.restoring > 0) return;
  const bool whole = engine.delta && !engine.broken;
  if (state_ == State::kMoving && whole && engine.drained) Commit(index);
  if (state_ == State::kTakingOver) whole ? Commit(index) : Seize(index);
}

void NewSide::Commit(EngineIndex index) {
  engines_[index].place = Place::kCommitting;
  Do(WriteRow{index, RowState::kAttached, engines_[index].generation});
}

void NewSide::Seize(EngineIndex index) {
  engines_[index].place = Place::kReading;
  Do(ReadRow{index});
}

void NewSide::Handle(RowIs& event) {
  if (event.engine >= engines_.size()) return;
  EngineState& engine = engines_[event.engine];
  const std::optional<Row>& row = event.row;
  if (engine.place == Place::kReading && row) {
    engine.place = Place::kSeizing;
    engine.generation = row->generation;
    return Do(WriteRow{event.engine, RowState::kAttached, engine.generation});
  }
  const bool undecided = !row || row->generation == engine.generation;
  if (engine.place == Place::kReading || (engine.place == Place::kSeizing && undecided) ||
      (engine.place == Place::kCommitting && undecided && state_ != State::kRefused)) {
    engine.retry_at = now_ + options_.row_retry;
    return;
  }
  if (engine.place != Place::kCommitting && engine.place != Place::kSeizing) return;
  if (!row || !row->mine || row->generation != NextGeneration(engine.generation)) {
    return Lost(event.engine);
  }
  ReportOf(event.engine).set_won_at(now_);
  engine.generation = row->generation;
  if (engine.place == Place::kCommitting) {
    engine.place = Place::kStarting;
    Do(StartEngine{event.engine, engine.generation});
  } else {
    engine.place = Place::kStartingFresh;
    Do(StartFresh{event.engine, engine.generation});
  }
}

// Somebody else has the row. So the state here is not the engine's any more.
void NewSide::Lost(EngineIndex index) {
  engines_[index].place = Place::kRemote;
  engines_[index].broken = true;
  if (state_ == State::kTakingOver) return Seize(index);
  if (state_ == State::kMoving) Fail("the old process took the row back");
  if (state_ == State::kRefused) EndIfEmpty();
}

void NewSide::Handle(EngineRuns& event) {
  if (event.engine >= engines_.size()) return;
  EngineState& engine = engines_[event.engine];
  if (engine.place != Place::kStarting && engine.place != Place::kStartingFresh) return;
  EngineReport& report = ReportOf(event.engine);
  report.set_running_at(now_);
  report.set_fate(engine.place == Place::kStarting ? EngineReport::MOVED : EngineReport::RECOVERED);
  engine.place = Place::kHere;
  if (state_ == State::kTakingOver) return FinishTakeOver();
  if (!PeerListens()) return;
  Send send;
  Committed& committed = *send.message.mutable_committed();
  committed.set_engine(event.engine);
  committed.set_applied_at(report.applied_at());
  committed.set_won_at(report.won_at());
  committed.set_running_at(report.running_at());
  Do(std::move(send));
}

void NewSide::OnAllMoved(const AllMoved& moved) {
  const bool all = std::all_of(engines_.begin(), engines_.end(), [](const EngineState& engine) {
    return engine.place == Place::kHere;
  });
  if (state_ != State::kMoving || !all) return Fail("the old process leaves before all has moved");
  report_ = moved.report();
  Do(Serve{});
  Send send;
  send.message.mutable_took_over();
  Do(std::move(send));
  Over(Outcome::kCompleted);
}

void NewSide::Handle(Failed& event) {
  if (event.engine && *event.engine < engines_.size()) {
    const EngineIndex index = *event.engine;
    EngineState& engine = engines_[index];
    if (engine.place == Place::kStarting) {  // the row is ours: better empty than nobody
      engine.place = Place::kStartingFresh;
      return Do(StartFresh{index, engine.generation});
    }
    if (engine.place == Place::kStartingFresh) {
      engine.place = Place::kHere;
      ReportOf(index).set_fate(EngineReport::LOST);
      if (state_ == State::kTakingOver) return FinishTakeOver();
    } else if (engine.restoring > 0) {
      --engine.restoring;
      engine.broken = true;
      if (state_ == State::kTakingOver) return ConsiderCommit(index);
    }
  }
  Fail(event.status.ToString());
}

void NewSide::Handle(PeerGone&) {
  if (state_ < State::kPreparing) return Fail("the old process has gone away");
  if (state_ > State::kRefused) return;
  if (report_.failure().empty()) report_.set_failure("the old process has gone away");
  state_ = State::kKilling;
  deadline_ = kNever;
  Do(KillPeer{});
}

void NewSide::Handle(PeerExited&) {
  if (state_ != State::kKilling) return;
  state_ = State::kTakingOver;
  TakeOver();
}

void NewSide::TakeOver() {
  if (!prepared_) return;  // EnginesPrepared comes
  for (EngineIndex i = 0; i < engines_.size(); ++i) ConsiderCommit(i);
  FinishTakeOver();
}

void NewSide::FinishTakeOver() {
  for (const EngineState& engine : engines_) {
    if (engine.place != Place::kHere) return;
  }
  Do(Serve{});
  Over(Outcome::kCompleted);
}

void NewSide::Handle(Timeout&) {
  for (EngineIndex i = 0; i < engines_.size(); ++i) {
    if (now_ < engines_[i].retry_at) continue;
    engines_[i].retry_at = kNever;
    if (engines_[i].place != Place::kCommitting) {
      Seize(i);
    } else if (state_ == State::kRefused) {
      Lost(i);
    } else {
      Commit(i);
    }
  }
  if (now_ < deadline_) return;
  if (blackout_) {
    report_.set_failure("the old process was silent for too long");
    PeerGone gone;
    Handle(gone);
  } else {
    Fail("the old process was silent for too long");
  }
}

// Gives up: ends, if nothing would be left without an owner by that.
void NewSide::Fail(std::string reason) {
  if (report_.failure().empty()) report_.set_failure(reason);
  if (state_ > State::kRefused) {
    // Nobody else is left. Without prepared engines there is nothing to be done here either.
    if (!prepared_) Over(Outcome::kGivenUp);
    return;
  }
  if (state_ != State::kRefused) {
    Send send;
    send.message.mutable_refuse()->set_reason(std::move(reason));
    Do(std::move(send));
  }
  state_ = State::kRefused;
  EndIfEmpty();
}

void NewSide::EndIfEmpty() {
  for (const EngineState& engine : engines_) {
    if (engine.place != Place::kRemote) return;
  }
  Over(Outcome::kGivenUp);
}

void NewSide::Over(Outcome outcome) {
  state_ = State::kOver;
  deadline_ = kNever;
  for (EngineState& engine : engines_) engine.retry_at = kNever;
  outcome_ = outcome;
  report_.set_ended_at(now_);
}

}  // namespace

std::unique_ptr<Side> MakeNewSide(NewSideOptions options) {
  return std::make_unique<NewSide>(std::move(options));
}

}  // namespace farrier::upgrade
