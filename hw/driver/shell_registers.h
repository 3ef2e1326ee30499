#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hw/driver/resource_csr_window.h"

namespace farrier::driver {

// What the host sets once per boot of the card in the registers of OpenNIC's shell (January 2025):
// which queues each function has, that the prefix picks among them, and that the CMAC runs.
// Clearing or moving a function's queues later would wedge the stream from the host for all
// functions, so it is never written twice. Thread and process: those of Bar2, under the CardLock.

// Queues of a function, in the QDMA's numbering: kMaxQueues from here on.
uint32_t FirstQueue(uint32_t function);

enum class ShellState {
  kFresh,  // since its boot nobody has set it up
  kReady,  // as SetUpShell leaves it
};

// kFailedPrecondition if somebody else has set it up, otherwise.
absl::StatusOr<ShellState> InspectShell(const Bar2& bar, uint32_t functions);

struct ShellOptions {
  uint32_t functions = 2;
  bool rs_fec =
      false;  // Reed-Solomon forward error correction, as the cable and its other end want
};

// On a fresh shell. Reads back what it wrote: kUnavailable if it did not stay.
absl::Status SetUpShell(Bar2& bar, const ShellOptions& options);

// Whether the CMAC is aligned with what it receives.
bool LinkUp(const Bar2& bar);

}  // namespace farrier::driver
