#include "hw/model/tx_guard.h"

#include <gtest/gtest.h>

#include <random>

#include "hw/model/test_frames.h"

namespace farrier::model {
namespace {

using regs::GuardKind;

constexpr uint64_t kMac = 0x020000000001;  // of test frames
constexpr uint32_t kIp = 0x0A000001;

class TxGuardTest : public testing::Test {
 protected:
  bool Set(uint32_t function, uint32_t index, GuardKind kind, const IpAddress& value) {
    for (uint32_t i = 0; i < 4; ++i) guard_.Write(regs::kRegGuardValue(i), value[i]);
    return guard_.Write(
        regs::kRegGuardCommit,
        regs::GuardCommand{
            .index = index, .function = function, .kind = static_cast<uint32_t>(kind)}
            .Pack());
  }
  void SetUp() override {
    ASSERT_TRUE(Set(1, 0, GuardKind::kMac, {kMac >> 32, kMac & 0xFFFFFFFF}));
    ASSERT_TRUE(Set(1, 3, GuardKind::kIpv4, {kIp}));
    ASSERT_TRUE(Set(1, 7, GuardKind::kIpv6, {0xFD000000, 0, 0, 1}));
  }

  bool Allows(const Bytes& frame, uint32_t function = 1) {
    ParsedFrame parsed;
    ParseFrame(frame, parsed);
    return guard_.Allows(function, frame, parsed);
  }

  static Bytes Arp() {
    Bytes frame = Ipv4({.payload = 18});
    const uint8_t arp[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
    std::copy(std::begin(arp), std::end(arp), frame.begin() + 12);
    return frame;
  }

  static Bytes With(Bytes frame, size_t at, uint8_t value) {
    frame.at(at) = value;
    return frame;
  }

  TxGuard guard_{2};
};

TEST_F(TxGuardTest, ItsOwnAddressesAreAllowed) {
  EXPECT_TRUE(Allows(Ipv4({})));
  EXPECT_TRUE(Allows(Ipv6({.extensions = {{0, 8}}})));
  EXPECT_TRUE(Allows(Arp()));
  EXPECT_FALSE(Allows(Ipv4({}), 0)) << "another function has no entries";
}

TEST_F(TxGuardTest, OthersAreNot) {
  for (size_t at = 6; at < 12; ++at) {
    EXPECT_FALSE(Allows(With(Ipv4({}), at, 0x40))) << at;
    EXPECT_FALSE(Allows(With(Ipv6({}), at, 0x40))) << at;
    EXPECT_FALSE(Allows(With(Arp(), at, 0x40))) << at;
  }
  for (size_t at = 26; at < 30; ++at) EXPECT_FALSE(Allows(With(Ipv4({}), at, 0x40))) << at;
  for (size_t at = 22; at < 38; ++at) EXPECT_FALSE(Allows(With(Ipv6({}), at, 0x40))) << at;
  for (size_t at = 22; at < 32; ++at) EXPECT_FALSE(Allows(With(Arp(), at, 0x40))) << at;
}

TEST_F(TxGuardTest, ArpMayAskBeforeItHasAnAddress) {
  Bytes probe = Arp();
  std::fill(probe.begin() + 28, probe.begin() + 32, 0);
  EXPECT_TRUE(Allows(probe));
  Bytes unspecified = Ipv4({});
  std::fill(unspecified.begin() + 26, unspecified.begin() + 30, 0);
  EXPECT_FALSE(Allows(unspecified)) << "IPv4 may not";
}

TEST_F(TxGuardTest, OtherFramesAreViolations) {
  EXPECT_FALSE(Allows(Ipv4({.vlans = {0}})));
  EXPECT_FALSE(Allows(With(Ipv4({}), 12, 0x88)));
  EXPECT_FALSE(Allows(With(Ipv4({}), 14, 0x44))) << "malformed";
  EXPECT_FALSE(Allows(With(Ipv4({}), 39, 7))) << "malformed UDP";
  for (size_t at = 14; at < 20; ++at) EXPECT_FALSE(Allows(With(Arp(), at, 9))) << at;
  Bytes cut = Arp();
  cut.resize(41);
  EXPECT_FALSE(Allows(cut));
  cut = Arp();
  cut.resize(42);
  EXPECT_TRUE(Allows(cut));
}

TEST_F(TxGuardTest, EntriesReadBack) {
  ASSERT_TRUE(
      guard_.Write(regs::kRegGuardRead, regs::GuardCommand{.index = 7, .function = 1}.Pack()));
  EXPECT_EQ(guard_.Read(regs::kRegGuardKind), static_cast<uint32_t>(GuardKind::kIpv6));
  EXPECT_EQ(guard_.Read(regs::kRegGuardValue(0)), 0xFD000000u);
  EXPECT_EQ(guard_.Read(regs::kRegGuardValue(3)), 1u);
  ASSERT_TRUE(
      guard_.Write(regs::kRegGuardRead, regs::GuardCommand{.index = 1, .function = 1}.Pack()));
  EXPECT_EQ(guard_.Read(regs::kRegGuardKind), 0u);
  ASSERT_TRUE(Set(1, 3, GuardKind::kNothing, {kIp}));
  EXPECT_FALSE(Allows(Ipv4({})));
}

TEST_F(TxGuardTest, EntriesThatAreNotThereAreRefused) {
  EXPECT_FALSE(Set(1, 8, GuardKind::kMac, {}));
  EXPECT_FALSE(Set(2, 0, GuardKind::kMac, {}));
  EXPECT_FALSE(guard_.Write(regs::kRegGuardRead, 8));
  EXPECT_FALSE(guard_.Write(regs::kRegGuardKind, 1));
  EXPECT_FALSE(guard_.Write(regs::kRegGuardValue(3) + 2, 1));
  EXPECT_EQ(guard_.Read(regs::kRegGuardCommit), std::nullopt);
}

TEST_F(TxGuardTest, AnyFrameMayCome) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = random() % 3 == 0 ? Arp() : random() % 2 ? Ipv4({}) : Ipv6({});
    frame.resize(kEthernetHeaderBytes + random() % frame.size());
    frame.shrink_to_fit();
    frame[random() % frame.size()] = static_cast<uint8_t>(random());
    Allows(frame);
  }
}

}  // namespace
}  // namespace farrier::model
