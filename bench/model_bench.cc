// The functional model: what a packet costs on its ways through the card.

#include <benchmark/benchmark.h>

#include <array>
#include <cstring>

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
