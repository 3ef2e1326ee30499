#pragma once

#include <cstdint>
#include <memory>

#include "pony/congestion_controller.h"

namespace farrier::pony {

// As many packets in flight as configured, except that after a timeout it probes with one until the
// peer is heard again; and the packets of a flow as far apart as its rate wants, `pacing_mbps` in
// Mb/s on the wire, 0 for departures that are not timed. For links whose capacity is known.
std::unique_ptr<CongestionController> MakeFixedWindow(uint32_t packets, uint32_t pacing_mbps);

}  // namespace farrier::pony
