#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace farrier::bench {

// One measured value. `target` says what it should be, if anything: "<= 20", ">= 300000", "== 0".
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::string target;
  bool met() const;
};

// Writes {"figures": [...], "machine": {...}} to `path`, making its folder. Figures of an earlier
// report whose name does not start with `prefix` are kept, so that the variants of one command
// (say, "rtl." and "model.") end up side by side.
absl::Status WriteReport(const std::filesystem::path& path, const std::string& prefix,
                         const std::vector<Figure>& figures);

// The figures as a table for a terminal.
std::string FormatTable(const std::vector<Figure>& figures);

}  // namespace farrier::bench
