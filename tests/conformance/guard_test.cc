// The TX guard: which sources a function may send from.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using regs::GuardKind;
using testing::IsEmpty;
using testing::SizeIs;

class GuardTest : public CardTest {
 protected:
  // Function 1 is raw and guarded: MAC and addresses of what MakeFrame sends.
  void SetUp() override {
    CardTest::SetUp();
    Control({.enable = 1, .raw = 1, .guard = 1});
    Set(1, 0, GuardKind::kMac, {0x0200, 0x00000001});
    Set(1, 4, GuardKind::kIpv4, {0x0A000001});
    Set(1, 7, GuardKind::kIpv6, {0xFD000000, 0, 0, 1});
  }

  void Control(regs::FunctionControl control) {
    Write(regs::kRegFunctionControl(1), control.Pack());
  }
  static uint32_t Command(uint32_t function, uint32_t index, GuardKind kind = GuardKind::kNothing) {
    return regs::GuardCommand{
        .index = index, .function = function, .kind = static_cast<uint32_t>(kind)}
        .Pack();
  }
  void Set(uint32_t function, uint32_t index, GuardKind kind, const Ipv6& value) {
    for (uint32_t i = 0; i < 4; ++i) Write(regs::kRegGuardValue(i), value[i]);
    Write(regs::kRegGuardCommit, Command(function, index, kind));
    Run();
  }

  // Whether the frame got out.
  bool Passes(const Bytes& frame, uint32_t function = 1) {
    const uint64_t before = Count(GlobalCounter::kTxGuard);
    OfferHost(function, 0, frame);
    Run();
    const auto wire = TakeWire();
    const bool passed = !wire.empty();
    if (passed) {
      EXPECT_EQ(wire[0], frame);
    }
    EXPECT_EQ(Count(GlobalCounter::kTxGuard), before + !passed);
    return passed;
  }

  static Bytes With(Bytes frame, size_t at, uint8_t value) {
    frame.at(at) = value;
    return frame;
  }
  static Bytes Arp() {
    Bytes frame = MakeFrame({.length = 60});
    const uint8_t arp[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
    std::copy(std::begin(arp), std::end(arp), frame.begin() + 12);
    return frame;
  }
};
FARRIER_ON_EVERY_CARD(GuardTest);

TEST_P(GuardTest, ItsOwnAddressesPass) {
  FARRIER_NEEDS(tx_guard);
  EXPECT_TRUE(Passes(MakeFrame({.length = 100})));
  EXPECT_TRUE(Passes(MakeFrame({.protocol = 6, .length = 1'514})));
  EXPECT_TRUE(Passes(MakeFrame({.protocol = 1, .length = 100})));
  EXPECT_TRUE(Passes(MakeFrame({.fragment_word = 100, .length = 100})));
  EXPECT_TRUE(Passes(MakeFrame({.ipv6 = true, .length = 100})));
  EXPECT_TRUE(Passes(MakeFrame({.ipv6 = true, .extensions = {{0, 8}, {60, 8}}, .length = 200})));
  EXPECT_TRUE(Passes(Arp()));
}

TEST_P(GuardTest, OtherSourcesDoNot) {
  FARRIER_NEEDS(tx_guard);
  const Bytes ipv4 = MakeFrame({.length = 100});
  const Bytes ipv6 = MakeFrame({.ipv6 = true, .length = 100});
  for (size_t at = 6; at < 12; ++at) {
    EXPECT_FALSE(Passes(With(ipv4, at, ipv4[at] ^ 0x40))) << "MAC " << at;
    EXPECT_FALSE(Passes(With(ipv6, at, ipv6[at] ^ 0x40))) << "MAC " << at;
    EXPECT_FALSE(Passes(With(Arp(), at, Arp()[at] ^ 0x40))) << "MAC " << at;
  }
  for (size_t at = 26; at < 30; ++at) EXPECT_FALSE(Passes(With(ipv4, at, ipv4[at] ^ 1))) << at;
  for (size_t at = 22; at < 38; ++at) EXPECT_FALSE(Passes(With(ipv6, at, ipv6[at] ^ 1))) << at;
  for (size_t at = 22; at < 32; ++at) EXPECT_FALSE(Passes(With(Arp(), at, Arp()[at] ^ 1))) << at;
  EXPECT_TRUE(Passes(With(ipv4, 30, 99))) << "the destination does not matter";
}

TEST_P(GuardTest, ArpMayProbe) {
  FARRIER_NEEDS(tx_guard);
  Bytes probe = Arp();
  std::fill(probe.begin() + 28, probe.begin() + 32, 0);
  EXPECT_TRUE(Passes(probe)) << "sender 0.0.0.0";
  Bytes unspecified = MakeFrame({.length = 100});
  std::fill(unspecified.begin() + 26, unspecified.begin() + 30, 0);
  EXPECT_FALSE(Passes(unspecified)) << "IPv4 may not";
}

TEST_P(GuardTest, MalformedArpDoesNotPass) {
  FARRIER_NEEDS(tx_guard);
  for (size_t at = 14; at < 20; ++at) EXPECT_FALSE(Passes(With(Arp(), at, 9))) << at;
  Bytes cut = Arp();
  cut.resize(42);
  EXPECT_TRUE(Passes(cut));
  cut.resize(41);
  EXPECT_FALSE(Passes(cut));
}

TEST_P(GuardTest, OtherFramesAreViolations) {
  FARRIER_NEEDS(tx_guard);
  EXPECT_FALSE(Passes(MakeFrame({.vlans = {{0x8100, 0}}, .length = 100})));
  EXPECT_FALSE(Passes(MakeFrame({.vlans = {{0x88A8, 5}}, .length = 100})));
  EXPECT_FALSE(Passes(With(MakeFrame({.length = 100}), 12, 0x88))) << "another EtherType";
  EXPECT_FALSE(Passes(With(MakeFrame({.length = 100}), 14, 0x44))) << "a malformed header";
  EXPECT_FALSE(Passes(With(MakeFrame({.length = 100}), 39, 7))) << "malformed UDP";
  EXPECT_FALSE(Passes(With(MakeFrame({.ipv6 = true, .length = 100}), 18, 9)));
}

TEST_P(GuardTest, WithoutTheBitEverythingPasses) {
  FARRIER_NEEDS(tx_guard);
  Control({.enable = 1, .raw = 1});
  EXPECT_TRUE(Passes(MakeFrame({.src4 = 1, .length = 100})));
  EXPECT_TRUE(Passes(With(MakeFrame({.length = 100}), 12, 0x88)));
  EXPECT_EQ(Read(regs::kRegFunctionControl(1)),
            (regs::FunctionControl{.enable = 1, .raw = 1}.Pack()));
  Control({.enable = 1, .raw = 1, .guard = 1});
  EXPECT_EQ(Read(regs::kRegFunctionControl(1)),
            (regs::FunctionControl{.enable = 1, .raw = 1, .guard = 1}.Pack()));
  EXPECT_FALSE(Passes(MakeFrame({.src4 = 1, .length = 100})));
}

TEST_P(GuardTest, EntriesAreEachFunctionsOwn) {
  FARRIER_NEEDS(tx_guard);
  Write(regs::kRegFunctionControl(0),
        regs::FunctionControl{.enable = 1, .raw = 1, .guard = 1}.Pack());
  EXPECT_FALSE(Passes(MakeFrame({.length = 100}), 0));
  Set(0, 3, GuardKind::kMac, {0x0200, 0x00000001});
  EXPECT_FALSE(Passes(MakeFrame({.length = 100}), 0)) << "a MAC alone is not enough";
  Set(0, 0, GuardKind::kIpv4, {0x0A000001});
  EXPECT_TRUE(Passes(MakeFrame({.length = 100}), 0));
  EXPECT_FALSE(Passes(MakeFrame({.ipv6 = true, .length = 100}), 0));
}

TEST_P(GuardTest, AnyEntryWillDo) {
  FARRIER_NEEDS(tx_guard);
  for (uint32_t index = 0; index < regs::kGuardEntries; ++index) {
    Set(1, index, GuardKind::kNothing, {});
  }
  EXPECT_FALSE(Passes(MakeFrame({.length = 100})));
  for (uint32_t index = 0; index < regs::kGuardEntries; ++index) {
    const uint32_t other = (index + 3) % regs::kGuardEntries;
    Set(1, index, GuardKind::kMac, {0x0200, 0x00000001});
    Set(1, other, GuardKind::kIpv4, {0x0A000001});
    EXPECT_TRUE(Passes(MakeFrame({.length = 100}))) << index;
    Set(1, other, GuardKind::kNothing, {0x0A000001});
    EXPECT_FALSE(Passes(MakeFrame({.length = 100}))) << "empty again";
    Set(1, index, GuardKind::kNothing, {});
  }
}

TEST_P(GuardTest, APrefixedFunctionIsGuardedToo) {
  FARRIER_NEEDS(tx_guard);
  Control({.enable = 1, .guard = 1});
  Attach(2, {1, 0});
  OfferHost(1, 0, TxPacket(2, 1, 5, MakeFrame({.length = 100})));
  OfferHost(1, 0, TxPacket(2, 1, 6, MakeFrame({.src4 = 1, .length = 100})));
  Run();
  EXPECT_THAT(TakeWire(), SizeIs(1));
  EXPECT_EQ(Count(GlobalCounter::kTxGuard), 1u);
  EXPECT_EQ(Count(2, OwnerCounter::kTx), 1u);
  EXPECT_EQ(Read(regs::kRegOwnerTxSeen(2)), 6u) << "it did reach the card";
  EXPECT_EQ(Read(regs::kRegOwnerTxTaken(2)), 1u);
}

TEST_P(GuardTest, EntriesReadBack) {
  FARRIER_NEEDS(tx_guard);
  Set(0, 2, GuardKind::kIpv6, {1, 2, 3, 4});
  Set(0, 3, GuardKind::kNothing, {});
  Write(regs::kRegGuardRead, Command(0, 2));
  Run();
  EXPECT_EQ(Read(regs::kRegGuardKind), static_cast<uint32_t>(GuardKind::kIpv6));
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(Read(regs::kRegGuardValue(i)), i + 1);
  Write(regs::kRegGuardRead, Command(1, 0));
  Run();
  EXPECT_EQ(Read(regs::kRegGuardKind), static_cast<uint32_t>(GuardKind::kMac));
  EXPECT_EQ(Read(regs::kRegGuardValue(0)), 0x0200u);
  EXPECT_EQ(Read(regs::kRegGuardValue(1)), 1u);
  Write(regs::kRegGuardRead, Command(0, 7));
  Run();
  EXPECT_EQ(Read(regs::kRegGuardKind), 0u);
}

TEST_P(GuardTest, EntriesThatAreNotThereAreRefused) {
  FARRIER_NEEDS(tx_guard);
  uint64_t bad = Count(GlobalCounter::kCsrBadAccess);
  for (const uint32_t offset : {regs::kRegGuardCommit, regs::kRegGuardRead}) {
    for (const uint32_t command : {Command(0, 8), Command(0, 255), Command(functions(), 0)}) {
      if (command == Command(4, 0)) continue;  // all functions are built in
      Write(offset, command);
      EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
    }
    EXPECT_EQ(Read(offset), 0u);
    EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
  }
  Write(regs::kRegGuardKind, 1);
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
  EXPECT_EQ(Read(regs::kRegGuardKind + 4), 0u);
  EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
}

}  // namespace
}  // namespace farrier::conformance
