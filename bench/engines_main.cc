// farrier-bench-engines: measures the engine runtime, prints the figures, writes them as a report.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/engine_figures.h"

namespace farrier::bench {
namespace {

struct Topic {
  const char* name;  // what its figures' names begin with
  std::vector<Figure> (*figures)(int runs);
};

constexpr Topic kTopics[] = {
    {"poll", PollFigures},           {"mailbox", MailboxFigures},
    {"migration", MigrationFigures}, {"compacting", CompactingFigures},
    {"load", LoadFigures},           {"timer", TimerWheelFigures},
    {"element", ElementFigures},     {"wakeup", WakeupFigures},
};

int Main(int argc, char** argv) {
  CLI::App app("Measures the engine runtime: medians of several runs.", "farrier-bench-engines");
  std::string report;
  std::vector<std::string> names, only;
  int runs = 5;
  for (const Topic& topic : kTopics) names.emplace_back(topic.name);
  app.add_option("--report", report, "Write the figures to this file, as JSON");
  app.add_option("--only", only, "Only these topics; a report keeps the others' figures")
      ->check(CLI::IsMember(names));
  app.add_option("--runs", runs, "Runs of each")->check(CLI::Range(1, 1000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  for (const Topic& topic : kTopics) {
    if (!only.empty() && std::find(only.begin(), only.end(), topic.name) == only.end()) continue;
    const std::vector<Figure> figures = topic.figures(runs);
    std::printf("%s", FormatTable(figures).c_str());
    std::fflush(stdout);
    if (report.empty()) continue;
    if (absl::Status status = WriteReport(report, topic.name, figures); !status.ok()) {
      std::fprintf(stderr, "farrier-bench-engines: %s\n", std::string(status.message()).c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace farrier::bench

int main(int argc, char** argv) { return farrier::bench::Main(argc, argv); }
