#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "upgrade/old_side.h"

namespace farrier::upgrade {

// The old side's state machine; docs/architecture.md has its table. old_side.cc is the way there,
// old_side_undo.cc what follows a failure.
class OldSide final : public Side {
 public:
  explicit OldSide(OldSideOptions options)
      : options_(std::move(options)), engines_(options_.engines.size()) {
    report_.set_build_before(options_.build);
    for (size_t i = 0; i < engines_.size(); ++i) report_.add_engines();
  }

  Actions Start(Nanoseconds now) override {
    now_ = now;
    report_.set_began_at(now);
    deadline_ = now + options_.brownout_limit;
    return {};
  }

  Actions On(Event event, Nanoseconds now) override {
    now_ = now;
    if (state_ != State::kOver) std::visit([this](auto& e) { Handle(e); }, event);
    return std::exchange(actions_, {});
  }

  Nanoseconds NextDeadline() const override { return std::min(deadline_, retry_at_); }
  Outcome outcome() const override { return outcome_; }
  const Report& report() const override { return report_; }

 private:
  enum class State {
    kGreeting,      // awaits Hello
    kAttaching,     // the first attachments are being sent
    kPreparing,     // awaits Ready
    kSnapshotting,  // takes snapshots, awaits that all are restored
    // Blackout of one engine.
    kReading,      // its row
    kHolding,      // HELD was written
    kDraining,     // awaits MARK
    kStopping,     // awaits the engine's stop
    kHandingOver,  // sends delta and word of drained TX, awaits Committed
    kConfirming,   // Committed: does the row say so?
    kRollingBack,  // ATTACHED is written, until the row has decided
    kResuming,     // the row decided for this side
    // Ends.
    kFinishing,   // all have moved; awaits TookOver
    kKilling,     // given up; awaits the peer's exit
    kRecovering,  // starts engines that had moved, empty
    kOver,
  };

  // Where an engine is, as far as this side knows.
  struct EngineState {
    bool given = false;          // the row is the new side's
    bool snapshot_open = false;  // begun, and no Delta was taken since
    bool snapshot_restored = false;
  };

  void Handle(PeerSaid& event);
  void Handle(PeerGone&);
  void Handle(PeerExited&);
  void Handle(RowIs& event);
  void Handle(AttachmentsSent&);
  void Handle(SnapshotTaken& event);
  void Handle(MarkSeen& event);
  void Handle(EngineStopped& event);
  void Handle(DeltaTaken& event);
  void Handle(TxDrainedOut& event);
  void Handle(EngineRuns& event);
  void Handle(Failed& event);
  void Handle(Timeout&);
  template <typename NewSidesEvent>
  void Handle(NewSidesEvent&) {}

  void OnHello(const Hello& hello);
  void OnSnapshotRestored(const SnapshotRestored& restored);
  void OnCommitted(const Committed& committed);

  void NextEngine();
  void AllGiven();
  void MoveOn();
  void Fail(std::string reason);
  void RollBack();
  void TryBack();
  void OnRowWhileRollingBack(const std::optional<Row>& row);
  void GiveUp();
  void RecoverNext();
  void OnRowWhileRecovering(const std::optional<Row>& row);
  void Over(Outcome outcome);

  bool InBlackout() const { return state_ >= State::kHolding && state_ <= State::kConfirming; }
  bool IsCurrent(EngineIndex engine) const { return engine == current_; }
  EngineReport& Current() { return *report_.mutable_engines(current_); }
  template <typename SomeAction>
  void Do(SomeAction action) {
    actions_.push_back(std::move(action));
  }
  void AskRow(Action action) {
    row_asked_ = true;
    Do(std::move(action));
  }

  const OldSideOptions options_;
  State state_ = State::kGreeting;
  Outcome outcome_ = Outcome::kUnderWay;
  Nanoseconds now_ = 0;
  Nanoseconds deadline_ = runtime::kNever;  // of the phase
  Nanoseconds retry_at_ = runtime::kNever;  // of a row that could not be asked
  bool peer_usable_ = true;                 // neither gone nor given up
  Report report_;
  Actions actions_;
  std::vector<EngineState> engines_;

  // Of the engine under way.
  EngineIndex current_ = 0;
  uint16_t generation_ = 0;  // that the row had; while recovering: that it has
  bool row_asked_ = false;   // a RowIs is to come
  bool stop_asked_ = false;
  bool stopped_ = false;
  bool delta_sent_ = false;
  bool tx_drained_ = false;
  bool attach_tried_ = false;  // ATTACHED was written
};

}  // namespace farrier::upgrade
