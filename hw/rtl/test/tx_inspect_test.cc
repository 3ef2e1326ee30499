// The TX guard and checksum insertion, with the functional model as reference.

#include <algorithm>
#include <array>
#include <vector>

#include "hw/model/checksum.h"
#include "hw/model/parser.h"
#include "hw/model/tx_guard.h"
#include "hw/rtl/test/draw_frame.h"
#include "hw/rtl/test/tx_path_bench.h"

namespace farrier::rtl {
namespace {

using regs::GuardKind;

class TxInspectTest : public TxPathBench {
 protected:
  TxInspectTest() {
    Write(regs::kRegOwnerTxQuota(1), 4'096);
    Write(regs::kRegFunctionTxQuota(1), 4'096);
  }

  // A GUARD register, in the RTL and in the model.
  void WriteGuard(uint32_t offset, uint32_t value) {
    Write(offset, value);
    EXPECT_EQ(bad_access_, !guard_.Write(offset, value)) << std::hex << offset << " " << value;
  }

  void Allow(uint32_t function, uint32_t index, GuardKind kind, const model::IpAddress& value) {
    for (uint32_t i = 0; i < value.size(); ++i) WriteGuard(regs::kRegGuardValue(i), value[i]);
    WriteGuard(regs::kRegGuardCommit,
               regs::GuardCommand{
                   .index = index, .function = function, .kind = static_cast<uint32_t>(kind)}
                   .Pack());
  }

  bool Passes(uint32_t function, const Bytes& frame) {
    model::ParseFrame(frame, parsed_);
    return guard_.Allows(function, frame, parsed_);
  }

  static Bytes WithChecksums(Bytes frame) {
    model::ParsedFrame parsed;
    model::ParseFrame(frame, parsed);
    model::InsertChecksums(frame, parsed);
    return frame;
  }

  // Until the card is idle; time goes on.
  void Settle() {
    for (int i = 0; i < 100'000; ++i) {
      path_.Settle();
      if (path_->idle_o && !InputWaits()) return;
      ASSERT_NO_FATAL_FAILURE(Cycle());
    }
    FAIL() << "never idle";
  }

  model::TxGuard guard_{kFunctions};
  model::ParsedFrame parsed_;
};

TEST_P(TxInspectTest, ChecksumsAreWhatTheModelSays) {
  Random random(GetParam());
  std::vector<Bytes> expected;
  uint32_t changed = 0;
  for (int i = 0; i < 500; ++i) {
    const Bytes frame = DrawFrame(random);
    const bool insert = random.Chance(80);
    Offer(0, WithPrefix({.insert_checksum = insert}, frame));
    expected.push_back(insert ? WithChecksums(frame) : frame);
    changed += expected.back() != frame;
    // Sometimes close behind each other, sometimes alone; never more than there is room for.
    if (i % 50 == 49 || random.Chance(20)) {
      ASSERT_NO_FATAL_FAILURE(Settle());
    }
  }
  ASSERT_NO_FATAL_FAILURE(Settle());
  EXPECT_GT(changed, 150u);
  ASSERT_EQ(out_.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(out_[i].frame, expected[i]) << "frame " << i;
  }
}

TEST_P(TxInspectTest, AUdpChecksumIsNeverZero) {
  // A frame whose sum is 0xFFFF without a checksum: found by taking one away.
  Random random(GetParam());
  Bytes frame(14 + 20 + 8 + 64);
  for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random.Next());
  const std::array<uint8_t, 12> header = {0x08, 0x00, 0x45, 0, 0, 92, 0, 0, 0x40, 0, 64, 17};
  std::ranges::copy(header, frame.begin() + 12);
  frame[14 + 20 + 4] = 0;
  frame[14 + 20 + 5] = 72;
  // What the checksum was goes into the payload: now everything sums up to 0xFFFF.
  frame[14 + 20 + 8] = frame[14 + 20 + 9] = 0;
  const Bytes without = WithChecksums(frame);
  frame[14 + 20 + 8] = without[14 + 20 + 6];
  frame[14 + 20 + 9] = without[14 + 20 + 7];
  Offer(0, WithPrefix({.insert_checksum = true}, frame));
  ASSERT_NO_FATAL_FAILURE(Settle());
  ASSERT_EQ(out_.size(), 1u);
  EXPECT_EQ(out_[0].frame[14 + 20 + 6], 0xFF);
  EXPECT_EQ(out_[0].frame[14 + 20 + 7], 0xFF);
  EXPECT_EQ(out_[0].frame, WithChecksums(frame));
}

TEST_P(TxInspectTest, TheGuardLetsPassWhatTheModelLets) {
  Random random(GetParam());
  const auto mac = [&](uint32_t i) -> model::IpAddress { return {0x0200u, 0x5E001000u + i, 7, 9}; };
  const auto ipv4 = [&](uint32_t i) -> model::IpAddress { return {0x0A000000u + i, 1, 2, 3}; };
  const auto ipv6 = [&](uint32_t i) -> model::IpAddress { return {0xFD000000u, 5, 6, i}; };
  const auto put = [](Bytes& frame, size_t at, uint32_t value, size_t bytes) {
    for (size_t i = 0; i < bytes && at + i < frame.size(); ++i) {
      frame[at + i] = static_cast<uint8_t>(value >> 8 * (bytes - 1 - i));
    }
  };
  const auto put_mac = [&](Bytes& frame, size_t at) {
    const uint32_t i = random.Below(4);
    put(frame, at, mac(i)[0], 2);
    put(frame, at + 2, mac(i)[1], 4);
  };
  SetGuard(3);
  SetRaw(2);
  std::vector<Bytes> expected;
  uint32_t violations = 0;
  for (int i = 0; i < 600; ++i) {
    if (i % 20 == 0) {
      ASSERT_NO_FATAL_FAILURE(Settle());
      for (int entries = random.Below(24); entries > 0; --entries) {
        const uint32_t number = random.Below(3);
        const uint32_t kind = random.Below(4);
        Allow(random.Below(2), random.Below(8), static_cast<GuardKind>(kind),
              kind == 1   ? mac(number)
              : kind == 2 ? ipv4(number)
                          : ipv6(number));
      }
    }
    Bytes frame;
    if (random.Chance(25)) {  // ARP
      frame = Bytes(random.Chance(80) ? 60 : 14 + random.Below(40));
      put(frame, 12, 0x0806, 2);
      put(frame, 14, random.Chance(90) ? 0x00010800 : random.Next(), 4);
      put(frame, 18, random.Chance(90) ? 0x0604 : random.Next(), 2);
      put_mac(frame, 22);
      put(frame, 28, random.Chance(20) ? 0 : ipv4(random.Below(4))[0], 4);
    } else {
      frame = DrawFrame(random);
      const uint32_t number = random.Below(4);
      if (frame.size() > 40 && frame[12] == 0x08) put(frame, 26, ipv4(number)[0], 4);
      if (frame.size() > 60 && frame[12] == 0x86) {
        for (uint32_t word = 0; word < 4; ++word) put(frame, 22 + 4 * word, ipv6(number)[word], 4);
      }
    }
    put_mac(frame, 6);
    const int function = random.Below(2);
    const bool insert = function == 0 && random.Chance(30);
    Offer(function, function == 1 ? frame : WithPrefix({.insert_checksum = insert}, frame));
    if (Passes(function, frame)) {
      expected.push_back(insert ? WithChecksums(frame) : frame);
    } else {
      ++violations;
    }
    while (InputWaits()) ASSERT_NO_FATAL_FAILURE(Cycle());
  }
  ASSERT_NO_FATAL_FAILURE(Settle());
  EXPECT_EQ(guarded_, violations);
  EXPECT_GT(expected.size(), 20u);
  ASSERT_EQ(out_.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(out_[i].frame, expected[i]) << "frame " << i;
  }
}

TEST_P(TxInspectTest, EntriesAreReadAsTheyWereWritten) {
  Random random(GetParam());
  for (int i = 0; i < 300; ++i) {
    const model::IpAddress value = {
        static_cast<uint32_t>(random.Next()), static_cast<uint32_t>(random.Next()),
        static_cast<uint32_t>(random.Next()), static_cast<uint32_t>(random.Next())};
    // Some of those places are not there.
    Allow(random.Below(4), random.Below(10), static_cast<GuardKind>(random.Below(4)), value);
    WriteGuard(regs::kRegGuardRead,
               regs::GuardCommand{.index = static_cast<uint32_t>(random.Below(10)),
                                  .function = static_cast<uint32_t>(random.Below(4))}
                   .Pack());
    for (uint32_t word = 0; word < 4; ++word) {
      EXPECT_EQ(Read(regs::kRegGuardValue(word)), guard_.Read(regs::kRegGuardValue(word)));
    }
    EXPECT_EQ(Read(regs::kRegGuardKind), guard_.Read(regs::kRegGuardKind));
  }
  for (const uint32_t offset :
       {regs::kRegGuardCommit, regs::kRegGuardRead, regs::kRegGuardKind + 4}) {
    EXPECT_EQ(Read(offset), 0u);
    EXPECT_TRUE(bad_access_);
  }
  Write(regs::kRegGuardKind, 1);
  EXPECT_TRUE(bad_access_);
}

TEST_P(TxInspectTest, TheGuardTakesAPacketPerCycle) {
  Allow(1, 3, GuardKind::kMac, {0x0200, 0x5E001000});
  Allow(1, 7, GuardKind::kIpv4, {0x0A000001});
  SetRaw(2);
  SetGuard(2);
  Bytes frame(60);
  const std::array<uint8_t, 24> header = {2, 0, 0x5E, 0, 0x10, 0,  0x08, 0, 0x45, 0, 0, 46,
                                          0, 0, 0,    0, 64,   17, 0,    0, 10,   0, 0, 1};
  std::ranges::copy(header, frame.begin() + 6);
  frame[14 + 20 + 5] = 26;
  ASSERT_TRUE(Passes(1, frame));
  constexpr size_t kFrames = 2'000;
  for (size_t i = 0; i < kFrames; ++i) Offer(1, frame);
  const uint64_t start = cycle_;
  while (out_.size() < kFrames && cycle_ - start < 2 * kFrames) {
    ASSERT_NO_FATAL_FAILURE(Cycle());
  }
  EXPECT_LE(cycle_ - start, kFrames + 40);
  EXPECT_EQ(guarded_, 0u);
}

TEST_P(TxInspectTest, ChecksumsCostSomeCyclesAndNoPace) {
  Random random(GetParam());
  const size_t length = 60 + 64 * (GetParam() - 1);
  const Bytes frame(length, 0x45);
  Offer(0, WithPrefix({.insert_checksum = true}, frame));
  const uint64_t start = cycle_;
  ASSERT_NO_FATAL_FAILURE(Run(static_cast<int>(2 * BeatsOf(length) + 60)));
  ASSERT_EQ(out_.size(), 1u);
  EXPECT_LE(out_[0].first_cycle - start, 32 + BeatsOf(length));
  constexpr size_t kFrames = 500;
  for (size_t i = 0; i < kFrames; ++i) Offer(0, WithPrefix({.insert_checksum = true}, frame));
  const uint64_t begin = cycle_;
  while (out_.size() < 1 + kFrames && cycle_ - begin < 20 * kFrames) {
    ASSERT_NO_FATAL_FAILURE(Cycle());
  }
  EXPECT_LE(cycle_ - begin, kFrames * (1 + BeatsOf(length)) + 40);
}

FARRIER_SEEDS(TxInspectTest);

}  // namespace
}  // namespace farrier::rtl
