#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

class Vfarrier_card;
class VerilatedContext;

namespace farrier::sim {

struct TraceOptions {
  std::string file;  // FST; empty: no trace
  uint64_t first_cycle = 0;
  uint64_t cycles = 1'000'000;  // from then on; 0: to the end
};

// The waveforms of a Verilated card. RTL that can be traced is compiled anew and slower, so there
// are two of these: programs are linked with farrier_rtl_card, which has no tracing, or with
// farrier_rtl_card_trace.
class RtlTrace {
 public:
  // Whether this program has tracing.
  static bool Available();

  // A cycle of the board's 250 MHz.
  static constexpr uint64_t kCycleNs = 4;

  // Between two cycles; both outlive the trace. Unimplemented without tracing, else an error names
  // the file.
  static absl::StatusOr<std::unique_ptr<RtlTrace>> Open(VerilatedContext& context,
                                                        Vfarrier_card& card,
                                                        const std::string& file);
  // The file is complete then.
  virtual ~RtlTrace() = default;

  // The signals as they are, after an eval.
  virtual void Dump(uint64_t time_ns) = 0;
};

}  // namespace farrier::sim
