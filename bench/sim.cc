// farrier-sim: the Verilated card's figures in cycles, which are the same on every machine, and how
// fast this machine runs it.

#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/card_streams.h"
#include "bench/report.h"
#include "hw/regs/registers.h"
#include "hw/sim/rtl_card.h"

namespace farrier::bench {
namespace {

constexpr std::array<uint8_t, 6> kMac = {0x02, 0, 0, 0, 0, 1};
constexpr uint32_t kBeat = 64;

// Counts what arrives, checks that it arrives in order, and gives the credits back. The order is in
// the frames' first four bytes.
class Host final : public model::CardSink {
 public:
  void ToHost(int function, int, std::span<const uint8_t> bytes) override {
    const bool prefixed = function != raw_function;
    if (prefixed && bytes[regs::prefix::kKind] == static_cast<uint8_t>(regs::PrefixKind::kMark)) {
      ++marks;
      return;
    }
    uint32_t number;
    std::memcpy(&number, bytes.data() + (prefixed ? regs::kPrefixBytes : 0), sizeof(number));
    if (number != next) ++misordered;
    next = number + 1;
    ++packets;
  }
  void ToWire(std::span<const uint8_t>) override {}

  int raw_function = -1;
  uint32_t packets = 0;
  uint32_t marks = 0;
  uint32_t next = 0;  // number of the packet that is to come
  uint32_t misordered = 0;
};

double CpuSeconds() {
  timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) * 1e-9;
}

// A card whose default owner's packets go to function 0.
struct Bench {
  Bench() : card(kMac, host) {}

  bool Switch(regs::OwnerState state, uint32_t function) {
    regs::SwitchWord word = regs::SwitchWord::Unpack(card.ReadCsr(regs::kRegOwnerSwitch(0)));
    word.state = static_cast<uint32_t>(state);
    word.function = function;
    card.WriteCsr(regs::kRegOwnerSwitch(0), word.Pack());
    const uint32_t after = card.ReadCsr(regs::kRegOwnerSwitch(0));
    return regs::SwitchWord::Unpack(after).state == word.state;
  }

  // `count` frames of `length` bytes, as fast as the card takes them. Calls `between` now and then.
  template <typename F>
  void Feed(uint32_t count, uint32_t length, F between) {
    std::vector<uint8_t> frame(length);
    frame[12] = 0x88;  // an EtherType that nobody filters
    frame[13] = 0xb5;
    for (uint32_t i = 0; i < count; ++i, ++number) {
      std::memcpy(frame.data(), &number, sizeof(number));
      while (!card.FromWire(frame)) Step();
      if (i % 64 == 63) between();
    }
    // Not for ever: whoever lost a packet is to hear of it.
    for (uint32_t i = 0; i < 1000 && card.Step(now += 256); ++i) {
    }
  }

  void Step() {
    // Never short of credit: how the host pays is not what is measured.
    for (int function : {0, 1}) card.GrantCredits(function, 0, 4096);
    card.Step(now += 256);
  }

  Host host;
  sim::RtlCard card;
  int64_t now = 1;
  uint32_t number = 0;
};

// Packets per cycle on the way from wire to host, from the first beat in to the last one out.
Figure Pace(bool raw, uint32_t length, uint32_t packets) {
  CardStreams card(raw);
  const auto passages = card.Receive(std::vector<uint32_t>(packets, length));
  const bool whole = passages.size() == packets;
  const uint32_t beats = (length + kBeat - 1) / kBeat + (raw ? 0 : 1);
  // The pipeline is filled and emptied once.
  const double cycles = static_cast<double>(uint64_t{packets} * beats + 64);
  return {absl::StrCat(raw ? "raw" : "prefixed", ".", length, "B"),
          whole ? packets / static_cast<double>(passages.back().last_out + 1) : 0, "packets/cycle",
          absl::StrFormat(">= %.5f", packets / cycles)};
}

// All lengths, back to back: the share of cycles in which a beat goes out.
Figure PaceOfAllLengths() {
  std::vector<uint32_t> lengths;
  uint64_t beats = 0;
  for (uint32_t length = regs::kMinPacketBytes; length <= regs::kMaxPacketBytes; ++length) {
    lengths.push_back(length);
    beats += 1 + (length + kBeat - 1) / kBeat;
  }
  CardStreams card(false);
  const auto passages = card.Receive(lengths);
  const bool whole = passages.size() == lengths.size();
  const double cycles = whole ? static_cast<double>(passages.back().last_out + 1) : 0;
  return {"prefixed.60-9600B", whole ? static_cast<double>(beats) / cycles : 0, "of the limit",
          absl::StrFormat(">= %.5f", static_cast<double>(beats) / static_cast<double>(beats + 64))};
}

// From the first beat in to the first beat out of an empty card; the most that any length takes,
// without the cycles in which the frame itself comes in, if `whole` is to be there first.
Figure Latency(const std::string& name, bool raw, bool send, bool whole, const char* target) {
  CardStreams card(raw);
  double most = 0;
  for (uint32_t length = regs::kMinPacketBytes; length <= regs::kMaxPacketBytes;
       length += length < 200 ? 1 : 61) {
    const auto passages = send ? card.Send({length}) : card.Receive({length});
    if (passages.empty()) return {name, 1e9, "cycles", target};  // it never came
    double cycles = static_cast<double>(passages[0].first_out - passages[0].first_in);
    if (whole) cycles -= (length + kBeat - 1) / kBeat;
    most = std::max(most, cycles);
  }
  return {name, most, whole ? "cycles + L/64" : "cycles", target};
}

// The owner moves between two functions under traffic, by way of HELD.
std::vector<Figure> Switches(uint32_t packets) {
  Bench bench;
  bench.card.WriteCsr(regs::kRegOwnerQuota(0), 1024);
  bench.Switch(regs::OwnerState::kAttached, 0);
  bench.Step();
  uint32_t switches = 0, refused = 0, function = 0;
  bench.Feed(packets, 200, [&] {
    refused += !bench.Switch(regs::OwnerState::kHeld, function);
    while (bench.host.marks == switches) bench.Step();  // the old function's last word
    function = 1 - function;
    refused += !bench.Switch(regs::OwnerState::kAttached, function);
    ++switches;
    // The wire is faster than prefixed delivery: what is parked must get a chance to leave.
    while (bench.card.ReadCsr(regs::kRegOwnerParked(0)) != 0) bench.Step();
  });
  return {{"switch.count", static_cast<double>(switches), "", ""},
          {"switch.refused", static_cast<double>(refused), "", "== 0"},
          {"switch.lost", static_cast<double>(packets - bench.host.packets), "packets", "== 0"},
          {"switch.reordered", static_cast<double>(bench.host.misordered), "packets", "== 0"}};
}

Figure Speed(uint32_t packets) {
  Bench bench;
  bench.Switch(regs::OwnerState::kAttached, 0);
  const double begin = CpuSeconds();
  bench.Feed(packets, 1514, [] {});
  return {"speed.1514B", static_cast<double>(bench.card.cycles()) / (CpuSeconds() - begin),
          "cycles per CPU-second", ">= 200000"};
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Measures the Verilated card: pace and owner switches in cycles, and its speed here.",
      "farrier-sim");
  std::string report;
  app.add_option("--report", report, "Write the figures to this file, as JSON");
  CLI11_PARSE(app, argc, argv);

  std::vector<Figure> figures = {Pace(true, 64, 100'000)};
  for (const uint32_t length : {60, 65, 128, 321, 1514}) {
    figures.push_back(Pace(false, length, 5'000));
  }
  figures.push_back(PaceOfAllLengths());
  figures.push_back(Latency("latency.rx_prefixed", false, false, true, "<= 24"));
  figures.push_back(Latency("latency.rx_raw", true, false, false, "<= 24"));
  figures.push_back(Latency("latency.tx", true, true, true, "<= 16"));
  for (const Figure& figure : Switches(64 * 1'000)) figures.push_back(figure);
  figures.push_back(Speed(5'000));
  std::printf("%s", FormatTable(figures).c_str());
  if (!report.empty()) {
    if (absl::Status status = WriteReport(report, "", figures); !status.ok()) {
      std::fprintf(stderr, "farrier-sim: %s\n", std::string(status.message()).c_str());
      return 1;
    }
  }
  // Cycles are the same everywhere; the speed is this machine's.
  for (const Figure& figure : figures) {
    if (!figure.met() && figure.name != "speed.1514B") return 1;
  }
  return 0;
}

}  // namespace
}  // namespace farrier::bench

int main(int argc, char** argv) { return farrier::bench::Main(argc, argv); }
