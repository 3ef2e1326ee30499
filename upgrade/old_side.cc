#include "upgrade/old_side.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "upgrade/old_side_machine.h"

namespace farrier::upgrade {

using runtime::kNever;

void OldSide::Handle(PeerSaid& event) {
  Message& message = event.message;
  switch (message.body_case()) {
    case Message::kHello:
      return OnHello(message.hello());
    case Message::kReady:
      if (state_ != State::kPreparing) break;
      report_.set_ready_at(now_);
      state_ = State::kSnapshotting;
      current_ = 0;
      if (engines_.empty()) return AllGiven();
      engines_[0].snapshot_open = true;
      return Do(TakeSnapshot{0});
    case Message::kSnapshotRestored:
      return OnSnapshotRestored(message.snapshot_restored());
    case Message::kCommitted:
      return OnCommitted(message.committed());
    case Message::kTookOver:
      if (state_ != State::kFinishing) break;
      return Over(Outcome::kCompleted);
    case Message::kRefuse:
      if (state_ >= State::kKilling) return;
      peer_usable_ = false;
      return Fail(absl::StrCat("the new process refuses: ", message.refuse().reason()));
    default:
      break;
  }
  if (state_ >= State::kKilling) return;  // said before it knew
  Fail(absl::StrCat("the new process sent a message that does not belong here (",
                    message.body_case(), ")"));
}

void OldSide::OnHello(const Hello& hello) {
  if (state_ != State::kGreeting) return Fail("the new process said hello twice");
  report_.set_build_after(hello.build());
  const uint32_t protocol = std::min(kNewestProtocol, hello.protocol().newest());
  if (protocol < std::max(kOldestProtocol, hello.protocol().oldest())) {
    return Fail(absl::StrCat("the new process speaks versions ", hello.protocol().oldest(), " to ",
                             hello.protocol().newest(), " of the hand-over, this one ",
                             kOldestProtocol, " to ", kNewestProtocol));
  }
  for (const auto& [kind, schema] : options_.kinds) {
    const auto known = hello.kinds().find(kind);
    if (known == hello.kinds().end()) {
      return Fail(absl::StrCat("the new process cannot restore ", kind));
    }
    if (schema < known->second.oldest() || schema > known->second.newest()) {
      return Fail(absl::StrCat("the new process restores ", kind, " of schemas ",
                               known->second.oldest(), " to ", known->second.newest(),
                               ", this one writes ", schema));
    }
  }
  Send welcome;
  welcome.message.mutable_welcome()->set_protocol(protocol);
  welcome.message.mutable_welcome()->set_build(options_.build);
  welcome.message.mutable_welcome()->set_blackout_limit(options_.blackout_limit);
  for (const EngineSpec& engine : options_.engines) {
    *welcome.message.mutable_welcome()->add_engines() = engine;
  }
  Do(std::move(welcome));
  state_ = State::kAttaching;
  Do(SendAttachments{.last = false});
}

void OldSide::Handle(AttachmentsSent&) {
  Send send;
  if (state_ == State::kAttaching) {
    send.message.mutable_prepare();
    state_ = State::kPreparing;
  } else if (state_ == State::kFinishing) {
    *send.message.mutable_all_moved()->mutable_report() = report_;
  } else {
    return;
  }
  Do(std::move(send));
}

void OldSide::Handle(SnapshotTaken& event) {
  if (state_ != State::kSnapshotting || !IsCurrent(event.engine)) return;
  Send part;
  Snapshot& snapshot = *part.message.mutable_snapshot();
  snapshot.set_engine(current_);
  snapshot.set_last(event.last);
  *snapshot.mutable_records() = std::move(event.records);
  Current().set_snapshot_bytes(Current().snapshot_bytes() + snapshot.ByteSizeLong());
  Do(std::move(part));
  if (event.last) ++current_;
  if (current_ == engines_.size()) return;  // now they are to be restored
  engines_[current_].snapshot_open = true;
  Do(TakeSnapshot{current_});
}

void OldSide::OnSnapshotRestored(const SnapshotRestored& restored) {
  const EngineIndex engine = restored.engine();
  if (state_ >= State::kKilling) return;
  // Only what has been sent completely can have been restored.
  if (state_ != State::kSnapshotting || engine >= current_ || engines_[engine].snapshot_restored) {
    return Fail("the new process restored a snapshot that was not sent");
  }
  engines_[engine].snapshot_restored = true;
  for (const EngineState& each : engines_) {
    if (!each.snapshot_restored) return;
  }
  report_.set_brownout_ended_at(now_);
  current_ = 0;
  NextEngine();
}

// Begins the blackout of current_.
void OldSide::NextEngine() {
  stop_asked_ = stopped_ = delta_sent_ = tx_drained_ = attach_tried_ = false;
  state_ = State::kReading;
  deadline_ = now_ + options_.blackout_limit;
  AskRow(ReadRow{current_});
}

void OldSide::Handle(RowIs& event) {
  if (!IsCurrent(event.engine) || !row_asked_) return;
  row_asked_ = false;
  const std::optional<Row>& row = event.row;
  switch (state_) {
    case State::kReading: {
      if (!row || !row->mine || row->state != RowState::kAttached) {
        return Fail(
            absl::StrCat("the row of engine ", current_, " is not attached to this process"));
      }
      generation_ = row->generation;
      Current().set_generation_before(generation_);
      Current().set_hold_at(now_);
      Send holding;
      holding.message.mutable_holding()->set_engine(current_);
      Do(std::move(holding));
      state_ = State::kHolding;
      return AskRow(WriteRow{current_, RowState::kHeld, generation_});
    }
    case State::kHolding:
      if (!row || row->generation != generation_ || row->state != RowState::kHeld) {
        return Fail(absl::StrCat("the card did not hold engine ", current_));
      }
      Current().set_held_at(now_);
      state_ = State::kDraining;
      return Do(AwaitMark{current_});
    case State::kConfirming:
      if (!row) {
        retry_at_ = now_ + options_.row_retry;
      } else if (row->generation == generation_) {
        Fail("the new process says that it has the row, but the card says that it has not");
      } else {
        MoveOn();
      }
      return;
    case State::kRollingBack:
      return OnRowWhileRollingBack(row);
    case State::kRecovering:
      return OnRowWhileRecovering(row);
    default:
      return;
  }
}

void OldSide::Handle(MarkSeen& event) {
  if (state_ != State::kDraining || !IsCurrent(event.engine)) return;
  Current().set_marked_at(now_);
  state_ = State::kStopping;
  stop_asked_ = true;
  Do(StopEngine{current_});
}

void OldSide::Handle(EngineStopped& event) {
  if (!IsCurrent(event.engine) || !stop_asked_) return;
  stopped_ = true;
  if (state_ == State::kRollingBack) return TryBack();
  if (state_ != State::kStopping) return;
  Current().set_stopped_at(now_);
  state_ = State::kHandingOver;
  Do(TakeDelta{current_});
  Do(AwaitTxDrained{current_});
}

void OldSide::Handle(DeltaTaken& event) {
  if (!IsCurrent(event.engine) || !stopped_) return;
  engines_[current_].snapshot_open = false;
  if (state_ != State::kHandingOver) return;
  Send send;
  Delta& delta = *send.message.mutable_delta();
  delta.set_engine(current_);
  delta.set_generation(generation_);
  *delta.mutable_records() = std::move(event.records);
  Current().set_delta_bytes(delta.ByteSizeLong());
  Current().set_delta_at(now_);
  delta_sent_ = true;
  Do(std::move(send));
}

void OldSide::Handle(TxDrainedOut& event) {
  if (state_ != State::kHandingOver || !IsCurrent(event.engine) || tx_drained_) return;
  tx_drained_ = true;
  Current().set_tx_drained_at(now_);
  Send send;
  send.message.mutable_tx_drained()->set_engine(current_);
  Do(std::move(send));
}

void OldSide::OnCommitted(const Committed& committed) {
  if (state_ >= State::kKilling) return;
  const EngineIndex engine = committed.engine();
  // With the row as arbiter this may be known already.
  const bool known = engine < engines_.size() && engines_[engine].given;
  const bool pending = IsCurrent(engine) && delta_sent_ &&
                       (state_ == State::kHandingOver || state_ == State::kRollingBack ||
                        state_ == State::kResuming);
  if (!known && !pending) return Fail("the new process committed an engine that it cannot have");
  EngineReport& report = *report_.mutable_engines(engine);
  report.set_applied_at(committed.applied_at());
  report.set_won_at(committed.won_at());
  report.set_running_at(committed.running_at());
  if (known || state_ != State::kHandingOver) return;
  state_ = State::kConfirming;
  AskRow(ReadRow{current_});
}

// The row of current_ is another's: let go.
void OldSide::MoveOn() {
  engines_[current_].given = delta_sent_;
  engines_[current_].snapshot_open = false;
  Current().set_fate(delta_sent_ ? EngineReport::MOVED : EngineReport::LOST);
  Current().set_released_at(now_);
  Do(ReleaseEngine{current_});
  // Nobody but the new process can have been given the row: who else has it keeps it.
  if (!delta_sent_ || !peer_usable_) return GiveUp();
  report_.clear_failure();  // too late, but well
  if (++current_ < engines_.size()) return NextEngine();
  AllGiven();
}

void OldSide::AllGiven() {
  state_ = State::kFinishing;
  retry_at_ = kNever;
  deadline_ = now_ + options_.finish_limit;
  Do(SendAttachments{.last = true});
}

void OldSide::Handle(Timeout&) {
  if (now_ >= retry_at_) {
    retry_at_ = kNever;
    attach_tried_ = false;
    if (state_ == State::kRollingBack) TryBack();
    if (state_ == State::kConfirming || state_ == State::kRecovering) AskRow(ReadRow{current_});
  }
  if (now_ < deadline_) return;
  deadline_ = kNever;
  if (state_ == State::kFinishing) return Over(Outcome::kCompleted);  // it has all engines
  Fail(state_ < State::kReading ? "the new process was not ready in time"
                                : absl::StrCat("engine ", current_, " did not move in time"));
}

void OldSide::Over(Outcome outcome) {
  state_ = State::kOver;
  deadline_ = retry_at_ = kNever;
  outcome_ = outcome;
  report_.set_ended_at(now_);
}

std::unique_ptr<Side> MakeOldSide(OldSideOptions options) {
  return std::make_unique<OldSide>(std::move(options));
}

}  // namespace farrier::upgrade
