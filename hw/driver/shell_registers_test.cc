#include "hw/driver/shell_registers.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/prefix.h"
#include "hw/driver/testing/fake_fpga.h"

namespace farrier::driver {
namespace {

using testing::HasSubstr;

class ShellRegistersTest : public FakeFpga {
 protected:
  std::unique_ptr<Bar2> bar_ = *Bar2::Map(Bar());
};

// What the shell makes of a packet's first beat and a function's registers, told from its
// documentation: the hash over IPv4's protocol and addresses, no ports.
uint32_t QueueTheShellPicks(const Bar2& bar, uint32_t function, std::span<const uint8_t> packet) {
  const uint32_t base = 0x1000 * (function + 1);
  const auto key_bit = [&](uint32_t bit) {
    return bar.Read(base + 0x600 + bit / 32 * 4) >> bit % 32 & 1;
  };
  uint32_t hash = 0;
  if (packet[12] == 0x08 && packet[13] == 0x00) {
    // The key's bit 0 belongs to a VLAN tag; the protocol begins at 4.
    const std::array<size_t, 9> bytes = {23, 26, 27, 28, 29, 30, 31, 32, 33};
    for (size_t i = 0; i < 8 * bytes.size(); ++i) {
      if ((packet[bytes[i / 8]] >> i % 8 & 1) == 0) continue;
      for (uint32_t bit = 0; bit < 32; ++bit) hash ^= key_bit(4 + i + bit) << bit;
    }
  }
  return bar.Read(base + 0x400 + hash % 128 * 4) + (bar.Read(base) >> 16);
}

TEST_F(ShellRegistersTest, EveryQueueOfAPrefixIsTheOneTheShellPicks) {
  ASSERT_TRUE(SetUpShell(*bar_, {}).ok());
  std::mt19937 random(1);
  for (uint32_t function = 0; function < 2; ++function) {
    for (uint32_t queue = 0; queue < 128; ++queue) {
      for (int payload = 0; payload < 4; ++payload) {
        std::vector<uint8_t> packet(regs::kPrefixBytes);
        EncodeTx({}, std::span(packet).first<regs::kPrefixBytes>());
        for (size_t at = 34; at < packet.size(); ++at) packet[at] = static_cast<uint8_t>(random());
        for (size_t bit = 0; bit < regs::prefix::kQueueBytes.size(); ++bit) {
          packet[regs::prefix::kQueueBytes[bit]] = queue >> bit & 1;
        }
        ASSERT_EQ(QueueTheShellPicks(*bar_, function, packet), FirstQueue(function) + queue);
      }
    }
  }
}

TEST_F(ShellRegistersTest, FunctionsHaveDisjointQueues) {
  ASSERT_TRUE(SetUpShell(*bar_, {}).ok());
  EXPECT_EQ(Word(0x1000), 0x00000010u);
  EXPECT_EQ(Word(0x2000), 0x00100010u);
  EXPECT_EQ(Word(0x3000), 0u) << "management has none";
}

TEST_F(ShellRegistersTest, TheCmacRunsAfterwards) {
  ASSERT_TRUE(SetUpShell(*bar_, {}).ok());
  EXPECT_EQ(Word(0x8014), 1u);
  EXPECT_EQ(Word(0x800C), 1u);
  EXPECT_EQ(Word(0x907C), 0u);
}

TEST_F(ShellRegistersTest, ForwardErrorCorrectionIsOnIfAskedFor) {
  ASSERT_TRUE(SetUpShell(*bar_, {.rs_fec = true}).ok());
  EXPECT_EQ(Word(0x907C), 3u);
  EXPECT_EQ(Word(0x9000), 7u);
}

TEST_F(ShellRegistersTest, IsFreshThenReady) {
  EXPECT_EQ(*InspectShell(*bar_, 2), ShellState::kFresh);
  ASSERT_TRUE(SetUpShell(*bar_, {}).ok());
  EXPECT_EQ(*InspectShell(*bar_, 2), ShellState::kReady);
  PutWord(0x2000, 0);
  EXPECT_EQ(*InspectShell(*bar_, 2), ShellState::kFresh) << "whoever set it up died in between";
}

TEST_F(ShellRegistersTest, WhatSomebodyElseSetUpIsRefused) {
  PutWord(0x1000, 0x00000040);
  const auto state = InspectShell(*bar_, 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(state.status()));
  EXPECT_THAT(state.status().message(), HasSubstr("0x00000040"));
  EXPECT_THAT(state.status().message(), HasSubstr("make flash"));
}

}  // namespace
}  // namespace farrier::driver
