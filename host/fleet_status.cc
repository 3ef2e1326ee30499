// Fleet: what it says of itself.

#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "host/card_setup.h"
#include "host/fleet.h"
#include "hw/driver/owner_row.h"

namespace farrier::host {
namespace {

void AddCounter(google::protobuf::RepeatedPtrField<Counter>& counters, absl::string_view name,
                uint64_t value) {
  Counter& counter = *counters.Add();
  counter.set_name(std::string(name));
  counter.set_value(value);
}

}  // namespace

StatusReply Fleet::Status() {
  StatusReply reply;
  reply.set_name(config_.name());
  reply.set_function(card_->function());
  DescribeCard(*reply.mutable_card());
  groups_->Look();
  for (GroupStatus& group : groups_->Status()) *reply.add_groups() = std::move(group);
  for (uint32_t engine = 0; engine < engines_.size(); ++engine) {
    DescribeEngine(engine, *reply.add_engines());
  }
  for (const AppSessionInfo& info : sessions_.List()) {
    SessionStatus& session = *reply.add_sessions();
    session.set_id(info.id);
    session.set_name(info.name);
    session.set_engine(info.engine);
    session.set_pid(info.pid);
    session.set_uid(info.uid);
    const runtime::Nanoseconds cpu = engines_[info.engine].account.OfSession(info.id);
    session.set_cpu_seconds(static_cast<double>(cpu) / runtime::kSecond);
    if (const pony::SessionMemory* memory = sessions_.Memory(info.id)) {
      session.set_memory_bytes(memory->region_bytes + memory->app_area_bytes +
                               memory->engine_area_bytes);
    }
    EngineStatus& engine = *reply.mutable_engines(static_cast<int>(info.engine));
    engine.set_sessions(engine.sessions() + 1);
  }
  return reply;
}

void Fleet::DescribeCard(CardStatus& card) const {
  const driver::CardInfo& info = card_->info();
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
}

void Fleet::DescribeEngine(uint32_t id, EngineStatus& status) {
  EngineUnit& engine_unit = unit(id);
  status.set_id(id);
  status.set_kind(EngineKind(config_, id));
  status.set_name(EngineName(config_, id));
  status.set_owner(static_cast<uint32_t>(OwnerOf(id)));
  EngineScheduling& scheduling = *status.mutable_scheduling();
  if (!groups_->Describe(id, scheduling)) scheduling.set_condition("stopped");
  if (!engine_unit.trouble().ok()) {
    scheduling.set_detail(std::string(engine_unit.trouble().message()));
  }
  scheduling.set_restarts(engines_[id].restarts);
  const runtime::Nanoseconds cpu =
      engines_[id].account.carried_cpu() + engine_unit.cpu_before() + groups_->CpuTime(id);
  status.set_cpu_seconds(static_cast<double>(cpu) / runtime::kSecond);
  if (!handing_over_) Account(id);
  status.set_own_cpu_seconds(static_cast<double>(engines_[id].account.own()) / runtime::kSecond);
  status.set_memory_bytes(engines_[id].memory_bytes);
  auto& counters = *status.mutable_counters();
  const absl::Status asked =
      engine_unit.With([&](HostedEngine& hosted) { hosted.Describe(status); });
  if (!asked.ok() && engine_unit.trouble().ok()) {
    spdlog::warn("engine {} does not answer: {}", id, asked.ToString());
  }
  const driver::PortCounters port = engine_unit.port().counters();
  AddCounter(counters, "rx_bad_prefix", port.rx_bad_prefix);
  AddCounter(counters, "rx_wrong_owner", port.rx_wrong_owner);
  AddCounter(counters, "rx_no_buffer", port.rx_no_buffer);
  AddCounter(counters, "tx_timed", port.tx_timed);
  AddCounter(counters, "tx_no_cells", port.tx_no_cells);
  AddCounter(counters, "departures_reported", port.departures_reported);
  for (uint32_t queue = 0; queue < port.queues; ++queue) {
    status.add_rx_of_queue(port.rx_of_queue[queue]);
  }
  if (card_->info().capabilities.pacing && PacketEngineOf(config_, id) == nullptr) {
    status.set_pacing_mbps(config_.pony().pacing_mbps());
  }
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
