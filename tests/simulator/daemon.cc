#include "tests/simulator/daemon.h"

#include <utility>

#include "hw/driver/card_info.h"
#include "hw/driver/filters.h"
#include "hw/driver/owner_row.h"

namespace farrier::sim {
namespace {

constexpr uint32_t kEthernetHeader = 14;

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
      slots_(options.engine.engines) {
  for (uint32_t i = 0; i < engines(); ++i) {
    slots_[i].port = std::make_unique<driver::CardPort>(
        card_, driver::CardPortOptions{.owner = owner(i),
                                       .function = function_,
                                       .queue = static_cast<int>(i),
                                       .rx_buffers = options_.rx_buffers,
                                       .max_frame = options_.engine.mtu + kEthernetHeader});
    MakeEngine(i);
    card_.Connect(function_, static_cast<int>(i), slots_[i].port.get(),
                  [this, i] { slots_[i].runner->Wake(); });
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
  slot.runner.reset();
  slot.engine = std::make_unique<pony::PonyEngine>(std::move(options), slot.port.get());
  slot.runner = std::make_unique<EngineRunner>(
      queue_, Random(random_.Bits()), options_.runner, *slot.engine,
      [this, engine] { observer_.BeforePoll(function_, engine, slots_[engine].generation); },
      [this, engine] { observer_.AfterPoll(engine); });
}

absl::Status Daemon::SetUpCard() {
  const auto info = driver::Identify(window_);
  if (!info.ok()) return info.status();
  driver::Filters filters(window_, info->filter_depth);
  for (uint32_t i = 0; i < engines(); ++i) {
    // Fixed while a predecessor's packets are parked: the row keeps the quota it has.
    const auto quota = driver::OwnerRow(window_, owner(i)).WriteQuota(options_.quota_cells);
    if (!quota.ok() && !absl::IsFailedPrecondition(quota)) return quota;
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
    regs::SwitchWord word;
    word.state = static_cast<uint32_t>(regs::OwnerState::kAttached);
    word.function = static_cast<uint32_t>(function_);
    word.queue_base = i;
    word.generation = now->generation;
    const auto outcome = row.Switch(word);
    if (!outcome.ok()) return outcome.status();
    if (!outcome->won) return absl::InternalError("an attach without a rival was refused");
    Run(i, static_cast<uint16_t>(outcome->row.generation));
  }
  return absl::OkStatus();
}

void Daemon::Run(uint32_t engine, uint16_t generation) {
  slots_[engine].generation = generation;
  slots_[engine].port->SetGeneration(generation);
  slots_[engine].runner->Start();
}

void Daemon::RunEmpty(uint32_t engine, uint16_t generation) {
  MakeEngine(engine);
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.engine == engine; });
  Run(engine, generation);
}

void Daemon::Freeze() {
  for (uint32_t i = 0; i < engines(); ++i) {
    if (!running(i)) continue;
    frozen_.push_back(i);
    Stop(i);
  }
}

void Daemon::Thaw() {
  for (uint32_t i : std::exchange(frozen_, {})) slots_[i].runner->Start();
}

absl::Status Daemon::AddSession(uint32_t engine, const std::shared_ptr<Session>& session) {
  auto status = slots_[engine].engine->AddSession(session->id(), session->memory());
  if (!status.ok()) return status;
  slots_[engine].runner->Wake();  // the mailbox does
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
  slot.runner->Wake();
  sessions_.erase(found);
}

std::vector<std::shared_ptr<Session>> Daemon::sessions(uint32_t engine) const {
  std::vector<std::shared_ptr<Session>> found;
  for (const auto& [id, served] : sessions_) {
    if (served.engine == engine) found.push_back(served.session);
  }
  return found;
}

void Daemon::LookAtFds() {
  for (Slot& slot : slots_) slot.runner->LookAtFds();
}

}  // namespace farrier::sim
