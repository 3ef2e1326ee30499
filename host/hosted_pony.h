#pragma once

#include <cstdint>

#include "host/config.h"
#include "host/hosted_engine.h"
#include "hw/driver/card_info.h"
#include "hw/driver/owner_port.h"
#include "pony/service_directory.h"

namespace farrier::host {

// Makes Pony engine `engine` of a validated configuration, on a card that is `info`. `services` and
// `port` outlive what it makes.
EngineMaker PonyMaker(const Config& config, uint32_t engine, const driver::CardInfo& info,
                      pony::ServiceDirectory& services, driver::OwnerPort& port);

}  // namespace farrier::host
