// farrier-bench: runs the benchmarks, prints medians, writes them as a report.

#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/report.h"

namespace farrier::bench {
namespace {

// Keeps the medians over the repetitions as figures. A benchmark's label is the target of its
// rates, which are per CPU-second.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) {
        std::fprintf(stderr, "%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
        failed = true;
        continue;
      }
      if (run.run_type != Run::RT_Aggregate || run.aggregate_name != "median") continue;
      const std::string name = run.run_name.str();
      figures.push_back({name + ".cpu", run.GetAdjustedCPUTime(), "ns", ""});
      for (const auto& [counter, value] : run.counters) {
        figures.push_back({name + "." + counter, value.value, "1/s", run.report_label});
      }
      std::fprintf(stderr, ".");
    }
  }
  std::vector<Figure> figures;
  bool failed = false;
};

int Main(int argc, char** argv) {
  CLI::App app("Runs Farrier's benchmarks: medians of several runs each.", "farrier-bench");
  std::string report, filter = ".";
  int repetitions = 5;
  app.add_option("--report", report, "Write the figures to this file, as JSON");
  app.add_option("--filter", filter, "Only benchmarks whose name matches this expression")
      ->capture_default_str();
  app.add_option("--repetitions", repetitions, "Runs of each")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  std::vector<std::string> flags = {"farrier-bench", "--benchmark_filter=" + filter,
                                    "--benchmark_repetitions=" + std::to_string(repetitions),
                                    "--benchmark_min_time=0.2"};
  std::vector<char*> flag_pointers;
  for (std::string& flag : flags) flag_pointers.push_back(flag.data());
  int flag_count = static_cast<int>(flag_pointers.size());
  benchmark::Initialize(&flag_count, flag_pointers.data());
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  std::fprintf(stderr, "\n");
  std::printf("medians of %d runs\n%s", repetitions, FormatTable(collector.figures).c_str());
  if (!report.empty()) {
    if (absl::Status status = WriteReport(report, "", collector.figures); !status.ok()) {
      std::fprintf(stderr, "farrier-bench: %s\n", std::string(status.message()).c_str());
      return 1;
    }
  }
  return collector.failed ? 1 : 0;
}

}  // namespace
}  // namespace farrier::bench

int main(int argc, char** argv) { return farrier::bench::Main(argc, argv); }
