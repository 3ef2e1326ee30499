#pragma once

#include <string>
#include <vector>

#include "engines/elements/config_reader.h"
#include "host/config.pb.h"
#include "hw/driver/rules.h"

namespace farrier::host {

// What a packet engine's pipeline calls the packets of its owner on the card.
inline constexpr char kCardPort[] = "card";

// Adds a line to `errors` for all that is wrong with the packet engines of a configuration, and
// sets what is optional and absent. Its groups and Pony engines have been checked.
void CheckPacketEngines(Config& config, std::vector<std::string>& errors);

// What a rule asks of the card; of no meaning if that adds to `errors`.
driver::RuleMatch ReadReceiveRule(const ReceiveRule& rule, const std::string& path,
                                  elements::ConfigErrors& errors);

}  // namespace farrier::host
