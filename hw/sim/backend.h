#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "hw/model/card.h"
#include "hw/sim/rtl_trace.h"

namespace farrier::sim {

// A card to put into a process.
struct Backend {
  std::unique_ptr<model::Card> card;
  int functions = 0;
  std::function<uint64_t()> cycles;  // simulated so far; empty: this card has none
};

// `name`: "model" or "rtl"; only the latter has something to trace. `sink` outlives the card.
absl::StatusOr<Backend> MakeBackend(const std::string& name, const std::array<uint8_t, 6>& mac,
                                    const TraceOptions& trace, model::CardSink& sink);

}  // namespace farrier::sim
