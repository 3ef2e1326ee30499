#pragma once

#include <verilated.h>

#if VM_COVERAGE
#include <unistd.h>
#include <verilated_cov.h>

#include <atomic>
#include <cstdlib>
#include <string>
#endif

namespace farrier::rtl {

// In a coverage build (tools/coverage.py), writes what a Verilated model has covered into the
// folder FARRIER_COVERAGE_DIR, if that is set. Nothing in other builds.
inline void WriteCoverage([[maybe_unused]] VerilatedContext& context) {
#if VM_COVERAGE
  static std::atomic<int> count = 0;
  if (const char* const folder = std::getenv("FARRIER_COVERAGE_DIR")) {
    const std::string path = std::string(folder) + "/" + std::to_string(getpid()) + "_" +
                             std::to_string(count++) + ".dat";
    context.coveragep()->write(path.c_str());
  }
#endif
}

}  // namespace farrier::rtl
