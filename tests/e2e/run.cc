// farrier-run: what `make run` runs. Two hosts, two cards wired back to back, an echo server and a
// client that checks every byte, while the server's farrierd is upgraded twice under the traffic.

#include <google/protobuf/struct.pb.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "bench/report.h"
#include "host/control.pb.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/echo.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {
namespace {

using bench::Figure;
using google::protobuf::Struct;

constexpr int kServer = 1;  // the host whose farrierd is upgraded
constexpr absl::Duration kLimit = absl::Seconds(85);

std::atomic<bool> interrupted{false};

struct Options {
  std::string programs = ".";
  std::string card = "rtl";
  std::string wire = "memif";
  std::string fault;
  std::string report;
  int messages = 10'000;
  int upgrades = 2;
};

// What happened, as the table and the report show it.
struct Outcome {
  Struct client;  // the echo client's own account
  std::vector<host::UpgradeResult> upgrades;
  std::array<host::StatusReply, 2> hosts;  // at the end
  // By host, then by pid: the last that was seen of each farrierd, whose ports count from its
  // start.
  std::array<std::map<int, host::StatusReply>, 2> processes;
  std::array<Struct, 2> cards;  // farrier-card's reports
  double traffic_seconds = 0;
  uint64_t seen_by_tcpdump = 0;
};

uint64_t CounterOf(const google::protobuf::RepeatedPtrField<host::Counter>& counters,
                   const std::string& name) {
  for (const auto& counter : counters) {
    if (counter.name() == name) return counter.value();
  }
  return 0;
}

// From tcpdump's last words, "N packets captured".
uint64_t PacketsCaptured(const std::string& output) {
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    uint64_t packets = 0;
    if (absl::EndsWith(line, " packets captured") &&
        absl::SimpleAtoi(line.substr(0, line.find(' ')), &packets)) {
      return packets;
    }
  }
  return 0;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

class Demo {
 public:
  explicit Demo(Options options) : options_(std::move(options)) {}

  absl::Status Execute() {
    Say("starting two cards and two daemons");
    auto cluster = Cluster::Start({
        .card = options_.card,
        .wire = options_.wire == "veth" ? Wire::kVeth : Wire::kMemif,
        .fault = options_.fault,
        .programs = std::filesystem::absolute(options_.programs),
    });
    if (!cluster.ok()) return cluster.status();
    cluster_ = std::move(*cluster);
    absl::Status status = Traffic();
    Say("");
    if (!status.ok()) status = Explain(status);
    // The cards write their reports when they end.
    status.Update(cluster_->StopProcesses());
    for (int host = 0; host < 2 && status.ok(); ++host) {
      status = ParseJsonFile(cluster_->CardReport(host), outcome_.cards[host]);
    }
    status.Update(cluster_->Remove());
    return status;
  }

  const Outcome& outcome() const { return outcome_; }

 private:
  absl::Status Traffic() {
    std::optional<Process> tcpdump;
    if (options_.wire == "veth") {
      auto started = StartTcpdump();
      if (!started.ok()) return started.status();
      tcpdump.emplace(std::move(*started));
    }

    auto echo = Echo::Start(*cluster_, {.messages = options_.messages, .keep_going = true});
    if (!echo.ok()) return echo.status();
    const absl::Time start = absl::Now();
    if (auto s = Watch(*echo, start); !s.ok()) return s;
    outcome_.traffic_seconds = absl::ToDoubleSeconds(absl::Now() - start);
    auto account = echo->Finish();
    if (!account.ok()) return account.status();
    outcome_.client = *account;
    for (int host : {0, 1}) {
      if (auto s = Look(host); !s.ok()) return s;
    }
    if (tcpdump) {
      tcpdump->Signal(SIGINT);
      if (auto code = tcpdump->Wait(absl::Seconds(5)); !code.ok()) return code.status();
      outcome_.seen_by_tcpdump = PacketsCaptured(tcpdump->Output());
    }
    if (int code = echo->server().Stop(); code != 0) {
      return absl::InternalError(absl::StrCat("pony-echo-server ended with code ", code));
    }
    return absl::OkStatus();
  }

  absl::Status Look(int host) {
    auto status = cluster_->Status(host);
    if (!status.ok()) return status.status();
    outcome_.hosts[host] = *status;
    outcome_.processes[host][status->pid()] = *status;
    return absl::OkStatus();
  }

  // Follows the client to its end, upgrading on the way.
  absl::Status Watch(Echo& echo, absl::Time start) {
    std::optional<Process> upgrade;
    int asked = 0;
    bool running = true;
    while (running) {
      running = echo.client().Running();
      if (interrupted) return absl::CancelledError("interrupted");
      if (absl::Now() - start > kLimit) {
        return absl::DeadlineExceededError(
            absl::StrCat("the traffic did not end within ", absl::FormatDuration(kLimit)));
      }
      const int verified = echo.Verified();
      Say(absl::StrFormat("%d/%d messages verified, %d/%d upgrades%s", verified, options_.messages,
                          outcome_.upgrades.size(), options_.upgrades,
                          upgrade ? ", upgrading" : ""));
      if (upgrade && !upgrade->Running()) {
        host::UpgradeResult result;
        if (auto code = upgrade->Wait(absl::ZeroDuration()); *code != 0) {
          return absl::InternalError(absl::StrCat("farrierctl upgrade: ", upgrade->Output()));
        }
        if (auto s = ParseJson(upgrade->Output(), "the upgrade's result", result); !s.ok())
          return s;
        outcome_.upgrades.push_back(result);
        upgrade.reset();
      }
      if (!upgrade && asked == options_.upgrades && verified >= options_.messages) echo.Enough();
      // At even distances on the way; a fast card's traffic goes on until the last is done.
      if (!upgrade && asked < options_.upgrades &&
          verified >= options_.messages / (options_.upgrades + 1) * (asked + 1)) {
        if (auto s = Look(kServer); !s.ok()) return s;
        const std::string program = asked % 2 == 0 ? "farrierd-next" : "farrierd";
        auto started = cluster_->Launch(
            absl::StrCat("upgrade", asked + 1),
            {cluster_->Program("farrierctl"), "--socket", cluster_->ControlSocket(kServer),
             "upgrade", "--binary", cluster_->Program(program), "--json"});
        if (!started.ok()) return started.status();
        upgrade.emplace(std::move(*started));
        ++asked;
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Process> StartTcpdump() {
    auto process = Process::Start({.argv = {"tcpdump", "-i", "wire", "-n", "-w", "/dev/null"},
                                   .log = cluster_->Log("tcpdump"),
                                   .network_namespace = cluster_->NetworkNamespace(kServer)});
    if (!process.ok()) return process.status();
    if (auto s = process->WaitForOutput("listening on", absl::Seconds(10)); !s.ok()) return s;
    return process;
  }

  // One line, rewritten in place on a terminal.
  void Say(const std::string& line) {
    if (line == last_line_) return;
    if (isatty(STDERR_FILENO)) {
      std::fprintf(stderr, "\r\033[K%s", line.c_str());
    } else if (!line.empty() && absl::Now() - last_said_ > absl::Seconds(2)) {
      std::fprintf(stderr, "%s\n", line.c_str());
      last_said_ = absl::Now();
    }
    last_line_ = line;
  }

  // Adds the ends of the logs to an error: what one would look at first.
  absl::Status Explain(const absl::Status& status) {
    if (absl::IsCancelled(status)) return status;
    std::string text(status.message());
    for (const auto& entry : std::filesystem::directory_iterator(cluster_->directory())) {
      if (entry.path().extension() != ".log") continue;
      std::ifstream in(entry.path());
      std::vector<std::string> lines;
      for (std::string line; std::getline(in, line);) lines.push_back(line);
      if (lines.size() > 10) lines.erase(lines.begin(), lines.end() - 10);
      absl::StrAppend(&text, "\n--- ", entry.path().filename().string(), "\n",
                      absl::StrJoin(lines, "\n"));
    }
    return absl::Status(status.code(), text);
  }

  Options options_;
  std::unique_ptr<Cluster> cluster_;
  Outcome outcome_;
  std::string last_line_;
  absl::Time last_said_ = absl::InfinitePast();
};

bool Can(const Outcome& outcome, const std::string& capability) {
  const auto& names = outcome.hosts[0].card().capabilities();
  return std::find(names.begin(), names.end(), capability) != names.end();
}

// How the card spread the engines' packets over their queues.
void AddRss(const Outcome& outcome, std::vector<Figure>& figures) {
  std::map<std::tuple<int, uint32_t, int>, uint64_t> packets;  // by host, engine, queue
  for (int host : {0, 1}) {
    for (const auto& [pid, status] : outcome.processes[host]) {
      for (const auto& engine : status.engines()) {
        for (int queue = 0; queue < engine.rx_of_queue_size(); ++queue) {
          packets[{host, engine.id(), queue}] += engine.rx_of_queue(queue);
        }
      }
    }
  }
  const auto least = std::min_element(packets.begin(), packets.end(),
                                      [](auto& a, auto& b) { return a.second < b.second; });
  const auto used = std::count_if(packets.begin(), packets.end(),
                                  [](const auto& queue) { return queue.second > 0; });
  const auto& engines = outcome.hosts[0].engines();
  figures.push_back({"queues_per_engine", engines.empty() ? 0.0 : engines[0].rx_of_queue_size(),
                     "queues", ">= 2"});
  figures.push_back(
      {"queues_used", static_cast<double>(used), "queues", absl::StrCat("== ", packets.size())});
  figures.push_back({"packets_of_idlest_queue",
                     least == packets.end() ? 0 : static_cast<double>(least->second), "packets",
                     ">= 1"});
}

// What left at a time of its own.
void AddPacing(const Outcome& outcome, std::vector<Figure>& figures) {
  uint64_t timed = 0, clamped = 0, full = 0;
  for (int host : {0, 1}) {
    for (const auto& [pid, status] : outcome.processes[host]) {
      for (const auto& engine : status.engines()) timed += CounterOf(engine.counters(), "tx_timed");
    }
    for (const auto& engine : outcome.hosts[host].engines()) {
      clamped += CounterOf(engine.card_counters(), "tx_clamped");
      full += CounterOf(engine.card_counters(), "tx_full");
    }
  }
  figures.push_back({"paced_by_departure_time", static_cast<double>(timed), "packets", ">= 1"});
  figures.push_back({"tx_clamped", static_cast<double>(clamped), "packets", "== 0"});
  figures.push_back({"tx_full", static_cast<double>(full), "packets", "== 0"});
}

std::vector<Figure> Figures(const Outcome& outcome, const Options& options) {
  const std::string prefix = absl::StrCat(options.card, ".", options.wire, ".");
  const double verified = Number(outcome.client, "verified");
  const double seconds = outcome.traffic_seconds;
  std::vector<double> blackouts;
  double held = 0;
  for (const auto& upgrade : outcome.upgrades) {
    for (const auto& engine : upgrade.engines()) {
      blackouts.push_back(engine.blackout_ms());
      held += static_cast<double>(engine.held_packets());
    }
  }
  uint64_t retransmissions = 0;
  for (const auto& host : outcome.hosts) {
    for (const auto& engine : host.engines()) {
      retransmissions += CounterOf(engine.counters(), "retransmissions");
    }
  }
  std::vector<Figure> figures = {
      {"sent", Number(outcome.client, "sent"), "messages", ""},
      {"echoed", Number(outcome.client, "echoed"), "messages", ""},
      {"verified", verified, "messages", absl::StrCat(">= ", options.messages)},
      {"lost", Number(outcome.client, "lost"), "messages", "== 0"},
      {"corrupted", Number(outcome.client, "corrupted"), "messages", "== 0"},
      {"bytes_verified", Number(outcome.client, "bytes"), "bytes", ""},
      {"messages_per_second", verified / seconds, "1/s", ""},
      {"mb_per_second", Number(outcome.client, "bytes") / seconds / 1e6, "MB/s", ""},
      {"retransmissions", static_cast<double>(retransmissions), "packets", ""},
      {"upgrades", static_cast<double>(outcome.upgrades.size()), "",
       absl::StrCat("== ", options.upgrades)},
      {"held", held, "packets", ""},
      {"blackout_median", Median(blackouts), "ms", options.card == "model" ? "<= 20" : ""},
      {"blackout_max",
       blackouts.empty() ? 0 : *std::max_element(blackouts.begin(), blackouts.end()), "ms", ""},
      {"longest_gap_seen_by_app", Number(outcome.client, "longest_gap_ms"), "ms", ""},
  };
  if (Can(outcome, "rss")) AddRss(outcome, figures);
  if (Can(outcome, "pacing")) AddPacing(outcome, figures);
  if (options.card == "rtl") {
    double slower = INFINITY;
    for (const Struct& card : outcome.cards) {
      slower = std::min(slower, Number(card, "cycles_per_cpu_second"));
    }
    figures.push_back({"card_cycles_per_cpu_second", slower, "1/s", ">= 200000"});
  }
  if (options.wire == "veth") {
    figures.push_back({"packets_seen_by_tcpdump", static_cast<double>(outcome.seen_by_tcpdump),
                       "packets", ">= 1"});
  }
  for (Figure& figure : figures) figure.name = prefix + figure.name;
  return figures;
}

std::string Details(const Outcome& outcome) {
  std::string text = "\nupgrades of host 2's farrierd, engine by engine:\n";
  for (const auto& upgrade : outcome.upgrades) {
    absl::StrAppendFormat(&text, "  %s -> %s   function %c -> %c, brownout %.0f ms\n",
                          upgrade.version_before(), upgrade.version_after(),
                          'A' + upgrade.function_before(), 'A' + upgrade.function_after(),
                          upgrade.brownout_ms());
    for (const auto& engine : upgrade.engines()) {
      std::vector<std::string> steps;
      for (const auto& step : engine.steps()) {
        steps.push_back(absl::StrFormat("%s %.2f", step.name(), step.ms()));
      }
      absl::StrAppendFormat(&text, "    engine %d: blackout %.2f ms (%s), %d packets held\n",
                            engine.id(), engine.blackout_ms(), absl::StrJoin(steps, ", "),
                            engine.held_packets());
    }
  }
  absl::StrAppend(&text, "\ndrops, by reason:\n");
  bool any = false;
  const auto drops = [&](const std::string& where, const auto& counters) {
    for (const auto& counter : counters) {
      const bool is_drop = absl::StartsWith(counter.name(), "drop") ||
                           absl::StartsWith(counter.name(), "rx_drop") ||
                           counter.name() == "tx_stale" || counter.name() == "tx_full";
      if (!is_drop || counter.value() == 0) continue;
      absl::StrAppendFormat(&text, "  %s: %s %d\n", where, counter.name(), counter.value());
      any = true;
    }
  };
  for (const auto& host : outcome.hosts) {
    for (const auto& engine : host.engines()) {
      const std::string where = absl::StrCat(host.name(), " engine ", engine.id());
      drops(where, engine.counters());
      drops(where + ", card", engine.card_counters());
    }
  }
  if (!any) absl::StrAppend(&text, "  none\n");
  return text;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Two hosts, two cards and a live upgrade: sends messages from host 1 to an echo server on\n"
      "host 2, checks every byte, and meanwhile replaces host 2's farrierd.",
      "farrier-run");
  app.add_option("--programs", options.programs, "Folder of the binaries")->capture_default_str();
  app.add_option("--card", options.card, "What a card is")
      ->check(CLI::IsMember({"rtl", "model"}))
      ->capture_default_str();
  app.add_option("--wire", options.wire, "What lies between the cards")
      ->check(CLI::IsMember({"memif", "veth"}))
      ->capture_default_str();
  app.add_option("--fault", options.fault, "Faults of the wire, as farrier-card's --fault");
  app.add_option("--messages", options.messages, "How many")
      ->check(CLI::Range(100, 100'000'000))
      ->capture_default_str();
  app.add_option("--upgrades", options.upgrades, "How many")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  app.add_option("--report", options.report, "Write the figures to this file, as JSON");
  CLI11_PARSE(app, argc, argv);

  for (const int signal_number : {SIGINT, SIGTERM}) {
    signal(signal_number, [](int) { interrupted = true; });
  }
  Demo demo(options);
  if (absl::Status status = demo.Execute(); !status.ok()) {
    std::fprintf(stderr, "farrier-run: %s\n", std::string(status.message()).c_str());
    return absl::IsCancelled(status) ? 130 : 1;
  }
  const std::vector<Figure> figures = Figures(demo.outcome(), options);
  std::printf("%s%s", bench::FormatTable(figures).c_str(), Details(demo.outcome()).c_str());
  if (!options.report.empty()) {
    const std::string prefix = absl::StrCat(options.card, ".", options.wire, ".");
    if (absl::Status status = bench::WriteReport(options.report, prefix, figures); !status.ok()) {
      std::fprintf(stderr, "farrier-run: %s\n", std::string(status.message()).c_str());
      return 1;
    }
  }
  // Speed is reported, never a reason to fail.
  const auto must = {"verified", "lost", "corrupted", "upgrades"};
  for (const Figure& figure : figures) {
    const bool counts = std::any_of(must.begin(), must.end(), [&](const char* name) {
      return absl::EndsWith(figure.name, absl::StrCat(".", name));
    });
    if (counts && !figure.met()) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace farrier::e2e

int main(int argc, char** argv) { return farrier::e2e::Main(argc, argv); }
