// Fleet: the groups of its engines, and what becomes of engines there.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/card_setup.h"
#include "host/fleet.h"
#include "hw/driver/owner_row.h"

namespace farrier::host {
namespace {

// An engine that fails again and again is not to take the daemon's time, nor to fill its log.
constexpr runtime::Nanoseconds kRestartEvery = runtime::kSecond;

constexpr runtime::Nanoseconds kSampleEvery = runtime::kSecond;

const char* ToString(runtime::EngineEvent::Kind kind) {
  switch (kind) {
    case runtime::EngineEvent::Kind::kOverran:
      return "overran";
    case runtime::EngineEvent::Kind::kHung:
      return "hangs";
    case runtime::EngineEvent::Kind::kReturned:
      return "is back";
    case runtime::EngineEvent::Kind::kFailed:
      return "failed";
  }
  return "?";
}

// Where records go that nobody wants.
class ForgetfulSink final : public runtime::StateSink {
 public:
  void Append(runtime::StateRecord) override {}
};

}  // namespace

absl::Status Fleet::StartGroups() {
  absl::StatusOr<runtime::CpuTopology> topology = runtime::ReadCpuTopology("");
  if (!topology.ok()) return topology.status();
  absl::StatusOr<std::unique_ptr<EngineGroups>> groups = EngineGroups::Start(
      config_, clock_, *std::move(topology),
      [&loop = loop_, self = std::weak_ptr<Fleet*>(self_)](const runtime::EngineEvent& event) {
        loop.Post([self, event] {
          if (const std::shared_ptr<Fleet*> fleet = self.lock()) (*fleet)->OnEngineEvent(event);
        });
      });
  if (!groups.ok()) return groups.status();
  groups_ = *std::move(groups);
  return absl::OkStatus();
}

absl::Status Fleet::EngineIsWell(uint32_t engine) {
  const absl::Status& trouble = unit(engine).trouble();
  if (trouble.ok()) return trouble;
  return absl::FailedPreconditionError(absl::StrCat(
      trouble.message(), absl::IsDeadlineExceeded(trouble)
                             ? "; only another start of farrierd ends that"
                             : "; it is being started anew, try again in some seconds"));
}

absl::Status Fleet::EnginesAreWell() {
  for (uint32_t engine = 0; engine < engines_.size(); ++engine) {
    if (absl::Status well = EngineIsWell(engine); !well.ok()) return well;
  }
  return absl::OkStatus();
}

void Fleet::set_handing_over(bool handing_over) {
  handing_over_ = handing_over;
  if (handing_over_) return;
  for (uint32_t engine = 0; engine < engines_.size(); ++engine) {
    if (unit(engine).trouble().ok()) {
      CatchUp(engine);
    } else if (absl::IsUnavailable(unit(engine).trouble())) {
      RestartSoon(engine);
    }
  }
}

void Fleet::OnEngineEvent(const runtime::EngineEvent& event) {
  spdlog::log(event.kind == runtime::EngineEvent::Kind::kOverran ||
                      event.kind == runtime::EngineEvent::Kind::kReturned
                  ? spdlog::level::warn
                  : spdlog::level::err,
              "engine {} {}: {}", event.engine, ToString(event.kind), event.detail);
  if (event.kind == runtime::EngineEvent::Kind::kOverran) return;
  for (uint32_t engine = 0; engine < engines_.size(); ++engine) {
    if (EngineName(config_, engine) == event.engine) OnCondition(engine, event.detail);
  }
}

// Believes the group rather than the event, which may have been overtaken.
void Fleet::OnCondition(uint32_t engine, const std::string& detail) {
  Slot& slot = engines_[engine];
  groups_->Look();
  EngineScheduling now;
  if (!groups_->Describe(engine, now)) return;
  if (now.condition() == "hung") {
    slot.unit->SetTrouble(
        absl::DeadlineExceededError(absl::StrCat("engine ", engine, " hangs: ", detail)));
  } else if (now.condition() == "failed") {
    slot.unit->SetTrouble(
        absl::UnavailableError(absl::StrCat("engine ", engine, " failed: ", detail)));
    if (!handing_over_) RestartSoon(engine);
  } else {
    slot.unit->SetTrouble(absl::OkStatus());
    if (!handing_over_) CatchUp(engine);
  }
}

// An engine that has not answered for a while learns what happened meanwhile.
void Fleet::CatchUp(uint32_t engine) {
  Slot& slot = engines_[engine];
  if (slot.released || !slot.unit->running()) return;
  for (uint32_t session : std::exchange(slot.not_removed, {})) {
    RemoveSession({.id = session, .engine = engine});
  }
  if (slot.drop_snapshot) DropSnapshot(engine);
  // A hand-over that came to nothing has won its row anew.
  const absl::StatusOr<regs::SwitchWord> row =
      driver::OwnerRow(card_->csr(), OwnerOf(engine)).Read();
  if (!row.ok() || row->state != static_cast<uint32_t>(regs::OwnerState::kAttached) ||
      row->function != card_->function() || row->generation == slot.unit->generation()) {
    return;
  }
  absl::Status status = StartEngine(engine, static_cast<uint16_t>(row->generation));
  if (!status.ok()) spdlog::error("engine {}: {}", engine, status.ToString());
}

void Fleet::DropSnapshot(uint32_t engine) {
  ForgetfulSink sink;
  const absl::Status asked =
      unit(engine).With([&](HostedEngine& hosted) { hosted.engine().Delta(sink); });
  engines_[engine].drop_snapshot = !asked.ok();
}

void Fleet::RestartSoon(uint32_t engine) {
  Slot& slot = engines_[engine];
  if (std::exchange(slot.restarting, true)) return;
  const runtime::Nanoseconds now = loop_.clock().Now();
  const runtime::Nanoseconds at =
      slot.restarted_at ? std::max(now, *slot.restarted_at + kRestartEvery) : now;
  loop_.After(at - now, [this, engine, self = std::weak_ptr<Fleet*>(self_)] {
    if (self.expired()) return;
    Slot& failed = engines_[engine];
    failed.restarting = false;
    // A hand-over that has begun meanwhile decides; afterwards there is another look.
    if (handing_over_ || failed.released || !absl::IsUnavailable(failed.unit->trouble())) return;
    failed.restarted_at = loop_.clock().Now();
    if (absl::Status status = Restart(engine); !status.ok()) {
      spdlog::error("engine {} cannot be started anew: {}", engine, status.ToString());
      failed.unit->SetTrouble(absl::UnavailableError(
          absl::StrCat("engine ", engine, " cannot be started anew: ", status.message())));
      RestartSoon(engine);
    }
  });
}

absl::Status Fleet::Restart(uint32_t engine) {
  // A new generation: what the failed one sent and the card still has is not the new one's.
  absl::StatusOr<uint16_t> generation =
      AttachEngine(card_->csr(), engine, card_->function(), card_->queues_per_engine());
  if (!generation.ok()) return generation.status();
  if (absl::Status status = StartFresh(engine, *generation); !status.ok()) return status;
  ++engines_[engine].restarts;
  spdlog::warn("engine {} was started anew, empty; {}", engine,
               PacketEngineOf(config_, engine) == nullptr ? "its sessions have ended"
                                                          : "what it held is lost");
  return absl::OkStatus();
}

void Fleet::Sample() {
  if (!handing_over_) {  // it needs its engines and this thread for itself
    groups_->Look();
    for (uint32_t engine = 0; engine < engines_.size(); ++engine) Account(engine);
  }
  sample_timer_ = loop_.After(kSampleEvery, [this] { Sample(); });
}

void Fleet::Account(uint32_t engine) {
  Slot& slot = engines_[engine];
  EngineWork work;
  const absl::Status asked = slot.unit->With([&](HostedEngine& hosted) {
    work = hosted.Work();
    slot.memory_bytes = hosted.MemoryBytes();
  });
  if (!asked.ok()) return;
  runtime::Nanoseconds cpu = slot.unit->cpu_before();
  work.polls = slot.unit->polls_before();
  if (slot.unit->running()) {
    cpu += groups_->CpuTime(engine);
    work.polls += groups_->Polls(engine);
  }
  slot.account.Note(cpu, work);
}

std::vector<AccountRecord> Fleet::Accounts() const {
  std::vector<AccountRecord> accounts;
  for (uint32_t engine = 0; engine < engines_.size(); ++engine) {
    accounts.push_back(engines_[engine].account.Save());
    accounts.back().set_engine(engine);
  }
  return accounts;
}

void Fleet::LoadAccount(const AccountRecord& account) {
  if (account.engine() < engines_.size()) return engines_[account.engine()].account.Load(account);
  spdlog::error("an account is handed over of engine {}, and there are {}", account.engine(),
                engines_.size());
}

}  // namespace farrier::host
