#include "tests/simulator/daemon.h"

#include <bit>
#include <optional>
#include <utility>

#include "hw/driver/card_info.h"
#include "hw/driver/filters.h"
#include "hw/driver/owner_row.h"

namespace farrier::sim {
namespace {

constexpr uint32_t kEthernetHeader = 14;
constexpr Nanoseconds kSyncPeriod = 20 * kMillisecond;

}  // namespace

Daemon::Daemon(EventQueue& queue, Random random, const DaemonOptions& options, SimCard& card,
               int function, DaemonObserver& observer)
    : queue_(queue),
      random_(std::move(random)),
      options_(options),
      card_(card),
      function_(function),
      observer_(observer),
      window_(card),
      info_(driver::Identify(window_).value()),
      queues_(info_.capabilities.rss ? options.queues : 1),
      slots_(options.engine.engines),
      group_(queue, random_.Fork("group"),
             {.group = options.group ? *options.group : SimGroup::Draw(random_),
              .times = options.times},
             [this](const std::string& what) { observer_.GroupFailed(what); }),
      sync_cells_(queue, [this] { SyncCells(); }) {
  for (uint32_t i = 0; i < engines(); ++i) {
    const auto first = static_cast<int>(i * queues_);
    slots_[i].port = std::make_unique<driver::CardPort>(
        card_, driver::CardPortOptions{.owner = owner(i),
                                       .function = function_,
                                       .queue = first,
                                       .queues = queues_,
                                       .rx_buffers = options_.rx_buffers,
                                       .max_frame = options_.engine.mtu + kEthernetHeader});
    MakeEngine(i);
    for (int queue = first; queue < first + static_cast<int>(queues_); ++queue) {
      card_.Connect(function_, queue, slots_[i].port.get(),
                    [this, i] { group_.Wake(*slots_[i].engine); });
    }
  }
}

Daemon::~Daemon() { card_.DisconnectFunction(function_); }

void Daemon::MakeEngine(uint32_t engine) {
  Slot& slot = slots_[engine];
  pony::EngineOptions options = options_.engine;
  options.id = engine;
  options.udp_port = static_cast<uint16_t>(options.udp_port + engine);
  options.epoch = static_cast<uint32_t>(random_.Uniform(1, UINT32_MAX));
  options.seed = random_.Bits();
  if (info_.capabilities.pacing) options.departure_lead = info_.pacing_horizon() / 2;
  if (!info_.capabilities.pacing) options.pacing_mbps = 0;
  if (slot.engine != nullptr) group_.Remove(*slot.engine);
  slot.engine = std::make_unique<pony::PonyEngine>(std::move(options), slot.port.get());
}

absl::Status Daemon::SetUpCard() {
  driver::Filters filters(window_, info_.filter_depth);
  for (uint32_t i = 0; i < engines(); ++i) {
    // Fixed while a predecessor's packets are parked: the row keeps the quota it has.
    const auto quota = driver::OwnerRow(window_, owner(i)).WriteQuota(options_.quota_cells);
    if (!quota.ok() && !absl::IsFailedPrecondition(quota)) return quota;
    if (info_.capabilities.pacing) {
      const auto status = driver::OwnerRow(window_, owner(i)).WriteTxQuota(options_.tx_quota_cells);
      if (!status.ok()) return status;
    }
    const auto port = static_cast<uint16_t>(options_.engine.udp_port + i);
    const auto key = driver::UdpListen(options_.engine.ip, port);
    if (auto status = filters.Install(key, owner(i)); !status.ok()) return status;
  }
  return driver::SetEpoch(window_, 1);
}

absl::Status Daemon::Boot() {
  if (auto status = SetUpCard(); !status.ok()) return status;
  for (uint32_t i = 0; i < engines(); ++i) {
    driver::OwnerRow row(window_, owner(i));
    const auto now = row.Read();
    if (!now.ok()) return now.status();
    const auto outcome =
        row.Switch(Row(i, regs::OwnerState::kAttached, static_cast<uint16_t>(now->generation)));
    if (!outcome.ok()) return outcome.status();
    if (!outcome->won) return absl::InternalError("an attach without a rival was refused");
    Run(i, static_cast<uint16_t>(outcome->row.generation));
  }
  return absl::OkStatus();
}

void Daemon::Run(uint32_t engine, uint16_t generation) {
  slots_[engine].generation = generation;
  std::optional<driver::TxCells> cells;
  if (info_.capabilities.pacing) {
    cells = driver::OwnerRow(window_, owner(engine)).ReadTxCells().value();
    sync_cells_.SetNoLaterThan(queue_.Now() + kSyncPeriod);
  }
  slots_[engine].port->SetGeneration(generation, cells);
  if (group_.Has(*slots_[engine].engine)) return group_.Wake(*slots_[engine].engine);
  group_.Add(
      *slots_[engine].engine, static_cast<int>(random_.Uniform(1, 3)),
      [this, engine] { observer_.BeforePoll(function_, engine, slots_[engine].generation); },
      [this, engine] { observer_.AfterPoll(engine); });
}

regs::SwitchWord Daemon::Row(uint32_t engine, regs::OwnerState state, uint16_t generation) const {
  return {.state = static_cast<uint32_t>(state),
          .function = static_cast<uint32_t>(function_),
          .queue_base = engine * queues_,
          .log2_queues = static_cast<uint32_t>(std::countr_zero(queues_)),
          .generation = generation};
}

void Daemon::SyncCells() {
  for (uint32_t i = 0; i < engines(); ++i) {
    if (!running(i) || !slots_[i].port->OutOfTxCells()) continue;
    driver::OwnerRow row(window_, owner(i));
    const auto seen = row.ReadTxSeen();
    slots_[i].port->SyncTxCells(*seen, *row.ReadTxCells());
    group_.Wake(*slots_[i].engine);
  }
  sync_cells_.Set(queue_.Now() + kSyncPeriod);
}

void Daemon::RunEmpty(uint32_t engine, uint16_t generation) {
  MakeEngine(engine);
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.engine == engine; });
  Run(engine, generation);
}

void Daemon::Freeze() {
  frozen_ = true;
  group_.Freeze();
}

void Daemon::Thaw() {
  frozen_ = false;
  group_.Thaw();
}

absl::Status Daemon::AddSession(uint32_t engine, const std::shared_ptr<Session>& session) {
  auto status = slots_[engine].engine->AddSession(session->id(), session->memory());
  if (!status.ok()) return status;
  group_.Wake(*slots_[engine].engine);  // the mailbox does
  sessions_[session->id()] = {engine, session};
  return absl::OkStatus();
}

absl::Status Daemon::AdoptSession(uint32_t engine, const std::shared_ptr<Session>& session) {
  auto status = slots_[engine].engine->AdoptSession(session->id(), session->memory());
  if (status.ok()) sessions_[session->id()] = {engine, session};
  return status;
}

void Daemon::RemoveSession(uint32_t session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  Slot& slot = slots_[found->second.engine];
  // NotFound: it went with the state of an engine that was restored without it.
  slot.engine->RemoveSession(session).IgnoreError();
  group_.Wake(*slot.engine);
  sessions_.erase(found);
}

std::vector<std::shared_ptr<Session>> Daemon::sessions(uint32_t engine) const {
  std::vector<std::shared_ptr<Session>> found;
  for (const auto& [id, served] : sessions_) {
    if (served.engine == engine) found.push_back(served.session);
  }
  return found;
}

}  // namespace farrier::sim
