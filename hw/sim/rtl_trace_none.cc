#include "hw/sim/rtl_trace.h"

namespace farrier::sim {

bool RtlTrace::Available() { return false; }

absl::StatusOr<std::unique_ptr<RtlTrace>> RtlTrace::Open(VerilatedContext&, Vfarrier_card&,
                                                         const std::string& file) {
  return absl::UnimplementedError("--trace " + file +
                                  ": the RTL of this program has no waveforms; `make trace` "
                                  "builds one beside it that has, farrier-card-trace");
}

}  // namespace farrier::sim
