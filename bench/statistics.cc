#include "bench/statistics.h"

#include <algorithm>
#include <cstddef>

namespace farrier::bench {

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double QuantileUs(std::vector<runtime::Nanoseconds> times, double q) {
  if (times.empty()) return 0;
  const auto place = static_cast<ptrdiff_t>(q * static_cast<double>(times.size() - 1));
  std::nth_element(times.begin(), times.begin() + place, times.end());
  return static_cast<double>(times[place]) / runtime::kMicrosecond;
}

}  // namespace farrier::bench
