// farrier-card-host: the smallest host of a card, for tests and measurements of farrier-card: one
// owner on one queue pair of one function, sending and receiving numbered UDP packets.

#include <poll.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "engines/runtime/clock.h"
#include "hw/driver/card_info.h"
#include "hw/driver/eal.h"
#include "hw/driver/ethdev_port.h"
#include "hw/driver/filters.h"
#include "hw/driver/owner_row.h"
#include "hw/driver/socket_csr_window.h"

namespace farrier::sim {
namespace {

constexpr uint32_t kIp = 0x0A000001;  // everybody's
constexpr size_t kHeaders = 42;       // Ethernet, IPv4, UDP
constexpr size_t kBatch = 32;

struct Options {
  std::string directory;
  std::string command;
  int function = 0;
  int owner = 1;
  uint16_t port = 7000;  // of this host
  uint16_t to = 7000;    // of the other
  uint32_t count = 10;   // packets
  uint32_t bytes = 60;   // of frame
  double seconds = 20;   // at most
  bool spin = false;
};

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "farrier-card-host: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}

template <typename T>
T OrDie(absl::StatusOr<T> value) {
  if (!value.ok()) Die(value.status());
  return *std::move(value);
}

void Store16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
uint16_t Load16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

void Write(uint8_t* frame, const Options& options, uint32_t number) {
  std::memset(frame, 0, options.bytes);
  frame[0] = frame[6] = 2;
  Store16(frame + 12, 0x0800);
  frame[14] = 0x45;
  Store16(frame + 16, static_cast<uint16_t>(options.bytes - 14));
  frame[22] = 64;
  frame[23] = 17;
  for (int at : {26, 30}) {
    Store16(frame + at, kIp >> 16);
    Store16(frame + at + 2, kIp & 0xFFFF);
  }
  Store16(frame + 34, options.port);
  Store16(frame + 36, options.to);
  Store16(frame + 38, static_cast<uint16_t>(options.bytes - 34));
  std::memcpy(frame + kHeaders, &number, sizeof(number));
}

uint32_t Number(const runtime::Packet& packet) {
  uint32_t number = 0;
  if (packet.length() >= kHeaders + sizeof(number)) {
    std::memcpy(&number, packet.data() + kHeaders, sizeof(number));
  }
  return number;
}

class Host {
 public:
  Host(const Options& options, driver::EthdevPort& port)
      : options_(options), port_(port), deadline_(clock_.Now() + options.seconds * 1e9) {}

  // Sends packets first, first + 1, ... as far as there is room; returns how many.
  uint32_t Send(uint32_t first, uint32_t count) {
    std::array<runtime::Packet, kBatch> packets;
    const size_t n = port_.Reserve(std::span(packets).first(std::min<size_t>(count, kBatch)));
    for (size_t i = 0; i < n; ++i) {
      Write(packets[i].data(), options_, first + i);
      packets[i].set_length(options_.bytes);
    }
    port_.Commit(std::span(packets).first(n));
    return n;
  }

  template <typename F>
  size_t Receive(F each) {
    std::array<runtime::Packet, kBatch> packets;
    const size_t n = port_.RxBurst(packets);
    for (size_t i = 0; i < n; ++i) each(packets[i]);
    port_.Release(std::span(packets).first(n));
    return n;
  }

  void WaitForPackets() {
    if (options_.spin || !port_.ArmRxEvent()) return;
    pollfd wait = {.fd = port_.RxEventFds()[0], .events = POLLIN, .revents = 0};
    poll(&wait, 1, 100);
  }

  bool Over() const { return clock_.Now() >= deadline_; }

  int RunReceive() {
    uint32_t received = 0;
    while (received < options_.count && !Over()) {
      const size_t n = Receive([&](const runtime::Packet& packet) {
        std::printf("packet %u held %d sequence %u\n", Number(packet), packet.rx.was_held,
                    packet.rx.sequence);
      });
      received += n;
      if (n == 0) WaitForPackets();
      std::fflush(stdout);
    }
    std::printf("received %u\n", received);
    return received >= options_.count ? 0 : 1;
  }

  int RunSend() {
    uint32_t sent = 0;
    while (sent < options_.count && !Over()) {
      const uint32_t n = Send(sent, options_.count - sent);
      sent += n;
      if (n > 0) continue;
      // What comes tells the port how many TX cells the card has given back.
      Receive([](const runtime::Packet&) {});
      poll(nullptr, 0, 1);
    }
    // The ring must be empty before it goes away.
    poll(nullptr, 0, 50);
    std::printf("sent %u\n", sent);
    return sent == options_.count ? 0 : 1;
  }

  // Sends to itself or an echo and prints round-trip times.
  int RunPing() {
    std::vector<double> microseconds;
    for (uint32_t i = 0; i < options_.count && !Over(); ++i) {
      const auto sent = clock_.Now();
      while (Send(i, 1) == 0 && !Over()) poll(nullptr, 0, 1);
      bool back = false;
      while (!back && clock_.Now() - sent < runtime::kSecond) {
        Receive([&](const runtime::Packet& packet) { back |= Number(packet) == i; });
        if (!back) WaitForPackets();
      }
      if (back) microseconds.push_back((clock_.Now() - sent) * 1e-3);
    }
    std::sort(microseconds.begin(), microseconds.end());
    if (!microseconds.empty()) {
      std::printf("round trip us: median %.1f p99 %.1f\n", microseconds[microseconds.size() / 2],
                  microseconds[microseconds.size() * 99 / 100]);
    }
    std::printf("received %zu\n", microseconds.size());
    return microseconds.size() == options_.count ? 0 : 1;
  }

  // Sends as fast as there is room and counts what arrives.
  int RunFlood() {
    const auto start = clock_.Now();
    uint32_t sent = 0, received = 0;
    while (!Over()) {
      sent += Send(sent, kBatch);
      received += Receive([](const runtime::Packet&) {});
    }
    const double seconds = (clock_.Now() - start) * 1e-9;
    std::printf("flood: sent %.0f/s received %.0f/s\n", sent / seconds, received / seconds);
    return 0;
  }

  // Sends back what comes.
  int RunEcho() {
    while (!Over()) {
      const size_t n = Receive([&](const runtime::Packet& packet) {
        if (packet.length() < kHeaders) return;
        std::array<runtime::Packet, 1> answer;
        if (port_.Reserve(answer) == 0) return;
        const uint32_t length = std::min(packet.length(), answer[0].capacity());
        std::memcpy(answer[0].data(), packet.data(), length);
        Store16(answer[0].data() + 34, Load16(packet.data() + 36));
        Store16(answer[0].data() + 36, Load16(packet.data() + 34));
        answer[0].set_length(length);
        port_.Commit(answer);
      });
      if (n == 0) WaitForPackets();
    }
    return 0;
  }

 private:
  const Options& options_;
  driver::EthdevPort& port_;
  runtime::MonotonicClock clock_;
  const runtime::Nanoseconds deadline_;
};

int Main(int argc, char** argv) {
  CLI::App app(
      "The smallest host of a card, for tests and measurements of farrier-card: attaches an "
      "owner,\n"
      "installs its filter, and then receive: prints COUNT packets | send: sends COUNT packets |\n"
      "echo: sends back what comes | ping: round trips with an echo, or itself over a looping wire "
      "|\n"
      "flood: as fast as possible");
  Options options;
  app.add_option("command", options.command)
      ->required()
      ->check(CLI::IsMember({"receive", "send", "echo", "ping", "flood"}));
  app.add_option("--dir", options.directory, "farrier-card's directory")->required();
  app.add_option("--function", options.function, "Function of the card")->capture_default_str();
  app.add_option("--owner", options.owner, "Owner to attach")->capture_default_str();
  app.add_option("--port", options.port, "This host's UDP port")->capture_default_str();
  app.add_option("--to", options.to, "UDP port to send to")->capture_default_str();
  app.add_option("--count", options.count, "Packets")->capture_default_str();
  app.add_option("--bytes", options.bytes, "Frame length")
      ->check(CLI::Range(60, 1518))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "Ends then")->capture_default_str();
  app.add_flag("--spin", options.spin, "Poll; do not sleep");
  CLI11_PARSE(app, argc, argv);

  const std::filesystem::path directory = options.directory;
  const auto window = OrDie(driver::SocketCsrWindow::Connect(directory / "csr.sock"));
  const auto info = OrDie(driver::Identify(*window));
  const auto eal = OrDie(driver::Eal::Start({.memory_mb = 64}));
  const auto owner = static_cast<runtime::OwnerId>(options.owner);
  const std::string socket = directory / absl::StrFormat("function%d.sock", options.function);
  constexpr uint16_t kDescriptors = 256;
  const auto function = OrDie(driver::EthdevFunction::Open(
      {.devargs = driver::EthdevFunction::VirtioUser(socket, 1, kDescriptors),
       .owners = {owner},
       .descriptors = kDescriptors}));
  driver::Filters filters(*window, info.filter_depth);
  if (auto s = filters.Install(driver::UdpListen(kIp, options.port), owner); !s.ok()) Die(s);
  driver::OwnerRow row(*window, owner);
  const auto current = OrDie(row.Read());
  const auto outcome =
      OrDie(row.Switch({.state = static_cast<uint32_t>(regs::OwnerState::kAttached),
                        .function = static_cast<uint32_t>(options.function),
                        .generation = current.generation}));
  if (!outcome.won) Die(absl::AbortedError("somebody else attached the owner"));
  driver::EthdevPort& port = function->port(0);
  std::optional<driver::TxCells> cells;
  if (info.capabilities.pacing) cells = OrDie(row.ReadTxCells());
  port.SetGeneration(static_cast<uint16_t>(outcome.row.generation), cells);
  std::printf("attached %u\n", outcome.row.generation);
  std::fflush(stdout);

  Host host(options, port);
  const int code = options.command == "receive" ? host.RunReceive()
                   : options.command == "send"  ? host.RunSend()
                   : options.command == "echo"  ? host.RunEcho()
                   : options.command == "ping"  ? host.RunPing()
                                                : host.RunFlood();
  const auto counters = port.counters();
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::printf("bad_prefix %lu wrong_owner %lu marks %lu cpu_seconds %.3f\n", counters.rx_bad_prefix,
              counters.rx_wrong_owner, counters.marks,
              usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                  (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6);
  return code;
}

}  // namespace
}  // namespace farrier::sim

int main(int argc, char** argv) { return farrier::sim::Main(argc, argv); }
