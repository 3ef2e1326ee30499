#include "pony/engine.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pony/engine_core.h"

namespace farrier::pony {
namespace {

// There is no event for room in the card's queue, nor for room in a completion ring.
constexpr runtime::Nanoseconds kTxRetry = 50 * runtime::kMicrosecond;
constexpr runtime::Nanoseconds kMinStallWait = runtime::kMillisecond;
constexpr runtime::Nanoseconds kMaxStallWait = 64 * runtime::kMillisecond;

}  // namespace

PonyEngine::PonyEngine(EngineOptions options, runtime::PacketPort* port)
    : core_(std::make_unique<EngineCore>(std::move(options), port)) {}
PonyEngine::~PonyEngine() = default;

absl::Status PonyEngine::AddSession(uint32_t id, const SessionMemory& memory) {
  return core_->AddSession(id, memory, /*adopted=*/false);
}
absl::Status PonyEngine::AdoptSession(uint32_t id, const SessionMemory& memory) {
  return core_->AddSession(id, memory, /*adopted=*/true);
}
absl::Status PonyEngine::RemoveSession(uint32_t id) { return core_->RemoveSession(id); }
const EngineStats& PonyEngine::stats() const { return core_->stats(); }
size_t PonyEngine::connections() const { return core_->connections(); }
void PonyEngine::VisitWork(absl::FunctionRef<void(uint32_t, const SessionWork&)> visit) const {
  core_->VisitWork(visit);
}
uint64_t PonyEngine::memory_bytes() const { return core_->memory_bytes(); }
uint32_t PonyEngine::epoch() const { return core_->epoch(); }
int PonyEngine::Poll(runtime::Nanoseconds now, int budget) { return core_->Poll(now, budget); }
void PonyEngine::PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait) {
  core_->PrepareWait(now, wait);
}
runtime::Nanoseconds PonyEngine::OldestInput(runtime::Nanoseconds) { return core_->OldestInput(); }
bool PonyEngine::Snapshot(runtime::StateSink& sink, int budget) {
  return core_->Snapshot(sink, budget);
}
void PonyEngine::Delta(runtime::StateSink& sink) { core_->Delta(sink); }
absl::Status PonyEngine::Restore(runtime::StateSource& source) { return core_->Restore(source); }

EngineCore::EngineCore(EngineOptions options, runtime::PacketPort* port)
    : options_(std::move(options)),
      port_(port),
      epoch_(options_.epoch),
      random_(options_.seed ^ (uint64_t{options_.epoch} << 32)) {
  for (const Neighbor& neighbor : options_.neighbors) neighbors_.emplace(neighbor.ip, neighbor);
}

EngineCore::~EngineCore() {
  while (!services_.empty()) DropService(services_.begin()->first);
}

absl::Status EngineCore::AddSession(uint32_t id, const SessionMemory& memory, bool adopted) {
  if (absl::Status status = CheckSessionMemory(memory); !status.ok()) return status;
  if (!sessions_.try_emplace(id, id, memory).second) {
    return absl::AlreadyExistsError(absl::StrCat("session ", id, " exists"));
  }
  // Its doorbell is not armed: the group must not sleep without PrepareWait.
  if (!adopted) asleep_ = true;
  return absl::OkStatus();
}

absl::Status EngineCore::RemoveSession(uint32_t id) {
  auto it = sessions_.find(id);
  if (it == sessions_.end()) return absl::NotFoundError(absl::StrCat("no session ", id));
  // Nothing is to be told to an app that has gone.
  it->second.Fence();
  AbandonSession(it->second);
  for (auto& [key, flow] : flows_) flow->ForgetSession(id);
  sessions_.erase(it);
  if (round_open_) removed_sessions_.push_back(id);
  return absl::OkStatus();
}

void EngineCore::VisitWork(absl::FunctionRef<void(uint32_t, const SessionWork&)> visit) const {
  for (const auto& [id, session] : sessions_) visit(id, session.work);
}

uint64_t EngineCore::memory_bytes() const {
  // A window of packets under way, each with what it takes to send it again.
  const uint64_t flow = sizeof(Flow) + uint64_t{options_.window} * sizeof(PacketContent);
  return sizeof(EngineCore) + sessions_.size() * sizeof(Session) + flows_.size() * flow +
         connections_.size() * sizeof(Connection);
}

int EngineCore::Poll(runtime::Nanoseconds now, int budget) {
  now_ = now;
  if (asleep_) {
    asleep_ = false;
    for (auto& [id, session] : sessions_) {
      session.WantDoorbell(false);
      session.SilenceDoorbell();
      // After a move nobody knows which signals were lost.
      if (!started_) session.SignalCompletion();
    }
    if (!started_) {
      wheel_.Advance(now_, 0);  // its time begins here
      restored_ ? SetAllTimers() : Announce();
    }
    started_ = true;
  }
  tx_blocked_ = false;

  const int received = ReceivePackets(budget);
  RunTimers(/*unread=*/received >= budget);
  const int commands = TakeCommands(budget);
  const int sent = SendPackets(budget) + SendAcks();

  bool moved = false;
  for (auto& [id, session] : sessions_) {
    moved |= session.Publish();
    if (session.fenced() && !(session.connections.empty() && session.services.empty())) {
      ++stats_.sessions_fenced;
      AbandonSession(session);
    }
  }
  if (moved) stall_wait_ = 0;

  if (received < budget && commands < budget) {
    left_over_since_ = runtime::kNever;
  } else if (left_over_since_ == runtime::kNever) {
    left_over_since_ = now_;
  }
  return received + commands + sent + moved;
}

void EngineCore::PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait) {
  asleep_ = true;
  for (auto& [id, session] : sessions_) session.WantDoorbell(true);
  // Before the look at the rings: the app looks at want_doorbell after it wrote its command.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  bool stalled = false;
  for (auto& [id, session] : sessions_) {
    if (session.HasCommands()) wait.busy = true;
    if (session.memory().doorbell_fd >= 0) wait.fds.push_back(session.memory().doorbell_fd);
    stalled |= session.stalled();
  }
  if (!port_->ArmRxEvent()) wait.busy = true;
  const std::span<const int> events = port_->RxEventFds();
  wait.fds.insert(wait.fds.end(), events.begin(), events.end());

  if (!started_) wait.busy = true;
  runtime::Nanoseconds deadline = wheel_.NextDeadline();
  if (tx_blocked_) {
    deadline = std::min(deadline, now + kTxRetry);
  } else if (!active_.empty()) {
    wait.busy = true;
  }
  if (stalled) {
    stall_wait_ = std::clamp(2 * stall_wait_, kMinStallWait, kMaxStallWait);
    deadline = std::min(deadline, now + stall_wait_);
  }
  wait.deadline = std::min(wait.deadline, deadline);
}

}  // namespace farrier::pony
