// farrier-bench-engines: measures the engine runtime, prints medians, writes them as a report.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/report.h"
#include "bench/wakeup_bench.h"

namespace farrier::bench {
namespace {

// What there is to measure. The names of a part's figures begin with the part's.
struct Part {
  const char* name;
  absl::StatusOr<std::vector<Figure>> (*measure)(int runs);
};
constexpr Part kParts[] = {
    {"wakeup", MeasureWakeups},
};

int Main(int argc, char** argv) {
  CLI::App app("Measures Farrier's engine runtime: medians of several runs.",
               "farrier-bench-engines");
  std::string report;
  std::vector<std::string> names, only;
  int runs = 5;
  for (const Part& part : kParts) names.emplace_back(part.name);
  app.add_option("--report", report,
                 "Write the figures to this file, as JSON; those of other parts stay");
  app.add_option("--only", only, "These parts alone")->check(CLI::IsMember(names));
  app.add_option("--runs", runs, "Of each")->check(CLI::Range(1, 1000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  bool failed = false;
  for (const Part& part : kParts) {
    if (!only.empty() && std::find(only.begin(), only.end(), part.name) == only.end()) continue;
    const absl::StatusOr<std::vector<Figure>> figures = part.measure(runs);
    absl::Status status = figures.status();
    if (status.ok()) {
      std::printf("%s, medians of %d runs\n%s", part.name, runs, FormatTable(*figures).c_str());
      std::fflush(stdout);
      if (!report.empty()) status = WriteReport(report, std::string(part.name) + "_", *figures);
    }
    if (!status.ok()) {
      std::fprintf(stderr, "farrier-bench-engines: %s: %s\n", part.name,
                   std::string(status.message()).c_str());
      failed = true;
    }
  }
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace farrier::bench

int main(int argc, char** argv) { return farrier::bench::Main(argc, argv); }
