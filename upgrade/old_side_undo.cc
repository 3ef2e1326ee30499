#include <utility>

#include "upgrade/old_side_machine.h"

namespace farrier::upgrade {

using runtime::kNever;

// Something went wrong. What has been begun is undone as the state demands.
void OldSide::Fail(std::string reason) {
  if (report_.failure().empty()) report_.set_failure(std::move(reason));
  if (InBlackout()) return RollBack();
  if (state_ == State::kRollingBack || state_ == State::kResuming) return;  // undone already
  if (state_ < State::kKilling) GiveUp();
}

void OldSide::RollBack() {
  state_ = State::kRollingBack;
  deadline_ = retry_at_ = kNever;
  if (!stop_asked_) {
    stop_asked_ = true;
    Do(StopEngine{current_});
  }
  TryBack();
}

// Asks for the row back, once what was asked before has been answered.
void OldSide::TryBack() {
  if (!stopped_ || row_asked_) return;
  attach_tried_ = true;
  AskRow(WriteRow{current_, RowState::kAttached, generation_});
}

void OldSide::OnRowWhileRollingBack(const std::optional<Row>& row) {
  if (!attach_tried_) return TryBack();
  if (!row || row->generation == generation_) {  // the card did not see it: undecided
    retry_at_ = now_ + options_.row_retry;
  } else if (row->mine && row->generation == NextGeneration(generation_)) {
    state_ = State::kResuming;
    generation_ = row->generation;
    Do(ResumeEngine{current_, generation_});
  } else {
    MoveOn();
  }
}

void OldSide::Handle(EngineRuns& event) {
  if (!IsCurrent(event.engine)) return;
  if (state_ != State::kResuming && state_ != State::kRecovering) return;
  if (Current().fate() != EngineReport::RECOVERED) Current().set_fate(EngineReport::ROLLED_BACK);
  Current().set_running_at(now_);
  if (state_ == State::kResuming) return GiveUp();
  RecoverNext();
}

void OldSide::Handle(Failed& event) {
  const bool current = event.engine && IsCurrent(*event.engine);
  if (current && stop_asked_ && !stopped_) {
    stopped_ = true;  // it does not answer: no reason to leave the row to nobody
    if (state_ == State::kRollingBack) return TryBack();
  }
  if (state_ == State::kResuming && current && Current().fate() != EngineReport::RECOVERED) {
    Current().set_fate(EngineReport::RECOVERED);
    return Do(StartFresh{current_, generation_});
  }
  if ((state_ == State::kResuming || state_ == State::kRecovering) && current) {
    Current().set_fate(EngineReport::LOST);
    return state_ == State::kResuming ? GiveUp() : RecoverNext();
  }
  Fail(event.status.ToString());
}

void OldSide::Handle(PeerGone&) {
  peer_usable_ = false;
  Fail("the new process has gone away");
}

// Ends the new process and takes back what it had.
void OldSide::GiveUp() {
  for (EngineIndex i = 0; i < engines_.size(); ++i) {
    if (engines_[i].snapshot_open && !engines_[i].given) Do(DropSnapshot{i});
  }
  if (peer_usable_) {
    Send refuse;
    refuse.message.mutable_refuse()->set_reason(report_.failure());
    Do(std::move(refuse));
  }
  state_ = State::kKilling;
  deadline_ = retry_at_ = kNever;
  row_asked_ = false;
  Do(KillPeer{});
}

void OldSide::Handle(PeerExited&) {
  if (state_ != State::kKilling) return;
  state_ = State::kRecovering;
  RecoverNext();
}

// The next engine that the new process had won.
void OldSide::RecoverNext() {
  for (current_ = 0; current_ < engines_.size(); ++current_) {
    if (!engines_[current_].given) continue;
    engines_[current_].given = false;
    attach_tried_ = false;
    return AskRow(ReadRow{current_});
  }
  Over(Outcome::kGivenUp);
}

void OldSide::OnRowWhileRecovering(const std::optional<Row>& row) {
  if (!row || (attach_tried_ && row->generation == generation_)) {
    retry_at_ = now_ + options_.row_retry;
    return;
  }
  if (row->mine && attach_tried_ && row->generation == NextGeneration(generation_)) {
    Current().set_fate(EngineReport::RECOVERED);
    return Do(StartFresh{current_, row->generation});
  }
  generation_ = row->generation;
  attach_tried_ = true;
  AskRow(WriteRow{current_, RowState::kAttached, generation_});
}

}  // namespace farrier::upgrade
