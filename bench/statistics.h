#pragma once

#include <vector>

#include "engines/runtime/clock.h"

namespace farrier::bench {

// The middle one; of an even number the upper of the two. At least one.
double Median(std::vector<double> values);

// The quantile `q` (0-1) of some times, in us; 0 without any.
double QuantileUs(std::vector<runtime::Nanoseconds> times, double q);

}  // namespace farrier::bench
