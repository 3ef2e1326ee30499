// The CSR window: identity, plain registers, and accesses that make no sense.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

class CsrTest : public CardTest {
 protected:
  uint64_t Bad() { return Count(GlobalCounter::kCsrBadAccess); }
};
FARRIER_ON_EVERY_CARD(CsrTest);

TEST_P(CsrTest, IdentityIsWhatTheContractSays) {
  EXPECT_EQ(Read(regs::kRegMagic), 0x46415252u);
  EXPECT_EQ(Read(regs::kRegVersion), regs::kVersion);
  const auto capabilities = regs::Capabilities::Unpack(Read(regs::kRegCapabilities));
  EXPECT_EQ(capabilities.exact_filters, 1u);
  EXPECT_EQ(capabilities.hold, 1u);
  EXPECT_GE(functions(), 2u);
  EXPECT_LE(functions(), regs::kMaxFunctions);
  EXPECT_EQ(queues(), 16u);
  EXPECT_GE(Read(regs::kRegHoldCells), 64u);
  EXPECT_EQ(Read(regs::kRegMtu), regs::kMaxPacketBytes);
  EXPECT_EQ(Read(regs::kRegLink), 1u);
  EXPECT_NE(Read(regs::kRegMacLo), 0u);
  EXPECT_EQ(Read(regs::kRegMacHi) >> 16, 0u);
  EXPECT_EQ(Read(regs::kRegMacHi) & 0x0100, 0u) << "not a group address";
  constexpr uint32_t kLeastEntries[] = {8192, 1024, 2048, 512};
  for (uint32_t table = 0; table < 4; ++table) {
    const uint32_t depth = Read(regs::kRegFilterDepth(table));
    EXPECT_EQ(depth & (depth - 1), 0u);
    EXPECT_GE(depth * regs::kFilterWays, kLeastEntries[table]);
  }
  EXPECT_EQ(Bad(), 0u);
}

TEST_P(CsrTest, ResetValues) {
  EXPECT_EQ(Read(regs::kRegEpoch), 0u);
  EXPECT_EQ(Read(regs::kRegScratch), 0u);
  EXPECT_EQ(Read(regs::kRegLease), 0u);
  EXPECT_EQ(Read(regs::kRegDefaultOwner), 0u);
  EXPECT_EQ(Read(regs::kRegWatchdogUs), 10'000'000u);
  EXPECT_EQ(Read(regs::kRegDrainGapNs), 0u);
  for (uint32_t function = 0; function < functions(); ++function) {
    EXPECT_EQ(Read(regs::kRegFunctionControl(function)), regs::FunctionControl{.enable = 1}.Pack());
  }
  EXPECT_EQ(Bad(), 0u);
}

TEST_P(CsrTest, RegistersKeepWhatIsWritten) {
  for (const uint32_t offset :
       {regs::kRegEpoch, regs::kRegScratch, regs::kRegWatchdogUs, regs::kRegDrainGapNs,
        regs::kRegOwnerQuota(0), regs::kRegOwnerQuota(255)}) {
    for (const uint32_t value : {0xFFFFFFFFu, 0u, 0x12345678u, 1u}) {
      Write(offset, value);
      EXPECT_EQ(Read(offset), value) << std::hex << offset;
    }
  }
  for (uint32_t i = 0; i < regs::kFilterKeyWords; ++i) {
    Write(regs::kRegFilterKey(i), 0x1000 + i);
  }
  for (uint32_t i = 0; i < regs::kFilterKeyWords; ++i) {
    EXPECT_EQ(Read(regs::kRegFilterKey(i)), 0x1000 + i);
  }
  Write(regs::kRegFilterValue, 0xAB);
  EXPECT_EQ(Read(regs::kRegFilterValue) & 0xFF, 0xABu);
  EXPECT_EQ(Bad(), 0u);
}

TEST_P(CsrTest, BitsWithoutAFieldReadZero) {
  Write(regs::kRegDefaultOwner, 0xFFFFFF07);
  EXPECT_EQ(Read(regs::kRegDefaultOwner), 7u);
  SetDefaultOwner(0);
  Write(regs::kRegFunctionControl(0), 0xFFFFFFF1);
  EXPECT_EQ(Read(regs::kRegFunctionControl(0)), 1u);
}

TEST_P(CsrTest, TimeIsTheCardsClock) {
  Advance(0x7'8765'4321);
  const uint64_t low = Read(regs::kRegTimeLo);
  EXPECT_EQ(static_cast<int64_t>(low | uint64_t{Read(regs::kRegTimeHi)} << 32), now());
}

TEST_P(CsrTest, ReadingTheLowHalfOfTheTimeLatchesTheHighOne) {
  const int64_t before = now();
  Read(regs::kRegTimeLo);
  Advance(int64_t{5} << 32);
  EXPECT_EQ(Read(regs::kRegTimeHi), static_cast<uint32_t>(before >> 32));
  Read(regs::kRegTimeLo);
  EXPECT_EQ(Read(regs::kRegTimeHi), static_cast<uint32_t>(now() >> 32));
}

TEST_P(CsrTest, HolesReadZeroAndCount) {
  const uint32_t holes[] = {0x003C,
                            0x004C,
                            0x0134,
                            0x0204,
                            0x0FFC,
                            0x8000,
                            regs::kRegOwnerSwitch(0) + 0x2C,
                            regs::kRegOwnerSwitch(255) + 0x3C,
                            regs::kRegOwnerSwitch(256),
                            regs::kRegOwnerCounter(regs::kOwnerCounters),
                            regs::kRegGlobalCounter(regs::kGlobalCounters),
                            regs::kWindowBytes - 4,
                            regs::kWindowBytes,
                            regs::kWindowBytes + regs::kRegScratch,
                            0x80000000u + regs::kRegScratch,
                            0xFFFFFFFCu};
  Write(regs::kRegScratch, 0x55);
  uint64_t bad = 0;
  for (const uint32_t hole : holes) {
    EXPECT_EQ(Read(hole), 0u) << std::hex << hole;
    EXPECT_EQ(Bad(), ++bad) << std::hex << hole;
    Write(hole, 0xFFFFFFFF);
    EXPECT_EQ(Bad(), ++bad) << std::hex << hole;
  }
  EXPECT_EQ(Read(regs::kRegScratch), 0x55u);
}

TEST_P(CsrTest, UnalignedOffsetsAreHoles) {
  Write(regs::kRegScratch, 0x55);
  uint64_t bad = 0;
  for (uint32_t i = 1; i < 4; ++i) {
    EXPECT_EQ(Read(regs::kRegScratch + i), 0u);
    Write(regs::kRegScratch + i, 0xAAAA);
    Write(regs::kRegOwnerQuota(2) + i, 0xAAAA);
    bad += 3;
    EXPECT_EQ(Bad(), bad);
  }
  EXPECT_EQ(Read(regs::kRegScratch), 0x55u);
  EXPECT_EQ(Read(regs::kRegOwnerQuota(2)), 64u);
}

TEST_P(CsrTest, ReadOnlyRegistersIgnoreWritesAndCount) {
  const uint32_t read_only[] = {regs::kRegMagic,
                                regs::kRegVersion,
                                regs::kRegCapabilities,
                                regs::kRegFunctions,
                                regs::kRegQueues,
                                regs::kRegHoldCells,
                                regs::kRegMtu,
                                regs::kRegFilterDepth(2),
                                regs::kRegMacLo,
                                regs::kRegMacHi,
                                regs::kRegLink,
                                regs::kRegTimeLo,
                                regs::kRegTimeHi,
                                regs::kRegOwnerCut(5),
                                regs::kRegOwnerRxNext(5),
                                regs::kRegOwnerTxSeen(5),
                                regs::kRegOwnerStatus(5),
                                regs::kRegOwnerParked(5),
                                regs::kRegOwnerRefused(5)};
  uint64_t bad = 0;
  for (const uint32_t offset : read_only) {
    const uint32_t before = Read(offset);
    Write(offset, ~before);
    EXPECT_EQ(Read(offset), before) << std::hex << offset;
    EXPECT_EQ(Bad(), ++bad) << std::hex << offset;
  }
  Write(regs::kRegOwnerCounter(0), 5);
  Write(regs::kRegGlobalCounter(3) + 4, 5);
  EXPECT_EQ(Bad(), bad + 2);
}

TEST_P(CsrTest, WriteOnlyRegistersReadZeroAndCount) {
  uint64_t bad = 0;
  for (const uint32_t offset : {regs::kRegCredit, regs::kRegFilterCommit, regs::kRegFilterRead,
                                regs::kRegCounterSnapshot}) {
    EXPECT_EQ(Read(offset), 0u);
    EXPECT_EQ(Bad(), ++bad) << std::hex << offset;
  }
}

TEST_P(CsrTest, FunctionsThatAreNotBuiltInHaveNoRegisters) {
  uint64_t bad = 0;
  for (uint32_t function = functions(); function < 4; ++function) {
    EXPECT_EQ(Read(regs::kRegFunctionControl(function)), 0u);
    Write(regs::kRegFunctionControl(function), 1);
    Write(regs::kRegCredit, regs::CreditDoorbell{.count = 5, .function = function}.Pack());
    bad += 3;
    EXPECT_EQ(Bad(), bad);
  }
}

TEST_P(CsrTest, ASnapshotOfNoOwnerIsRefused) {
  Write(regs::kRegCounterSnapshot, 256);
  Write(regs::kRegCounterSnapshot, 0xFFFFFFFF);
  EXPECT_EQ(Bad(), 2u);
}

}  // namespace
}  // namespace farrier::conformance
