// farrier-card: a Farrier card as a process.

#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "hw/driver/eal.h"
#include "hw/sim/card_process.h"

namespace farrier::sim {
namespace {

constexpr uint32_t kMemoryMb = 192;

constexpr char kHelp[] =
    R"(A Farrier card as a process: host functions as vhost-user sockets (functionN.sock), its
registers on csr.sock, and any DPDK port as its wire. Prints "farrier-card: ready" when the
sockets are open; SIGTERM or SIGINT ends it and removes them.

Two cards back to back:
  farrier-card --dir /run/card1 --wire net_memif0,role=server,socket-abstract=no,socket=/run/wire
  farrier-card --dir /run/card2 --wire net_memif0,role=client,socket-abstract=no,socket=/run/wire
Other wires:
  net_af_packet0,iface=eth1   a network interface, through a packet socket; as root
  net_af_xdp0,iface=eth1      the same through AF_XDP; frames of at most 3,400 bytes; do not set
                              its busy_budget to 0, with which it sleeps up to a second
  net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap
                              plays a capture file once, from when an owner is attached to a queue
                              with buffers; a file has no pace of its own: --wire-rate. What is
                              sent goes into the other file, complete when the card has ended.
  net_pcap0,rx_pcap=in.pcap,infinite_rx=1
                              plays it for ever (DPDK keeps it in memory: some 1,000 frames)
  net_ring0                   what is sent arrives)";

std::atomic<bool> stop = false;

absl::StatusOr<std::array<uint8_t, 6>> ParseMac(const std::string& text) {
  std::array<uint8_t, 6> mac;
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  bool good = parts.size() == mac.size();
  for (size_t i = 0; good && i < mac.size(); ++i) {
    uint32_t byte = 0;
    good = parts[i].size() == 2 && absl::SimpleHexAtoi(parts[i], &byte) && byte <= 0xFF;
    mac[i] = static_cast<uint8_t>(byte);
  }
  if (good && (mac[0] & 1) == 0) return mac;
  return absl::InvalidArgumentError("--mac " + text +
                                    ": it must look like 02:00:00:00:00:01, not multicast");
}

int Fail(const absl::Status& status) {
  spdlog::error("{}", std::string(status.message()));
  return 1;
}

// Goes on as the program beside this one whose RTL can be traced; returns if there is none.
void BecomeTracingProgram(char** argv) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv((self.parent_path() / "farrier-card-trace").c_str(), argv);
}

int Main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_st("farrier-card"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %l: %v");

  CLI::App app(kHelp);
  CardProcessOptions options;
  std::string directory, faults, mac, report;
  std::vector<int> raw;
  bool verbose = false;
  app.add_option("--backend", options.backend, "What works inside: model or rtl")
      ->capture_default_str();
  app.add_option("--dir", directory, "Directory for the sockets; made if it is not there")
      ->required();
  app.add_option("--wire", options.wire.port, "DPDK port by devargs: see above")
      ->type_name("DEVARGS")
      ->required();
  app.add_option("--wire-rate", options.wire.frames_per_second,
                 "Frames per second that are taken from the wire at most; 0: as they come")
      ->capture_default_str();
  app.add_option("--fault", faults,
                 "What the wire does to arriving frames: loss=P,dup=P,reorder=P,corrupt=P,seed=N");
  app.add_option("--pcap", options.pcap,
                 "File (pcapng) for what passes the wire and the functions, with the card's times; "
                 "frames are without prefix, which is their comment")
      ->type_name("FILE");
  app.add_option(
         "--trace", options.trace.file,
         "File (FST) for the waveforms of --backend rtl; takes the program farrier-card-trace "
         "beside this one, which `make trace` builds")
      ->type_name("FILE");
  app.add_option("--trace-from", options.trace.first_cycle, "First cycle to trace")
      ->capture_default_str();
  app.add_option("--trace-cycles", options.trace.cycles, "Cycles to trace; 0: all")
      ->capture_default_str();
  app.add_option("--raw", raw,
                 "Function without prefixes, a plain NIC of the default owner; may be repeated");
  app.add_option("--mac", mac, "MAC of the port");
  app.add_option("--report", report, "File for counters and CPU time, JSON, written at the end");
  app.add_flag("--verbose", verbose, "DPDK's notices, too");
  CLI11_PARSE(app, argc, argv);

  if (!options.trace.file.empty() && options.backend == "rtl" && !RtlTrace::Available()) {
    BecomeTracingProgram(argv);
  }
  options.directory = directory;
  options.raw = std::set<int>(raw.begin(), raw.end());
  const auto spec = ParseFaultSpec(faults);
  if (!spec.ok()) return Fail(spec.status());
  options.wire.faults = *spec;
  if (!mac.empty()) {
    const auto parsed = ParseMac(mac);
    if (!parsed.ok()) return Fail(parsed.status());
    options.mac = *parsed;
  }
  std::ofstream report_file;
  if (!report.empty()) {
    report_file.open(report);
    if (!report_file) {
      return Fail(absl::UnavailableError("--report " + report + ": " + strerror(errno)));
    }
  }

  struct sigaction action = {};
  action.sa_handler = [](int) { stop = true; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file limit is an error of write

  auto eal = driver::Eal::Start({.memory_mb = kMemoryMb, .verbose = verbose});
  if (!eal.ok()) return Fail(eal.status());
  static_cast<void>(eal->release());  // lasts as long as the wire: see Wire
  auto process = CardProcess::Open(options);
  if (!process.ok()) return Fail(process.status());
  std::printf("farrier-card: ready, %s card in %s, wire %s\n", options.backend.c_str(),
              directory.c_str(), options.wire.port.c_str());
  std::fflush(stdout);
  (*process)->Run(stop);
  if (report_file.is_open()) {
    report_file << (*process)->Report();
    report_file.close();
    if (!report_file) return Fail(absl::DataLossError("--report " + report + ": not written"));
  }
  return 0;
}

}  // namespace
}  // namespace farrier::sim

// No static is destroyed: DPDK's interrupt thread still runs.
int main(int argc, char** argv) {
  const int code = farrier::sim::Main(argc, argv);
  std::fflush(nullptr);
  std::_Exit(code);
}
