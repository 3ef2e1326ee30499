#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "bench/report.h"

namespace farrier::bench {

// How long after its doorbell was rung an engine of a spreading group is polled, while two threads
// of nice 0 compute on each core: under the best thread class to be had and, in the same run, under
// the default one. Medians of `runs`. Takes `runs` times some 10 s and all cores.
absl::StatusOr<std::vector<Figure>> MeasureWakeups(int runs);

}  // namespace farrier::bench
