#include "host/card_setup.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/receive_rules.h"
#include "hw/driver/filters.h"
#include "hw/driver/owner_row.h"

namespace farrier::host {
namespace {

constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kVlanTag = 4;

// A row moves by itself only while a rival writes it; more than a few are none of ours.
constexpr int kAttachAttempts = 8;

constexpr uint32_t kDefaultQueues = 2;

}  // namespace

absl::StatusOr<driver::CardInfo> IdentifyFor(driver::CsrWindow& window, const Config& config,
                                             uint32_t function) {
  absl::StatusOr<driver::CardInfo> info = driver::Identify(window);
  if (!info.ok()) return info.status();
  if (function >= info->functions) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the card has %d functions, none numbered %d", info->functions, function));
  }
  const uint32_t engines = EngineCount(config);
  if (engines > info->queues) {
    const int packet_engines = config.packet_engines_size();
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: %d must be at most %d, the queue pairs the card has per function",
        packet_engines == 0 ? "pony.engines" : "pony.engines and packetEngines together", engines,
        info->queues));
  }
  const uint32_t queues = config.pony().queues_per_engine();
  if (queues * engines > info->queues) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "pony.queuesPerEngine: %d for each of %d engines, and the card has %d queue pairs per "
        "function",
        queues, engines, info->queues));
  }
  for (int i = 0; i < config.packet_engines_size(); ++i) {
    if (config.packet_engines(i).receive().empty() || info->capabilities.ternary) continue;
    return absl::FailedPreconditionError(absl::StrFormat(
        "packetEngines[%d].receive: %d rules, and this card has none; leave it out and give "
        "\"defaultOwner\": true",
        i, config.packet_engines(i).receive_size()));
  }
  if (queues > 1 && !info->capabilities.rss) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "pony.queuesPerEngine: %d must be 1: this card has no RSS and fills one queue", queues));
  }
  if (config.card().heartbeat_ms() != 0 && !info->capabilities.heartbeat) {
    return absl::FailedPreconditionError(
        absl::StrFormat("card.heartbeatMs: %d must be 0: this card has no heartbeat",
                        config.card().heartbeat_ms()));
  }
  if (config.network().mtu() + kEthernetHeader > info->mtu) {
    return absl::FailedPreconditionError(
        absl::StrFormat("network.mtu: %d must be at most %d, what the card carries",
                        config.network().mtu(), info->mtu - kEthernetHeader));
  }
  if (config.card().quota_cells() > info->hold_cells) {
    return absl::FailedPreconditionError(
        absl::StrFormat("card.quotaCells: %d must be at most %d, what the card has",
                        config.card().quota_cells(), info->hold_cells));
  }
  return info;
}

uint32_t MaxFrame(const Config& config) {
  return config.network().mtu() + kEthernetHeader + kVlanTag;
}

uint32_t QueuesPerEngine(const Config& config, const driver::CardInfo& info) {
  if (config.pony().has_queues_per_engine()) return config.pony().queues_per_engine();
  const bool room = EngineCount(config) * kDefaultQueues <= info.queues;
  return info.capabilities.rss && room ? kDefaultQueues : 1;
}

regs::SwitchWord EngineRow(regs::OwnerState state, uint32_t function, uint32_t engine,
                           uint32_t queues_per_engine, uint32_t generation) {
  return {.state = static_cast<uint32_t>(state),
          .function = function,
          .queue_base = engine * queues_per_engine,
          .log2_queues = static_cast<uint32_t>(std::countr_zero(queues_per_engine)),
          .generation = generation};
}

absl::StatusOr<std::optional<driver::TxCells>> ReadTxCells(driver::CsrWindow& window,
                                                           const driver::CardInfo& info,
                                                           uint32_t engine) {
  if (!info.capabilities.pacing) return std::nullopt;
  absl::StatusOr<driver::TxCells> cells = driver::OwnerRow(window, OwnerOf(engine)).ReadTxCells();
  if (!cells.ok()) return cells.status();
  return *cells;
}

absl::Status SetUpCard(driver::CsrWindow& window, const driver::CardInfo& info,
                       const Config& config, uint32_t epoch) {
  absl::Status status = window.Write(regs::kRegWatchdogUs, config.card().watchdog_ms() * 1000);
  if (!status.ok()) return status;
  status = InstallReceiveRules(window, info, config);
  if (!status.ok()) return status;
  driver::Filters filters(window, info.filter_depth);
  const uint32_t engines = EngineCount(config);
  const regs::PortRange ports = {.low = config.pony().first_port(),
                                 .high = config.pony().first_port() + config.pony().engines() - 1};
  status = window.Write(regs::kRegPonyPorts, ports.Pack());
  if (!status.ok()) return status;
  // One share stays for packets that only pass.
  const uint32_t quota = config.card().has_quota_cells()
                             ? config.card().quota_cells()
                             : std::max(1u, info.hold_cells / (engines + 1));
  const uint32_t ip = ParseIp(config.network().ip()).value();
  for (uint32_t engine = 0; engine < engines; ++engine) {
    driver::OwnerRow row(window, OwnerOf(engine));
    status = row.WriteQuota(quota);
    // The quota is fixed while a predecessor's packets are parked: it keeps the one it has.
    if (!status.ok() && !absl::IsFailedPrecondition(status)) return status;
    if (info.capabilities.pacing) {
      // Together no more than there is, so that an engine within its quota never meets full memory.
      status = row.WriteTxQuota(info.tx_cells / (engines + 1));
      if (!status.ok()) return status;
    }
    if (PacketEngineOf(config, engine) != nullptr) continue;
    const auto port = static_cast<uint16_t>(config.pony().first_port() + engine);
    status = filters.Install(driver::UdpListen(ip, port), OwnerOf(engine));
    if (!status.ok()) return status;
  }
  return info.epoch == 0 ? driver::SetEpoch(window, epoch) : absl::OkStatus();
}

absl::StatusOr<uint16_t> AttachEngine(driver::CsrWindow& window, uint32_t engine, uint32_t function,
                                      uint32_t queues_per_engine) {
  driver::OwnerRow row(window, OwnerOf(engine));
  for (int attempt = 0; attempt < kAttachAttempts; ++attempt) {
    absl::StatusOr<regs::SwitchWord> now = row.Read();
    if (!now.ok()) return now.status();
    absl::StatusOr<driver::SwitchOutcome> outcome = row.Switch(EngineRow(
        regs::OwnerState::kAttached, function, engine, queues_per_engine, now->generation));
    if (!outcome.ok()) return outcome.status();
    if (outcome->won) return static_cast<uint16_t>(outcome->row.generation);
  }
  return absl::AbortedError(
      absl::StrCat("another process takes the card's owner ", engine + 1,
                   " again and again; is a second farrierd configured for this card?"));
}

absl::Status DetachEngine(driver::CsrWindow& window, uint32_t engine, uint16_t generation) {
  driver::OwnerRow row(window, OwnerOf(engine));
  return row.Switch(EngineRow(regs::OwnerState::kDetached, 0, 0, 1, generation)).status();
}

std::string_view StateName(uint32_t owner_state) {
  switch (static_cast<regs::OwnerState>(owner_state)) {
    case regs::OwnerState::kDetached:
      return "DETACHED";
    case regs::OwnerState::kAttached:
      return "ATTACHED";
    case regs::OwnerState::kHeld:
      return "HELD";
    case regs::OwnerState::kDrop:
      return "DROP";
  }
  return "?";
}

}  // namespace farrier::host
