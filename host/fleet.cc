#include "host/fleet.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/card_setup.h"
#include "host/entropy.h"
#include "host/hosted_packet_engine.h"
#include "host/hosted_pony.h"
#include "hw/driver/owner_row.h"

namespace farrier::host {

Fleet::Fleet(EventLoop& loop, Config config, CardOpener open_card, EngineWrapper wrap_engine)
    : loop_(loop),
      config_(std::move(config)),
      open_card_(std::move(open_card)),
      wrap_engine_(std::move(wrap_engine)),
      clock_(loop.clock()),
      sessions_(
          loop,
          {.local_ip = ParseIp(config_.network().ip()).value(),
           .engines = config_.pony().engines()},
          {.add = [this](const AppSessionInfo& info,
                         const pony::SessionMemory& memory) { return AddSession(info, memory); },
           .remove = [this](const AppSessionInfo& info) { RemoveSession(info); }}) {}

// Threads go first, then the engines, the ports they use and the memory they touch.
Fleet::~Fleet() {
  if (sample_timer_) loop_.Cancel(*sample_timer_);
  upkeep_.reset();
  groups_.reset();
  engines_.clear();
}

absl::Status Fleet::OpenCard(uint32_t function) {
  // Before DPDK, which may bind this thread.
  if (absl::Status status = StartGroups(); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<CardLink>> card = open_card_(config_, function);
  if (!card.ok()) return card.status();
  card_ = *std::move(card);
  lease_.emplace(card_->csr(), card_->function());
  for (uint32_t engine = 0; engine < size(); ++engine) {
    absl::StatusOr<std::unique_ptr<EngineUnit>> unit = EngineUnit::Create(
        {.id = engine, .name = EngineName(config_, engine), .weight = groups_->weight(engine)},
        MakerOf(engine), card_->port(engine), clock_, groups_->Of(engine), wrap_engine_);
    if (!unit.ok()) return unit.status();
    engines_.push_back({.unit = *std::move(unit)});
  }
  for (const AppSessionInfo& info : sessions_.List()) {
    if (absl::Status status = Adopt(info); !status.ok()) return status;
  }
  return absl::OkStatus();
}

EngineMaker Fleet::MakerOf(uint32_t engine) {
  if (const PacketEngineConfig* packet = PacketEngineOf(config_, engine)) {
    return PacketEngineMaker(*packet, card_->port(engine));
  }
  return PonyMaker(config_, engine, card_->info(), services_, card_->port(engine));
}

absl::Status Fleet::TakeLease(bool agrees) {
  const absl::StatusOr<std::optional<uint32_t>> holder = lease_->Holder();
  if (!holder.ok()) return holder.status();
  // What has the lease on our own function is dead: the function is ours.
  if (!agrees && *holder && **holder != card_->function()) {
    const absl::StatusOr<bool> lives = card_->DrivenByAnother(**holder);
    if (!lives.ok()) return lives.status();
    if (*lives) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "the card is in use: a farrierd on its function %c holds the lease and lives; end that "
          "one, or give this one another card",
          'A' + static_cast<char>(**holder)));
    }
  }
  return lease_->TakeOver();
}

absl::Status Fleet::AttachAll() {
  absl::Status status = TakeLease(/*agrees=*/false);
  if (!status.ok()) return status;
  status = SetUpCard(card_->csr(), card_->info(), config_, NewEpoch());
  if (!status.ok()) return status;
  for (uint32_t engine = 0; engine < size(); ++engine) {
    absl::StatusOr<uint16_t> generation =
        AttachEngine(card_->csr(), engine, card_->function(), card_->queues_per_engine());
    if (!generation.ok()) return generation.status();
    if (status = StartEngine(engine, *generation); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Fleet::DetachAll() {
  StopUpkeep();
  absl::Status stopped;
  for (uint32_t engine = 0; engine < engines_.size(); ++engine) {
    if (engines_[engine].released) continue;
    if (absl::Status status = unit(engine).Stop(); !status.ok()) {
      spdlog::error("engine {} does not stop: {}", engine, status.ToString());
      stopped.Update(status);
    }
    // Expecting our own generation, so that a successor's row stays as it is.
    absl::Status status = DetachEngine(card_->csr(), engine, unit(engine).generation());
    if (!status.ok()) spdlog::error("engine {} stays attached: {}", engine, status.ToString());
  }
  absl::Status status = lease_->Release();
  if (!status.ok()) spdlog::error("the card's lease stays taken: {}", status.ToString());
  return stopped;
}

void Fleet::StopUpkeep() {
  if (upkeep_ == nullptr) return;
  upkeep_->Disarm();
  upkeep_.reset();
}

absl::Status Fleet::Import(AppSessionInfo info, std::vector<UniqueFd> fds) {
  const AppSessionInfo kept = info;
  absl::Status status = sessions_.ImportSession(std::move(info), std::move(fds));
  if (!status.ok() || engines_.empty()) return status;
  return Adopt(kept);
}

absl::Status Fleet::WithPony(uint32_t engine, absl::FunctionRef<void(pony::PonyEngine&)> closure) {
  if (PacketEngineOf(config_, engine) != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("engine ", engine, " serves no apps"));
  }
  return unit(engine).With([&](HostedEngine& hosted) { closure(*hosted.pony()); });
}

absl::Status Fleet::Adopt(const AppSessionInfo& info) {
  const pony::SessionMemory* memory = sessions_.Memory(info.id);
  if (memory == nullptr || info.engine >= config_.pony().engines()) {
    return absl::InvalidArgumentError(
        absl::StrCat("session ", info.id, " of engine ", info.engine, " cannot be adopted"));
  }
  absl::Status adopted;
  absl::Status asked = WithPony(info.engine, [&](pony::PonyEngine& engine) {
    adopted = engine.AdoptSession(info.id, *memory);
  });
  return asked.ok() ? adopted : asked;
}

absl::Status Fleet::AddSession(const AppSessionInfo& info, const pony::SessionMemory& memory) {
  absl::Status added;
  absl::Status asked = WithPony(
      info.engine, [&](pony::PonyEngine& engine) { added = engine.AddSession(info.id, memory); });
  return asked.ok() ? added : asked;
}

void Fleet::RemoveSession(const AppSessionInfo& info) {
  absl::Status removed;
  if (info.engine < engines_.size() && !engines_[info.engine].released) {
    removed = WithPony(info.engine, [&](pony::PonyEngine& engine) {
      // It may be gone already: the predecessor noticed its end, too.
      engine.RemoveSession(info.id).IgnoreError();
    });
  }
  if (removed.ok()) {
    sessions_.RemoveDone(info.id);
  } else {
    // The engine may touch the memory yet: it stays until the engine answers or is another.
    spdlog::error("session {} cannot be removed yet: {}", info.id, removed.ToString());
    engines_[info.engine].not_removed.insert(info.id);
  }
}

absl::Status Fleet::StartEngine(uint32_t engine, uint16_t generation) {
  engines_[engine].released = false;
  const absl::StatusOr<std::optional<driver::TxCells>> cells =
      ReadTxCells(card_->csr(), card_->info(), engine);
  if (!cells.ok()) return cells.status();
  if (!unit(engine).running()) Account(engine);  // what it did elsewhere costs nothing here
  absl::Status status = unit(engine).Start(generation, *cells);
  if (upkeep_ == nullptr) upkeep_ = std::make_unique<CardUpkeep>(loop_, *this);
  if (!sample_timer_) Sample();
  return status;
}

absl::Status Fleet::StartFresh(uint32_t engine, uint16_t generation) {
  if (absl::Status status = unit(engine).Stop(); !status.ok()) return status;
  engines_[engine].released = true;  // nothing below is to reach the engine
  for (const AppSessionInfo& info : sessions_.List()) {
    if (info.engine == engine) sessions_.Close(info.id);
  }
  for (uint32_t id : std::exchange(engines_[engine].not_removed, {})) sessions_.RemoveDone(id);
  engines_[engine].drop_snapshot = false;
  if (absl::Status status = unit(engine).Reset(); !status.ok()) return status;
  return StartEngine(engine, generation);
}

void Fleet::ReleaseEngine(uint32_t engine) { engines_[engine].released = true; }

}  // namespace farrier::host
