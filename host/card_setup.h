#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/config.h"
#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"
#include "hw/driver/tx_cells.h"
#include "hw/regs/registers.h"

namespace farrier::host {

// What a daemon asks of its card; see "Identities" in docs/architecture.md. Same thread as the
// window. Errors name the card's register or row and what to do.

inline runtime::OwnerId OwnerOf(uint32_t engine) {
  return static_cast<runtime::OwnerId>(engine + 1);
}

// Identifies the card and checks that it can carry what the configuration wants on `function`.
absl::StatusOr<driver::CardInfo> IdentifyFor(driver::CsrWindow& window, const Config& config,
                                             uint32_t function);

// The longest frame of an engine, in bytes: a packet of the MTU behind a header with a VLAN tag.
uint32_t MaxFrame(const Config& config);

// Queue pairs that each engine gets on this card: engine i those from i times so many on.
uint32_t QueuesPerEngine(const Config& config, const driver::CardInfo& info);

// The row of an engine whose queue pairs are on `function`.
regs::SwitchWord EngineRow(regs::OwnerState state, uint32_t function, uint32_t engine,
                           uint32_t queues_per_engine, uint32_t generation);

// The TX cells of an engine whose row has been won; nothing if the card does not pace.
absl::StatusOr<std::optional<driver::TxCells>> ReadTxCells(driver::CsrWindow& window,
                                                           const driver::CardInfo& info,
                                                           uint32_t engine);

// Loads what does not move with an engine: watchdog, default owner, ternary rules, Pony's ports,
// quotas, one filter per Pony engine. To be called by the holder of the lease. On a card that a
// predecessor set up everything is there already and packets keep flowing; on one that was reset
// since, `epoch` (not 0) marks the end of the set-up.
absl::Status SetUpCard(driver::CsrWindow& window, const driver::CardInfo& info,
                       const Config& config, uint32_t epoch);

// Gives the engine's owner to its queues on `function`, whatever a dead predecessor left in the
// row, and returns the row's generation. Packets that the card holds are delivered.
absl::StatusOr<uint16_t> AttachEngine(driver::CsrWindow& window, uint32_t engine, uint32_t function,
                                      uint32_t queues_per_engine);

// Takes the owner from this process: packets go to the default owner from now on. Nothing happens
// if the row's generation is not `generation`: it is somebody else's.
absl::Status DetachEngine(driver::CsrWindow& window, uint32_t engine, uint16_t generation);

std::string_view StateName(uint32_t owner_state);

}  // namespace farrier::host
