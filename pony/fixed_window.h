#pragma once

#include <memory>

#include "pony/congestion_controller.h"

namespace farrier::pony {

// As many packets in flight as configured, except that after a timeout it probes with one until the
// peer is heard again. For links whose capacity is known.
std::unique_ptr<CongestionController> MakeFixedWindow(uint32_t packets);

}  // namespace farrier::pony
