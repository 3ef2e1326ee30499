#include "host/fleet.h"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/card_setup.h"
#include "hw/driver/owner_row.h"

namespace farrier::host {
namespace {

uint64_t Random() {
  uint64_t value = 0;
  // Cannot fail or be cut short for so few bytes once the machine has booted.
  [[maybe_unused]] ssize_t length = getrandom(&value, sizeof(value), 0);
  return value;
}

uint32_t NewEpoch() {
  for (;;) {
    if (const auto epoch = static_cast<uint32_t>(Random()); epoch != 0) return epoch;
  }
}

void AddCounter(google::protobuf::RepeatedPtrField<Counter>& counters, absl::string_view name,
                uint64_t value) {
  Counter& counter = *counters.Add();
  counter.set_name(std::string(name));
  counter.set_value(value);
}

}  // namespace

Fleet::Fleet(EventLoop& loop, Config config, CardOpener open_card)
    : loop_(loop),
      config_(std::move(config)),
      open_card_(std::move(open_card)),
      clock_(loop.clock()),
      sessions_(
          loop,
          {.local_ip = ParseIp(config_.network().ip()).value(),
           .engines = config_.pony().engines()},
          {.add = [this](const AppSessionInfo& info,
                         const pony::SessionMemory& memory) { return AddSession(info, memory); },
           .remove = [this](const AppSessionInfo& info) { RemoveSession(info); }}) {}

// Engines go first, then the ports they use and the memory they touch.
Fleet::~Fleet() {
  upkeep_.reset();
  engines_.clear();
}

absl::Status Fleet::OpenCard(uint32_t function) {
  absl::StatusOr<std::unique_ptr<CardLink>> card = open_card_(config_, function);
  if (!card.ok()) return card.status();
  card_ = *std::move(card);
  lease_.emplace(card_->csr(), card_->function());
  for (uint32_t engine = 0; engine < size(); ++engine) {
    pony::EngineOptions options = EngineOptionsFor(config_, engine);
    options.epoch = NewEpoch();
    options.seed = Random();
    options.services = &services_;
    if (const runtime::Nanoseconds horizon = card_->info().pacing_horizon(); horizon > 0) {
      options.pacing_mbps = config_.pony().pacing_mbps();
      options.departure_lead = horizon / 2;  // the rest is for clocks that differ
    }
    absl::StatusOr<std::unique_ptr<EngineUnit>> unit =
        EngineUnit::Create(std::move(options), card_->port(engine), clock_);
    if (!unit.ok()) return unit.status();
    engines_.push_back({.unit = *std::move(unit)});
  }
  for (const AppSessionInfo& info : sessions_.List()) {
    if (absl::Status status = Adopt(info); !status.ok()) return status;
  }
  return absl::OkStatus();
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

void Fleet::DetachAll() {
  StopUpkeep();
  for (uint32_t engine = 0; engine < engines_.size(); ++engine) {
    if (engines_[engine].released) continue;
    if (absl::Status status = unit(engine).Stop(); !status.ok()) {
      spdlog::error("engine {} does not stop: {}", engine, status.ToString());
    }
    // Expecting our own generation, so that a successor's row stays as it is.
    absl::Status status = DetachEngine(card_->csr(), engine, unit(engine).generation());
    if (!status.ok()) spdlog::error("engine {} stays attached: {}", engine, status.ToString());
  }
  absl::Status status = lease_->Release();
  if (!status.ok()) spdlog::error("the card's lease stays taken: {}", status.ToString());
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

absl::Status Fleet::Adopt(const AppSessionInfo& info) {
  const pony::SessionMemory* memory = sessions_.Memory(info.id);
  if (memory == nullptr || info.engine >= size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("session ", info.id, " of engine ", info.engine, " cannot be adopted"));
  }
  absl::Status adopted;
  absl::Status asked = unit(info.engine).With([&](pony::PonyEngine& engine) {
    adopted = engine.AdoptSession(info.id, *memory);
  });
  return asked.ok() ? adopted : asked;
}

absl::Status Fleet::AddSession(const AppSessionInfo& info, const pony::SessionMemory& memory) {
  absl::Status added;
  absl::Status asked = unit(info.engine).With([&](pony::PonyEngine& engine) {
    added = engine.AddSession(info.id, memory);
  });
  return asked.ok() ? added : asked;
}

void Fleet::RemoveSession(const AppSessionInfo& info) {
  absl::Status removed;
  if (info.engine < engines_.size() && !engines_[info.engine].released) {
    removed = unit(info.engine).With([&](pony::PonyEngine& engine) {
      // It may be gone already: the predecessor noticed its end, too.
      engine.RemoveSession(info.id).IgnoreError();
    });
  }
  if (removed.ok()) {
    sessions_.RemoveDone(info.id);
  } else {
    // The engine may touch the memory yet: it stays.
    spdlog::error("session {} cannot be removed: {}", info.id, removed.ToString());
  }
}

absl::Status Fleet::StartEngine(uint32_t engine, uint16_t generation) {
  engines_[engine].released = false;
  const absl::StatusOr<std::optional<driver::TxCells>> cells =
      ReadTxCells(card_->csr(), card_->info(), engine);
  if (!cells.ok()) return cells.status();
  absl::Status status = unit(engine).Start(generation, *cells);
  if (upkeep_ == nullptr) upkeep_ = std::make_unique<CardUpkeep>(loop_, *this);
  return status;
}

absl::Status Fleet::StartFresh(uint32_t engine, uint16_t generation) {
  if (absl::Status status = unit(engine).Stop(); !status.ok()) return status;
  engines_[engine].released = true;  // nothing below is to reach the engine
  for (const AppSessionInfo& info : sessions_.List()) {
    if (info.engine == engine) sessions_.Close(info.id);
  }
  unit(engine).Reset(NewEpoch(), Random());
  return StartEngine(engine, generation);
}

void Fleet::ReleaseEngine(uint32_t engine) { engines_[engine].released = true; }

StatusReply Fleet::Status() {
  StatusReply reply;
  reply.set_name(config_.name());
  const std::vector<AppSessionInfo> sessions = sessions_.List();
  std::vector<uint32_t> sessions_of(size());
  for (const AppSessionInfo& info : sessions) {
    SessionStatus& session = *reply.add_sessions();
    session.set_id(info.id);
    session.set_name(info.name);
    session.set_engine(info.engine);
    session.set_pid(info.pid);
    session.set_uid(info.uid);
    ++sessions_of[info.engine];
  }
  reply.set_function(card_->function());
  const driver::CardInfo& info = card_->info();
  CardStatus& card = *reply.mutable_card();
  if (config_.card().has_fpga()) {
    card.set_kind("fpga");
    card.set_location(config_.card().fpga().device());
  } else if (config_.card().has_embedded()) {
    card.set_kind("embedded");
    card.set_location(config_.card().embedded().port());
  } else {
    card.set_kind("sim");
    card.set_location(config_.card().sim().directory());
  }
  card.set_version(info.version);
  card.set_functions(info.functions);
  card.set_queues(info.queues);
  card.set_hold_cells(info.hold_cells);
  card.set_mtu(info.mtu);
  for (std::string& name : driver::CapabilityNames(info.capabilities)) {
    card.add_capabilities(std::move(name));
  }
  card.set_tx_cells(info.tx_cells);
  card.set_pacing_horizon_us(static_cast<double>(info.pacing_horizon()) / runtime::kMicrosecond);
  for (uint32_t id = 0; id < engines_.size(); ++id) {
    EngineStatus& status = *reply.add_engines();
    status.set_id(id);
    status.set_owner(static_cast<uint32_t>(OwnerOf(id)));
    status.set_sessions(sessions_of[id]);
    status.set_cpu_seconds(static_cast<double>(unit(id).CpuTime()) / runtime::kSecond);
    auto& counters = *status.mutable_counters();
    absl::Status asked = unit(id).With([&](pony::PonyEngine& engine) {
      AddCounter(counters, "connections", engine.connections());
      const pony::EngineStats& stats = engine.stats();
      stats.ForEach([&](const char* name, uint64_t value) { AddCounter(counters, name, value); });
      AddCounter(counters, "retransmissions",
                 stats.retransmitted_timeout + stats.retransmitted_fast);
    });
    if (!asked.ok()) spdlog::warn("engine {} does not answer: {}", id, asked.ToString());
    const driver::PortCounters port = unit(id).port().counters();
    AddCounter(counters, "rx_bad_prefix", port.rx_bad_prefix);
    AddCounter(counters, "rx_wrong_owner", port.rx_wrong_owner);
    AddCounter(counters, "rx_no_buffer", port.rx_no_buffer);
    AddCounter(counters, "tx_timed", port.tx_timed);
    AddCounter(counters, "tx_no_cells", port.tx_no_cells);
    AddCounter(counters, "departures_reported", port.departures_reported);
    for (uint32_t queue = 0; queue < port.queues; ++queue) {
      status.add_rx_of_queue(port.rx_of_queue[queue]);
    }
    if (info.capabilities.pacing) status.set_pacing_mbps(config_.pony().pacing_mbps());
  }
  return reply;
}

absl::Status ReadCardCounters(driver::CsrWindow& window, StatusReply& status) {
  absl::StatusOr<driver::CardInfo> info = driver::Identify(window);
  if (!info.ok()) return info.status();
  status.mutable_card()->set_epoch(info->epoch);
  status.mutable_card()->set_link(info->link_up);
  const absl::StatusOr<std::optional<uint32_t>> lease = driver::Lease(window, 0).Holder();
  if (!lease.ok()) return lease.status();
  status.mutable_card()->set_leased(lease->has_value());
  status.mutable_card()->set_lease_function(lease->value_or(0));
  for (EngineStatus& engine : *status.mutable_engines()) {
    driver::OwnerRow row(window, OwnerOf(engine.id()));
    absl::StatusOr<regs::SwitchWord> word = row.Read();
    if (!word.ok()) return word.status();
    engine.set_state(std::string(StateName(word->state)));
    engine.set_generation(word->generation);
    const absl::StatusOr<std::optional<driver::TxCells>> cells =
        ReadTxCells(window, *info, engine.id());
    if (!cells.ok()) return cells.status();
    if (*cells) {
      engine.set_tx_quota((*cells)->quota);
      engine.set_tx_cells((*cells)->taken - (*cells)->released);
    }
    absl::StatusOr<driver::CounterSnapshot> snapshot = row.ReadCounters();
    if (!snapshot.ok()) return snapshot.status();
    for (size_t i = 0; i < snapshot->owner.size(); ++i) {
      AddCounter(*engine.mutable_card_counters(), regs::kOwnerCounterNames[i], snapshot->owner[i]);
    }
    status.mutable_card()->clear_counters();  // the latest snapshot stands for the card
    for (size_t i = 0; i < snapshot->global.size(); ++i) {
      AddCounter(*status.mutable_card()->mutable_counters(), regs::kGlobalCounterNames[i],
                 snapshot->global[i]);
    }
  }
  return absl::OkStatus();
}

}  // namespace farrier::host
