// Everything a host or the wire can send, at random: nothing may crash (run it under sanitizers),
// and no packet may be unaccounted for.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "hw/model/functional_card.h"

namespace farrier::model {
namespace {

using regs::GlobalCounter;
using regs::OwnerCounter;

class Fuzz : public testing::TestWithParam<uint32_t>, public CardSink {
 protected:
  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override {
    ASSERT_LT(static_cast<uint32_t>(function), options_.functions);
    ASSERT_LT(static_cast<uint32_t>(queue), options_.queues);
    for (const uint8_t byte : bytes) sum_ += byte;  // so that a sanitizer sees every byte
    ++to_host_;
  }
  void ToWire(std::span<const uint8_t> frame) override {
    for (const uint8_t byte : frame) sum_ += byte;
    ++to_wire_;
  }

  uint32_t Below(uint32_t limit) { return random_() % limit; }
  bool OneIn(uint32_t n) { return Below(n) == 0; }

  uint32_t SomeOffset() {
    switch (Below(5)) {
      case 0:
        return random_();
      case 1:
        return 4 * Below(0xA00 / 4);
      case 2:
        return regs::kRegOwnerSwitch(Below(4)) + 4 * Below(16);
      case 3:
        return 0x20000 + 4 * Below(80);
      default:
        return Below(regs::kWindowBytes);
    }
  }

  uint32_t SomeValue() {
    if (OneIn(3)) return random_();
    return OneIn(2) ? Below(4) : random_() & random_() & random_();
  }

  // A switch word that is usually accepted.
  void Switch() {
    const uint32_t owner = Below(4);
    auto word = regs::SwitchWord::Unpack(card_.ReadCsr(regs::kRegOwnerSwitch(owner)));
    word.state = Below(4);
    word.function = Below(options_.functions + OneIn(8));
    word.log2_queues = Below(3);
    word.queue_base = Below(5);
    word.generation += OneIn(8);
    card_.WriteCsr(regs::kRegOwnerSwitch(owner), word.Pack());
  }

  // Half of them resemble IP packets.
  std::vector<uint8_t> SomeFrame() {
    size_t length = Below(160);
    if (OneIn(10)) length = Below(9800);
    if (OneIn(200)) length = 70'000;
    std::vector<uint8_t> frame(length);
    for (auto& byte : frame) byte = OneIn(2) ? 0 : static_cast<uint8_t>(random_());
    constexpr uint16_t kTypes[] = {0x0800, 0x86DD, 0x8100, 0x88A8};
    for (size_t at = 12; OneIn(2) || at == 12; at += 4) {
      if (at + 12 > length) break;  // the last byte written is at + 11
      const uint16_t type = kTypes[Below(4)];
      frame[at] = static_cast<uint8_t>(type >> 8);
      frame[at + 1] = static_cast<uint8_t>(type);
      frame[at + 2] = static_cast<uint8_t>(type == 0x0800 ? 0x45 + OneIn(4) * Below(16) : 0x60);
      frame[at + 2 + (type == 0x0800 ? 9 : 6)] = 17;
    }
    return frame;
  }

  std::vector<uint8_t> SomePrefix() {
    std::vector<uint8_t> bytes(regs::kPrefixBytes);
    for (const auto& fixed : regs::prefix::kFixed) bytes[fixed.offset] = fixed.value;
    const uint32_t owner = Below(4);
    const auto word = regs::SwitchWord::Unpack(card_.ReadCsr(regs::kRegOwnerSwitch(owner)));
    bytes[regs::prefix::kKind] = 1;
    bytes[regs::prefix::kOwner] = static_cast<uint8_t>(owner);
    bytes[regs::prefix::kGeneration] = static_cast<uint8_t>(word.generation);
    bytes[regs::prefix::kGeneration + 1] = static_cast<uint8_t>(word.generation >> 8);
    bytes[regs::prefix::kFlags] = static_cast<uint8_t>(random_());
    bytes[regs::prefix::kPacingClass] = static_cast<uint8_t>(Below(66));
    if (OneIn(2)) {
      const uint64_t departure = static_cast<uint64_t>(now_ns_) + Below(300'000) - 10'000;
      for (size_t i = 0; i < 8; ++i) {
        bytes[regs::prefix::kTime + i] = static_cast<uint8_t>(departure >> (8 * i));
      }
    }
    if (OneIn(4)) bytes[Below(regs::kPrefixBytes)] = static_cast<uint8_t>(random_());
    return bytes;
  }

  uint64_t Counter(uint32_t offset) {
    return card_.ReadCsr(offset) | uint64_t{card_.ReadCsr(offset + 4)} << 32;
  }
  uint64_t Owner(OwnerCounter which) {
    return Counter(regs::kRegOwnerCounter(static_cast<uint32_t>(which)));
  }
  uint64_t Global(GlobalCounter which) {
    return Counter(regs::kRegGlobalCounter(static_cast<uint32_t>(which)));
  }

  void CheckConservation() {
    uint64_t in = 0;
    uint64_t delivered = 0;
    for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
      card_.WriteCsr(regs::kRegCounterSnapshot, owner);
      uint64_t out = 0;
      for (const auto which :
           {OwnerCounter::kDelivered, OwnerCounter::kParked, OwnerCounter::kQueued,
            OwnerCounter::kDropQuota, OwnerCounter::kDropNoCredit, OwnerCounter::kDropDetached,
            OwnerCounter::kDropState, OwnerCounter::kDropDiscarded}) {
        out += Owner(which);
      }
      ASSERT_EQ(Owner(OwnerCounter::kIn), out) << "owner " << owner;
      ASSERT_EQ(Owner(OwnerCounter::kParked), card_.ReadCsr(regs::kRegOwnerParked(owner)));
      in += Owner(OwnerCounter::kIn);
      delivered += Owner(OwnerCounter::kDelivered);
    }
    ASSERT_EQ(Global(GlobalCounter::kRxPackets),
              in + Global(GlobalCounter::kRxMalformed) + Global(GlobalCounter::kRxOversize) +
                  Global(GlobalCounter::kRxMemoryFull) + Global(GlobalCounter::kRxRuleDrop));
    ASSERT_LE(Global(GlobalCounter::kRxPackets), from_wire_);
    ASSERT_LE(delivered, to_host_);  // MARKs too
    ASSERT_EQ(Global(GlobalCounter::kTxPackets), to_wire_);
  }

  std::mt19937 random_{GetParam()};
  // Lets everything leave that waits for its time.
  void Empty() {
    for (int i = 0; i < 100'000; ++i) {
      while (card_.Step(now_ns_)) {
      }
      const int64_t next = card_.NextEvent();
      if (next == std::numeric_limits<int64_t>::max()) return;
      now_ns_ = std::max(now_ns_, next);
    }
    FAIL() << "something never leaves";
  }

  int64_t now_ns_ = 0;
  const CardOptions options_ = {.functions = 3,
                                .queues = 8,
                                .hold_cells = 100,
                                .tx_cells = 200,
                                .pacing_slots = 1024,
                                .filter_depth = {4, 2, 1, 8}};
  FunctionalCard card_{options_, *this};
  uint64_t to_host_ = 0;
  uint64_t to_wire_ = 0;
  uint64_t from_wire_ = 0;
  uint64_t sum_ = 0;
};

TEST_P(Fuzz, NothingCrashesAndNothingIsUnaccountedFor) {
  for (int i = 0; i < 20'000; ++i) {
    switch (Below(8)) {
      case 0:
        card_.WriteCsr(SomeOffset(), SomeValue());
        break;
      case 1:
        card_.ReadCsr(SomeOffset());
        break;
      case 2:
        Switch();
        break;
      case 3:
        card_.GrantCredits(static_cast<int>(Below(5)) - 1, static_cast<int>(Below(10)) - 1,
                           OneIn(10) ? random_() : Below(64));
        break;
      case 4: {
        auto bytes = OneIn(4) ? std::vector<uint8_t>() : SomePrefix();
        const auto frame = SomeFrame();
        bytes.insert(bytes.end(), frame.begin(), frame.end());
        card_.FromHost(static_cast<int>(Below(5)) - 1, static_cast<int>(Below(20)) - 1, bytes);
        break;
      }
      case 5:
        now_ns_ += OneIn(100) ? 20'000'000'000 : Below(10'000);
        card_.Step(now_ns_);
        break;
      default:
        from_wire_ += card_.FromWire(SomeFrame());
    }
    if (OneIn(1000)) {
      ASSERT_NO_FATAL_FAILURE(CheckConservation());
    }
  }
  ASSERT_NO_FATAL_FAILURE(Empty());
  ASSERT_NO_FATAL_FAILURE(CheckConservation());
  card_.WriteCsr(regs::kRegCounterSnapshot, 0);
  EXPECT_EQ(Global(GlobalCounter::kRxPackets), from_wire_);
  for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
    EXPECT_EQ(card_.ReadCsr(regs::kRegOwnerTxTaken(owner)),
              card_.ReadCsr(regs::kRegOwnerTxReleased(owner)));
  }
  EXPECT_GT(to_host_, 0u);
  EXPECT_GT(to_wire_, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Fuzz, testing::Range(1u, 9u));

}  // namespace
}  // namespace farrier::model
