#pragma once

#include "host/config.h"
#include "host/hosted_engine.h"
#include "hw/driver/owner_port.h"

namespace farrier::host {

// Makes a packet engine of a validated configuration. `port` outlives what it makes.
EngineMaker PacketEngineMaker(const PacketEngineConfig& config, driver::OwnerPort& port);

}  // namespace farrier::host
