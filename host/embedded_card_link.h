#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "host/card_link.h"

namespace farrier::host {

// Makes the card that is embedded in this process; see OpenCardLink. DPDK then lasts until the
// process ends, which must be by _Exit: a wire may need it (sim::Wire).
absl::StatusOr<std::unique_ptr<CardLink>> OpenEmbeddedCardLink(const Config& config);

}  // namespace farrier::host
