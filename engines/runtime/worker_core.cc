#include "engines/runtime/worker_core.h"

#include <utility>

namespace farrier::runtime {

void WorkerCore::SetPeers(std::vector<const WorkerFigures*> peers, size_t self,
                          Compaction& compaction) {
  peers_ = std::move(peers);
  views_.resize(peers_.size());
  compactor_.emplace(compaction, self);
}

WorkerCore::Next WorkerCore::Round(Nanoseconds now, bool busy,
                                   absl::FunctionRef<void(EngineSlot&, size_t)> hand_on) {
  busy |= loop_.Round(now);
  if (compactor_ && compactor_->Due(now)) MoveEngines(now, hand_on);
  if (loop_.AccountDue(now)) Account(now);
  if (busy) {
    spin_.Busy(now);
    return Next::kRound;
  }
  return !sleeps_ || spin_.Idle(now) ? Next::kRest : Next::kSleep;
}

void WorkerCore::MoveEngines(Nanoseconds now,
                             absl::FunctionRef<void(EngineSlot&, size_t)> hand_on) {
  if (figures_.quarantined.load(std::memory_order_relaxed) || !may_move_.load()) return;
  for (size_t i = 0; i < peers_.size(); ++i) {
    views_[i].load = peers_[i]->load.load(std::memory_order_relaxed);
    views_[i].usable = !peers_[i]->quarantined.load(std::memory_order_relaxed);
  }
  const auto handoff = compactor_->Decide(now, loop_.delay(), loop_.engines(), views_);
  if (!handoff) return;
  hand_on(*handoff->engine, handoff->thread);
  Publish();
}

bool WorkerCore::Quarantine(const PollGuard::Reading& reading, std::vector<EngineSlot*>& others) {
  if (!loop_.guard().Raise(reading)) return false;
  figures_.quarantined.store(true);
  others = loop_.Seize(*reading.slot);
  reading.slot->condition.store(EngineCondition::kHung);
  reading.slot->mailbox.Close();
  loop_.guard().Release(/*seized=*/true);
  return true;
}

void WorkerCore::EndQuarantine() {
  figures_.quarantined.store(false);
  for (EngineSlot* slot : loop_.engines()) {
    slot->condition.store(EngineCondition::kRunning);
    slot->mailbox.Open();
  }
}

void WorkerCore::Account(Nanoseconds now) {
  loop_.Account(now);
  Publish();
}

void WorkerCore::Publish() {
  figures_.cpu.store(loop_.cpu(), std::memory_order_relaxed);
  figures_.load.store(loop_.load(), std::memory_order_relaxed);
  figures_.engines.store(static_cast<int>(loop_.engines().size()), std::memory_order_relaxed);
}

}  // namespace farrier::runtime
