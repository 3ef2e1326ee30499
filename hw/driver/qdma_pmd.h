#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace farrier::driver {

// Xilinx' QDMA poll-mode driver takes itself for the only process on the card: each start sets up
// the QDMA's global state anew and takes queues from 0. Two farrierds on one card need one that was
// patched to take two arguments: `qbase`, its first queue, and `global_init`, 0 to leave the
// global state alone. docs/hardware.md says what to patch.

// Whether the driver in the shared object says that it takes both, where DPDK's tools read it
// (RTE_PMD_REGISTER_PARAM_STRING). kNotFound: no such file; kFailedPrecondition: another driver,
// or the stock one.
absl::Status CheckQdmaPmd(const std::filesystem::path& file);

// DPDK's name and arguments of a function's port.
std::string QdmaDevargs(const std::string& address, uint32_t function, bool global_init);

}  // namespace farrier::driver
