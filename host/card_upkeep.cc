#include "host/card_upkeep.h"

#include <spdlog/spdlog.h>

#include "host/card_setup.h"
#include "host/fleet.h"
#include "hw/driver/owner_row.h"

namespace farrier::host {
namespace {

// A port that waits for cells has lost at least a report: nothing is in a hurry.
constexpr runtime::Nanoseconds kCellsPeriod = 100 * runtime::kMillisecond;
constexpr int kBeatsPerLimit = 4;

}  // namespace

CardUpkeep::CardUpkeep(EventLoop& loop, Fleet& fleet)
    : loop_(loop),
      fleet_(fleet),
      heartbeat_(fleet.card().csr(), fleet.card().info(), fleet.card().function()),
      limit_(fleet.config().card().heartbeat_ms() * runtime::kMillisecond) {
  if (limit_ > 0) {
    if (absl::Status armed = heartbeat_.Arm(limit_); armed.ok()) {
      beats_ = true;
      last_beat_ = loop_.clock().Now();
      beat_timer_ = loop_.After(limit_ / kBeatsPerLimit, [this] { Beat(); });
    } else {
      spdlog::error("the card expects no heartbeat: {}", armed.ToString());
    }
  }
  if (fleet_.card().info().capabilities.pacing) SyncCells();
}

CardUpkeep::~CardUpkeep() {
  if (beats_) loop_.Cancel(beat_timer_);
  if (fleet_.card().info().capabilities.pacing) loop_.Cancel(cells_timer_);
}

void CardUpkeep::Disarm() {
  if (!beats_) return;
  beats_ = false;
  loop_.Cancel(beat_timer_);
  absl::Status status = heartbeat_.Disarm();
  if (!status.ok()) spdlog::error("the card still expects a heartbeat: {}", status.ToString());
}

void CardUpkeep::Beat() {
  const runtime::Nanoseconds now = loop_.clock().Now();
  absl::Status status = heartbeat_.Beat();
  if (!status.ok()) spdlog::warn("the card missed a heartbeat: {}", status.ToString());
  // The card's reckoning ends a little later than ours.
  if (2 * (now - last_beat_) >= limit_) TakeBack();
  if (status.ok()) last_beat_ = now;
  beat_timer_ = loop_.After(limit_ / kBeatsPerLimit, [this] { Beat(); });
}

void CardUpkeep::TakeBack() {
  if (fleet_.handing_over()) return;  // its state machine decides about rows
  for (uint32_t engine = 0; engine < fleet_.size(); ++engine) {
    driver::OwnerRow row(fleet_.card().csr(), OwnerOf(engine));
    absl::StatusOr<regs::SwitchWord> now = row.Read();
    if (!now.ok() || now->state != static_cast<uint32_t>(regs::OwnerState::kHeld) ||
        now->function != fleet_.card().function() ||
        now->generation != fleet_.unit(engine).generation()) {
      continue;
    }
    absl::StatusOr<driver::SwitchOutcome> outcome =
        row.Switch(EngineRow(regs::OwnerState::kAttached, fleet_.card().function(), engine,
                             fleet_.card().queues_per_engine(), now->generation));
    if (!outcome.ok() || !outcome->won) continue;
    spdlog::warn("engine {}: the card held its packets for want of a heartbeat", engine);
    absl::Status started =
        fleet_.StartEngine(engine, static_cast<uint16_t>(outcome->row.generation));
    if (!started.ok()) spdlog::error("engine {}: {}", engine, started.ToString());
  }
}

void CardUpkeep::SyncCells() {
  for (uint32_t engine = 0; engine < fleet_.size(); ++engine) {
    EngineUnit& unit = fleet_.unit(engine);
    if (!unit.running() || !unit.port().OutOfTxCells()) continue;
    driver::OwnerRow row(fleet_.card().csr(), OwnerOf(engine));
    const absl::StatusOr<uint32_t> seen = row.ReadTxSeen();
    const absl::StatusOr<driver::TxCells> cells = row.ReadTxCells();
    if (!seen.ok() || !cells.ok()) continue;  // the next time
    absl::Status asked = unit.With([&](HostedEngine&) { unit.port().SyncTxCells(*seen, *cells); });
    if (!asked.ok()) spdlog::warn("engine {} does not answer: {}", engine, asked.ToString());
  }
  cells_timer_ = loop_.After(kCellsPeriod, [this] { SyncCells(); });
}

}  // namespace farrier::host
