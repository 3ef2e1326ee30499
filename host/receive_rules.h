#pragma once

#include <vector>

#include "absl/status/status.h"
#include "host/config.h"
#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"
#include "hw/driver/rules.h"

namespace farrier::host {

// The card's ternary rules that a validated configuration asks for, in their order.
std::vector<driver::Rule> ReceiveRules(const Config& config);

// Makes them the card's only ones, and its default owner the configured one; owner 0 if there is
// none. What the card has already is not touched. By the holder of the lease; same thread as the
// window. A card without rules is one that has none.
absl::Status InstallReceiveRules(driver::CsrWindow& window, const driver::CardInfo& info,
                                 const Config& config);

}  // namespace farrier::host
