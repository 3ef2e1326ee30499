#include "host/card_setup.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hw/driver/filters.h"
#include "hw/driver/owner_row.h"

namespace farrier::host {
namespace {

constexpr uint32_t kEthernetHeader = 14;

// A row moves by itself only while a rival writes it; more than a few are none of ours.
constexpr int kAttachAttempts = 8;

regs::SwitchWord Word(regs::OwnerState state, uint32_t function, uint32_t queue,
                      uint32_t generation) {
  regs::SwitchWord word{};
  word.state = static_cast<uint32_t>(state);
  word.function = function;
  word.queue_base = queue;
  word.generation = generation;
  return word;
}

}  // namespace

absl::StatusOr<driver::CardInfo> IdentifyFor(driver::CsrWindow& window, const Config& config,
                                             uint32_t function) {
  absl::StatusOr<driver::CardInfo> info = driver::Identify(window);
  if (!info.ok()) return info.status();
  if (function >= info->functions) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the card has %d functions, none numbered %d", info->functions, function));
  }
  if (config.pony().engines() > info->queues) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "pony.engines: %d must be at most %d, the queue pairs the card has per function",
        config.pony().engines(), info->queues));
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

absl::Status SetUpCard(driver::CsrWindow& window, const driver::CardInfo& info,
                       const Config& config, uint32_t epoch) {
  absl::Status status = window.Write(regs::kRegWatchdogUs, config.card().watchdog_ms() * 1000);
  if (!status.ok()) return status;
  if (info.epoch == 0) {
    status = window.Write(regs::kRegDefaultOwner, 0);
    if (!status.ok()) return status;
  }
  driver::Filters filters(window, info.filter_depth);
  const uint32_t engines = config.pony().engines();
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
    const auto port = static_cast<uint16_t>(config.pony().first_port() + engine);
    status = filters.Install(driver::UdpListen(ip, port), OwnerOf(engine));
    if (!status.ok()) return status;
  }
  return info.epoch == 0 ? driver::SetEpoch(window, epoch) : absl::OkStatus();
}

absl::StatusOr<uint16_t> AttachEngine(driver::CsrWindow& window, uint32_t engine,
                                      uint32_t function) {
  driver::OwnerRow row(window, OwnerOf(engine));
  for (int attempt = 0; attempt < kAttachAttempts; ++attempt) {
    absl::StatusOr<regs::SwitchWord> now = row.Read();
    if (!now.ok()) return now.status();
    absl::StatusOr<driver::SwitchOutcome> outcome =
        row.Switch(Word(regs::OwnerState::kAttached, function, engine, now->generation));
    if (!outcome.ok()) return outcome.status();
    if (outcome->won) return static_cast<uint16_t>(outcome->row.generation);
  }
  return absl::AbortedError(
      absl::StrCat("another process takes the card's owner ", engine + 1,
                   " again and again; is a second farrierd configured for this card?"));
}

absl::Status DetachEngine(driver::CsrWindow& window, uint32_t engine, uint16_t generation) {
  driver::OwnerRow row(window, OwnerOf(engine));
  return row.Switch(Word(regs::OwnerState::kDetached, 0, 0, generation)).status();
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
