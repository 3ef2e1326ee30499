// farrier-packet-peer: sends numbered UDP packets from an owner of its own on a card, and checks
// what comes back of them, tagged with a VLAN: every packet once, in order, byte for byte.

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

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

namespace farrier::e2e {
namespace {

constexpr size_t kMacs = 12;
constexpr size_t kTag = 4;
constexpr size_t kHeaders = 42;  // Ethernet, IPv4, UDP
constexpr size_t kBatch = 32;
constexpr uint32_t kTo = 0x0A090001;    // 10.9.0.1
constexpr uint32_t kFrom = 0x0A090002;  // 10.9.0.2
constexpr uint16_t kPort = 4000;
constexpr uint16_t kDeniedPort = 9;

// So long without a packet: what is on its way is lost, and others may go.
constexpr runtime::Nanoseconds kPatience = 8 * runtime::kSecond;

struct Options {
  std::filesystem::path directory;
  std::filesystem::path json;
  int function = 1;
  int owner = 200;
  uint32_t window = 200;     // packets on their way at most
  uint32_t bytes = 200;      // of frame
  uint32_t deny_every = 16;  // after so many one to a port that is denied, which does not come back
  uint16_t vlan = 100;
};

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "farrier-packet-peer: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}

template <typename T>
T OrDie(absl::StatusOr<T> value) {
  if (!value.ok()) Die(value.status());
  return *std::move(value);
}

void Store16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
void Store32(uint8_t* at, uint32_t value) {
  Store16(at, value >> 16);
  Store16(at + 2, value);
}

void Write(std::span<uint8_t> frame, uint16_t port, uint32_t number) {
  uint8_t* at = frame.data();
  std::memset(at, 0, kHeaders);
  at[0] = at[6] = 2;
  at[5] = 9;
  Store16(at + 12, 0x0800);
  at[14] = 0x45;
  Store16(at + 16, static_cast<uint32_t>(frame.size() - 14));
  at[22] = 64;
  at[23] = 17;
  Store32(at + 26, kFrom);
  Store32(at + 30, kTo);
  uint32_t sum = 0;
  for (int word = 14; word < 34; word += 2)
    sum += static_cast<uint32_t>(at[word] << 8 | at[word + 1]);
  Store16(at + 24, ~(sum % 0xFFFF));
  Store16(at + 34, kPort);
  Store16(at + 36, port);
  Store16(at + 38, static_cast<uint32_t>(frame.size() - 34));
  for (size_t i = kHeaders; i < frame.size(); ++i) at[i] = static_cast<uint8_t>(number + i);
  Store32(at + kHeaders, number);
}

class Peer {
 public:
  Peer(const Options& options, driver::EthdevPort& port)
      : options_(options), port_(port), expected_(options.bytes) {}

  void Run() {
    last_progress_ = clock_.Now();
    while (!Ended() || outstanding_ > 0) {
      const bool busy = (!Ended() && Send()) | Receive();
      if (clock_.Now() - last_progress_ > kPatience) {
        outstanding_ = 0;
        last_progress_ = clock_.Now();
      }
      if (!busy) Wait();
    }
    std::printf("returned %u\n", returned_);
  }

  void WriteAccount() const {
    const uint32_t lost = sent_ - std::min(sent_, returned_);
    FILE* file = std::fopen(options_.json.c_str(), "w");
    if (file == nullptr) Die(absl::ErrnoToStatus(errno, options_.json.string()));
    std::fputs(absl::StrFormat("{\"sent\": %d, \"denied\": %d, \"returned\": %d, \"lost\": %d, "
                               "\"out_of_order\": %d, \"wrong\": %d, \"longest_gap_ms\": %.3f}\n",
                               sent_, denied_, returned_, lost, out_of_order_, wrong_,
                               static_cast<double>(longest_gap_) / runtime::kMillisecond)
                   .c_str(),
               file);
    std::fclose(file);
  }

 private:
  // SIGTERM has come.
  bool Ended() {
    if (ended_) return true;
    pollfd wait = {.fd = signals_, .events = POLLIN};
    return ended_ = poll(&wait, 1, 0) == 1;
  }

  bool Send() {
    const uint32_t room = options_.window - std::min(options_.window, outstanding_);
    std::array<runtime::Packet, kBatch> packets;
    const size_t n = port_.Reserve(std::span(packets).first(std::min<size_t>(room, kBatch)));
    for (size_t i = 0; i < n; ++i) {
      const bool denied = (sent_ + denied_ + 1) % options_.deny_every == 0;
      packets[i].set_length(options_.bytes);
      Write({packets[i].data(), options_.bytes}, denied ? kDeniedPort : kPort,
            denied ? ++denied_ : ++sent_);
      outstanding_ += !denied;
    }
    port_.Commit(std::span(packets).first(n));
    return n > 0;
  }

  bool Receive() {
    std::array<runtime::Packet, kBatch> packets;
    const size_t n = port_.RxBurst(packets);
    for (size_t i = 0; i < n; ++i) Check(packets[i].bytes());
    port_.Release(std::span(packets).first(n));
    if (n == 0) return false;
    const runtime::Nanoseconds now = clock_.Now();
    if (returned_ > n) longest_gap_ = std::max(longest_gap_, now - last_progress_);
    last_progress_ = now;
    return true;
  }

  void Check(std::span<const uint8_t> frame) {
    uint32_t number = 0;
    for (size_t i = 0; i < 4 && frame.size() == options_.bytes + kTag; ++i) {
      number = number << 8 | frame[kHeaders + kTag + i];
    }
    Write(expected_, kPort, number);
    const std::array<uint8_t, kTag> tag = {0x81, 0x00, static_cast<uint8_t>(options_.vlan >> 8),
                                           static_cast<uint8_t>(options_.vlan)};
    const bool right = number != 0 &&
                       std::equal(expected_.begin(), expected_.begin() + kMacs, frame.begin()) &&
                       std::equal(tag.begin(), tag.end(), frame.begin() + kMacs) &&
                       std::equal(expected_.begin() + kMacs, expected_.end(),
                                  frame.begin() + kMacs + kTag, frame.end());
    if (!right) {
      ++wrong_;
      return;
    }
    if (number <= last_) ++out_of_order_;
    last_ = number;
    ++returned_;
    outstanding_ -= outstanding_ > 0;
    if (returned_ % 100 == 0) {
      std::printf("returned %u\n", returned_);
      std::fflush(stdout);
    }
  }

  void Wait() {
    if (!port_.ArmRxEvent()) return;
    pollfd wait = {.fd = port_.RxEventFds()[0], .events = POLLIN};
    poll(&wait, 1, 1);
  }

  static int OpenSignals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  const Options& options_;
  driver::EthdevPort& port_;
  runtime::MonotonicClock clock_;
  const int signals_ = OpenSignals();
  bool ended_ = false;
  std::vector<uint8_t> expected_;
  uint32_t sent_ = 0;
  uint32_t denied_ = 0;
  uint32_t returned_ = 0;
  uint32_t outstanding_ = 0;
  uint32_t last_ = 0;
  uint32_t out_of_order_ = 0;
  uint32_t wrong_ = 0;
  runtime::Nanoseconds last_progress_ = 0;
  runtime::Nanoseconds longest_gap_ = 0;
};

int Main(int argc, char** argv) {
  CLI::App app(
      "Sends numbered UDP packets from an owner of its own on a card until SIGTERM, and checks\n"
      "what comes back of them, tagged with a VLAN. For tests of packet engines.");
  Options options;
  app.add_option("--dir", options.directory, "farrier-card's directory")->required();
  app.add_option("--json", options.json, "Account to write at the end")->required();
  app.add_option("--function", options.function, "Function of the card")->capture_default_str();
  app.add_option("--owner", options.owner, "Owner to attach")->capture_default_str();
  app.add_option("--window", options.window, "Packets on their way")->capture_default_str();
  app.add_option("--bytes", options.bytes, "Frame length")
      ->check(CLI::Range(60, 1514))
      ->capture_default_str();
  app.add_option("--deny-every", options.deny_every, "One of so many goes to port 9")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  app.add_option("--vlan", options.vlan, "Tag that packets come back with")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  sigset_t signals;  // of all threads, also DPDK's
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto window = OrDie(driver::SocketCsrWindow::Connect(options.directory / "csr.sock"));
  const auto info = OrDie(driver::Identify(*window));
  const auto eal = OrDie(driver::Eal::Start({.memory_mb = 64}));
  const auto owner = static_cast<runtime::OwnerId>(options.owner);
  const std::string socket =
      options.directory / absl::StrFormat("function%d.sock", options.function);
  constexpr uint16_t kDescriptors = 512;
  const auto function = OrDie(driver::EthdevFunction::Open(
      {.devargs = driver::EthdevFunction::VirtioUser(socket, 1, kDescriptors),
       .owners = {owner},
       .descriptors = kDescriptors}));
  driver::FilterKey key = driver::UdpListen(kTo, kPort);
  key.vlan = options.vlan;
  if (auto s = driver::Filters(*window, info.filter_depth).Install(key, owner); !s.ok()) Die(s);
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
  std::printf("attached\n");
  std::fflush(stdout);

  Peer peer(options, port);
  peer.Run();
  peer.WriteAccount();
  return 0;
}

}  // namespace
}  // namespace farrier::e2e

int main(int argc, char** argv) { return farrier::e2e::Main(argc, argv); }
