// The functional model: what a packet costs on its ways through the card.

#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <vector>

#include "hw/model/checksum.h"
#include "hw/model/functional_card.h"

namespace farrier {
namespace {

constexpr int kBurst = 32;

// Takes everything, gives its credit back.
class Host final : public model::CardSink {
 public:
  void ToHost(int, int, std::span<const uint8_t> bytes) override {
    ++packets;
    benchmark::DoNotOptimize(bytes.data());
  }
  void ToWire(std::span<const uint8_t> frame) override {
    ++packets;
    benchmark::DoNotOptimize(frame.data());
  }
  int64_t packets = 0;
};

std::array<uint8_t, 9600> UdpFrame(uint32_t length) {
  std::array<uint8_t, 9600> frame{};
  const uint8_t header[] = {2,    0,    0,    0,    0,  2, 2, 0, 0,  0,  0, 1, 8, 0,  // Ethernet
                            0x45, 0,    0,    0,    0,  0, 0, 0, 64, 17, 0, 0,        // IPv4
                            10,   0,    0,    1,    10, 0, 0, 2,                      // addresses
                            0x1f, 0x40, 0x1b, 0x58, 0,  0, 0, 0};  // UDP 8000 -> 7000
  std::memcpy(frame.data(), header, sizeof(header));
  frame[16] = (length - 14) >> 8;
  frame[17] = (length - 14) & 0xff;
  return frame;
}

void Switch(model::Card& card, uint32_t owner, regs::OwnerState state) {
  regs::SwitchWord word = regs::SwitchWord::Unpack(card.ReadCsr(regs::kRegOwnerSwitch(owner)));
  word.state = static_cast<uint32_t>(state);
  card.WriteCsr(regs::kRegOwnerSwitch(owner), word.Pack());
}

// Wire to host, prefixed, default owner.
void BM_ModelReceive(benchmark::State& state) {
  Host host;
  model::FunctionalCard card({}, host);
  const auto frame = UdpFrame(state.range(0));
  Switch(card, 0, regs::OwnerState::kAttached);
  int64_t now = 1;
  for (auto _ : state) {
    card.GrantCredits(0, 0, kBurst + 2 - (now > 1 ? 2 : 0));
    for (int i = 0; i < kBurst; ++i) {
      while (!card.FromWire({frame.data(), size_t(state.range(0))})) card.Step(++now);
    }
    while (card.Step(++now)) {
    }
  }
  if (host.packets != state.iterations() * kBurst) state.SkipWithError("packets were lost");
  state.SetItemsProcessed(host.packets);
}
BENCHMARK(BM_ModelReceive)->ArgName("bytes")->Arg(60)->Arg(1514)->Arg(9014);

constexpr uint32_t kFlows = 1024;

// Frames of 64 bytes with FCS, one per flow, checksums right.
std::vector<std::vector<uint8_t>> Flows() {
  std::vector<std::vector<uint8_t>> frames;
  for (uint32_t i = 0; i < kFlows; ++i) {
    const auto whole = UdpFrame(60);
    auto& frame = frames.emplace_back(whole.begin(), whole.begin() + 60);
    frame[34] = static_cast<uint8_t>(i >> 8);  // source port
    frame[35] = static_cast<uint8_t>(i);
    frame[39] = 60 - 34;
    model::ParsedFrame parsed;
    model::ParseFrame(frame, parsed);
    model::InsertChecksums(frame, parsed);
  }
  return frames;
}

// An exact filter for a flow, in the first way: flows that fall on one place overwrite each other.
void InstallFlow(model::Card& card, const std::vector<uint8_t>& frame) {
  model::ParsedFrame parsed;
  model::ParseFrame(frame, parsed);
  const model::FilterKey key = model::FlowKeyOf(parsed);
  for (uint32_t i = 0; i < key.size(); ++i) card.WriteCsr(regs::kRegFilterKey(i), key[i]);
  const auto hash = static_cast<uint32_t>(model::HashKeyWords(key, 0, key.size()));
  card.WriteCsr(
      regs::kRegFilterCommit,
      regs::FilterCommand{.index = hash & (card.ReadCsr(regs::kRegFilterDepth(0)) - 1), .valid = 1}
          .Pack());
}

// Rules none of which matches: each frame is compared with all of them, if no exact filter matches.
void InstallRules(model::Card& card) {
  card.WriteCsr(regs::kRegRuleSrcPorts, 0xFFFF0000);
  card.WriteCsr(regs::kRegRuleDstPorts, 0xFFFF0000);
  card.WriteCsr(regs::kRegRuleMask(9), 0xFFFFFFFF);
  for (uint32_t i = 0; i < regs::kRules; ++i) {
    card.WriteCsr(regs::kRegRuleValue(9), 0x0B000000 + i);
    card.WriteCsr(regs::kRegRuleCommit, regs::RuleCommand{.index = i, .valid = 1}.Pack());
  }
}

// Wire to host with every lookup at work: exact filters, all rules, RSS over 16 queues, checksums.
void BM_ModelReceiveAllLookups(benchmark::State& state) {
  const bool exact = state.range(0) != 0;
  Host host;
  model::FunctionalCard card({}, host);
  const auto frames = Flows();
  if (exact) {
    for (const auto& frame : frames) InstallFlow(card, frame);
  }
  InstallRules(card);
  for (uint32_t queue = 0; queue < 16; ++queue) card.GrantCredits(0, static_cast<int>(queue), 2);
  card.WriteCsr(regs::kRegOwnerSwitch(0),
                regs::SwitchWord{.state = static_cast<uint32_t>(regs::OwnerState::kAttached),
                                 .log2_queues = 4}
                    .Pack());
  int64_t now = 1;
  uint32_t next = 0;
  for (auto _ : state) {
    for (int i = 0; i < kBurst; ++i) {
      while (!card.FromWire(frames[next])) card.Step(++now);
      next = (next + 1) % kFlows;
    }
    for (uint32_t queue = 0; queue < 16; ++queue) {
      card.GrantCredits(0, static_cast<int>(queue), kBurst);
    }
    while (card.Step(++now)) {
    }
  }
  if (host.packets != state.iterations() * kBurst) state.SkipWithError("packets were lost");
  state.SetItemsProcessed(host.packets);
  state.SetLabel(">= 2000000");
}
BENCHMARK(BM_ModelReceiveAllLookups)->ArgName("exact")->Arg(1)->Arg(0);

// Host to wire: prefix checked and taken off.
void BM_ModelSend(benchmark::State& state) {
  Host host;
  model::FunctionalCard card({}, host);
  Switch(card, 1, regs::OwnerState::kAttached);
  std::array<uint8_t, 64 + 9600> packet{};
  for (const auto& fixed : regs::prefix::kFixed) packet[fixed.offset] = fixed.value;
  packet[regs::prefix::kKind] = static_cast<uint8_t>(regs::PrefixKind::kPacket);
  packet[regs::prefix::kOwner] = 1;
  packet[regs::prefix::kGeneration] = 1;
  int64_t now = 1;
  for (auto _ : state) {
    for (int i = 0; i < kBurst; ++i) {
      card.FromHost(0, 0, {packet.data(), 64 + size_t(state.range(0))});
    }
    while (card.Step(++now)) {
    }
  }
  if (host.packets != state.iterations() * kBurst) state.SkipWithError("packets were lost");
  state.SetItemsProcessed(host.packets);
}
BENCHMARK(BM_ModelSend)->ArgName("bytes")->Arg(60)->Arg(1514);

// Host to wire by way of the departure calendar, checksums filled in.
void BM_ModelSendPaced(benchmark::State& state) {
  Host host;
  model::FunctionalCard card({}, host);
  Switch(card, 1, regs::OwnerState::kAttached);
  std::vector<uint8_t> packet(64);
  for (const auto& fixed : regs::prefix::kFixed) packet[fixed.offset] = fixed.value;
  packet[regs::prefix::kKind] = static_cast<uint8_t>(regs::PrefixKind::kPacket);
  packet[regs::prefix::kFlags] = regs::prefix::kFlagInsertChecksum;
  packet[regs::prefix::kOwner] = 1;
  packet[regs::prefix::kGeneration] = 1;
  const auto frame = Flows().front();
  packet.insert(packet.end(), frame.begin(), frame.end());
  int64_t now = 1'000'000;
  for (auto _ : state) {
    for (int i = 0; i < kBurst; ++i) {
      const int64_t departure = now + 64 * (i + 1);
      std::memcpy(&packet[regs::prefix::kTime], &departure, sizeof(departure));
      card.FromHost(0, 0, packet);
    }
    card.Step(now);
    now += 64 * (kBurst + 1);
    while (card.Step(now)) {
    }
  }
  if (host.packets != state.iterations() * kBurst) state.SkipWithError("packets were lost");
  state.SetItemsProcessed(host.packets);
}
BENCHMARK(BM_ModelSendPaced);

// Parked while HELD, then released.
void BM_ModelHoldAndRelease(benchmark::State& state) {
  Host host;
  model::FunctionalCard card({}, host);
  const auto frame = UdpFrame(1514);
  card.WriteCsr(regs::kRegOwnerQuota(0), 1024);
  card.GrantCredits(0, 0, 2);
  Switch(card, 0, regs::OwnerState::kAttached);
  int64_t now = 1;
  for (auto _ : state) {
    Switch(card, 0, regs::OwnerState::kHeld);
    card.GrantCredits(0, 0, kBurst + 1);  // and the MARK's
    for (int i = 0; i < kBurst; ++i) card.FromWire({frame.data(), 1514});
    while (card.Step(++now)) {
    }
    Switch(card, 0, regs::OwnerState::kAttached);
    while (card.Step(++now)) {
    }
  }
  if (host.packets != state.iterations() * (kBurst + 1)) state.SkipWithError("packets were lost");
  state.SetItemsProcessed(state.iterations() * kBurst);
}
BENCHMARK(BM_ModelHoldAndRelease);

}  // namespace
}  // namespace farrier
