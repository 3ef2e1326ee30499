#include <array>
#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/card_csr_window.h"
#include "hw/driver/card_info.h"
#include "hw/driver/fake_card.h"
#include "hw/driver/filters.h"
#include "hw/driver/owner_row.h"
#include "hw/model/functional_card.h"

namespace farrier::driver {
namespace {

class NoSink : public model::CardSink {
 public:
  void ToHost(int, int, std::span<const uint8_t>) override {}
  void ToWire(std::span<const uint8_t>) override {}
};

class OnModelCard : public testing::Test {
 protected:
  NoSink sink_;
  model::FunctionalCard card_{{.filter_depth = {16, 16, 8, 8}}, sink_};
  CardCsrWindow window_{card_};
  Filters filters_{window_, {16, 16, 8, 8}};
};

using OwnerRowTest = OnModelCard;
using FiltersTest = OnModelCard;
using CardInfoTest = OnModelCard;

constexpr uint32_t kAttached = static_cast<uint32_t>(regs::OwnerState::kAttached);
constexpr uint32_t kHeld = static_cast<uint32_t>(regs::OwnerState::kHeld);

TEST_F(OwnerRowTest, OfTwoRivalsOneWinsAndBothKnow) {
  OwnerRow row(window_, runtime::OwnerId{3});
  const auto first = row.Switch({.state = kAttached, .function = 0, .generation = 0});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->won);
  EXPECT_EQ(first->row.generation, 1u);
  const auto second = row.Switch({.state = kAttached, .function = 1, .generation = 0});
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->won);
  EXPECT_EQ(second->row, first->row) << "the loser learns who has it";
  EXPECT_EQ(*row.ReadRefused(), 1u);
  const auto third = row.Switch({.state = kHeld, .function = 0, .generation = 1});
  EXPECT_TRUE(third->won);
  EXPECT_EQ(third->row.generation, 1u) << "HELD keeps the generation";
}

TEST_F(OwnerRowTest, TheGenerationWraps) {
  OwnerRow row(window_, runtime::OwnerId{1});
  for (uint32_t g = 0; g < 4096; ++g) {
    const auto outcome = row.Switch({.state = kAttached, .generation = g});
    ASSERT_TRUE(outcome->won) << g;
    ASSERT_EQ(outcome->row.generation, (g + 1) % 4096);
  }
}

TEST_F(OwnerRowTest, AQuotaThatTheCardDoesNotTakeIsAnError) {
  OwnerRow row(window_, runtime::OwnerId{1});
  EXPECT_TRUE(row.WriteQuota(100).ok());
  EXPECT_EQ(*row.ReadQuota(), 100u);
  ASSERT_TRUE(row.Switch({.state = kHeld})->won);
  const auto status = row.WriteQuota(200);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), testing::HasSubstr("100 cells"));
}

TEST_F(OwnerRowTest, CountersAreASnapshotOfBothBlocks) {
  OwnerRow row(window_, runtime::OwnerId{0});
  const std::vector<uint8_t> frame(60);
  ASSERT_TRUE(card_.FromWire(frame));
  ASSERT_TRUE(card_.FromWire(std::span(frame).first(5)));
  while (card_.Step(1000)) {
  }
  const auto counters = row.ReadCounters();
  ASSERT_TRUE(counters.ok());
  EXPECT_EQ((*counters)[regs::OwnerCounter::kIn], 1u);
  EXPECT_EQ((*counters)[regs::OwnerCounter::kDropDetached], 1u);
  EXPECT_EQ((*counters)[regs::GlobalCounter::kRxPackets], 2u);
  EXPECT_EQ((*counters)[regs::GlobalCounter::kRxBytes], 65u);
  EXPECT_EQ((*counters)[regs::GlobalCounter::kRxMalformed], 1u);
}

// Registers in which every counter of owner n is n, in the snapshot that was taken last.
class LatchingWindow final : public CsrWindow {
 public:
  absl::StatusOr<uint32_t> Read(uint32_t offset) override {
    std::this_thread::yield();  // let others in
    return offset % 8 == 0 ? latched_.load() : 0;
  }
  absl::Status Write(uint32_t, uint32_t value) override {
    latched_ = value;
    return absl::OkStatus();
  }

 private:
  std::atomic<uint32_t> latched_{0};
};

TEST(OwnerRowTestOfThreads, ThatReadCountersEachGetTheirOwnersAlone) {
  LatchingWindow window;
  std::atomic<int> wrong = 0;
  const auto read = [&](uint8_t owner) {
    for (int i = 0; i < 300; ++i) {
      const CounterSnapshot snapshot =
          OwnerRow(window, runtime::OwnerId{owner}).ReadCounters().value();
      for (const uint64_t value : snapshot.owner) wrong += value != owner;
    }
  };
  std::thread other([&] { read(2); });
  read(1);
  other.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(FiltersTest, InstalledIsFoundReplacedAndRemoved) {
  const auto key = UdpListen(0x0A000001, 7000);
  EXPECT_EQ(*filters_.Find(key), std::nullopt);
  EXPECT_EQ(filters_.Remove(key).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(filters_.Install(key, runtime::OwnerId{1}).ok());
  ASSERT_TRUE(filters_.Install(key, runtime::OwnerId{1}).ok());
  EXPECT_EQ(*filters_.Find(key), runtime::OwnerId{1});
  ASSERT_TRUE(filters_.Install(key, runtime::OwnerId{2}).ok());
  Filters successor(window_, {16, 16, 8, 8});
  EXPECT_EQ(*successor.Find(key), runtime::OwnerId{2}) << "the card is the truth";
  ASSERT_TRUE(successor.Remove(key).ok());
  EXPECT_EQ(*filters_.Find(key), std::nullopt);
}

TEST_F(FiltersTest, EveryFieldOfTheKeyCounts) {
  const FilterKey base = {.table = regs::FilterTable::kV6Flow,
                          .protocol = 6,
                          .vlan = 7,
                          .dst_port = 1,
                          .src_port = 2,
                          .dst = {1, 2, 3, 4},
                          .src = {5, 6, 7, 8}};
  ASSERT_TRUE(filters_.Install(base, runtime::OwnerId{9}).ok());
  EXPECT_EQ(*filters_.Find(base), runtime::OwnerId{9});
  std::vector<FilterKey> others(13, base);
  others[0].protocol = 17;
  others[1].vlan = 0;
  others[2].dst_port = 3;
  others[3].src_port = 3;
  for (int i = 0; i < 4; ++i) others[4 + i].dst[i] ^= 0x80000000;
  for (int i = 0; i < 4; ++i) others[8 + i].src[i] ^= 1;
  others[12].table = regs::FilterTable::kV4Flow;
  others[12].dst = {1}, others[12].src = {5};
  for (const auto& other : others) EXPECT_EQ(*filters_.Find(other), std::nullopt);
}

TEST_F(FiltersTest, KeysThatATableCannotHoldAreRefused) {
  auto listen = UdpListen(1, 1);
  listen.src_port = 1;
  EXPECT_EQ(filters_.Install(listen, {}).code(), absl::StatusCode::kInvalidArgument);
  auto vlan = UdpListen(1, 1);
  vlan.vlan = 4096;
  EXPECT_EQ(filters_.Install(vlan, {}).code(), absl::StatusCode::kInvalidArgument);
  auto wide = UdpListen(1, 1);
  wide.dst[3] = 1;
  EXPECT_EQ(filters_.Find(wide).status().code(), absl::StatusCode::kInvalidArgument);
  Filters none(window_, {16, 0, 0, 0});
  EXPECT_EQ(none.Remove(UdpListen(1, 1)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(FiltersTest, AMoveThatWasCutShortLeavesNothingBehind) {
  const auto key = UdpListen(1, 2);
  ASSERT_TRUE(filters_.Install(key, runtime::OwnerId{5}).ok());
  // A copy in another of its places, as after the death of a writer between insert and delete.
  ASSERT_EQ(*filters_.Find(key), runtime::OwnerId{5});
  card_.WriteCsr(regs::kRegFilterKey(0), 2);
  card_.WriteCsr(regs::kRegFilterKey(1), 17);
  card_.WriteCsr(regs::kRegFilterKey(2), 1);
  card_.WriteCsr(regs::kRegFilterKey(3), 0);
  card_.WriteCsr(regs::kRegFilterValue, 5);
  card_.WriteCsr(
      regs::kRegFilterCommit,
      regs::FilterCommand{.index = FilterIndex(key, 3, 16), .way = 3, .table = 1, .valid = 1}
          .Pack());
  ASSERT_TRUE(filters_.Install(key, runtime::OwnerId{6}).ok());
  ASSERT_TRUE(filters_.Remove(key).ok());
  EXPECT_EQ(*filters_.Find(key), std::nullopt);
}

TEST_F(FiltersTest, TheModelFindsWhatTheDriverInstalls) {
  ASSERT_TRUE(filters_.Install(UdpListen(0x0A000002, 7001), runtime::OwnerId{4}).ok());
  std::vector<uint8_t> frame(60);
  frame[12] = 0x08, frame[14] = 0x45, frame[17] = 46, frame[22] = 64, frame[23] = 17;
  frame[30] = 10, frame[33] = 2;
  frame[36] = 7001 >> 8, frame[37] = 7001 & 0xFF, frame[39] = 26;
  ASSERT_TRUE(OwnerRow(window_, runtime::OwnerId{4}).Switch({.state = 3})->won);  // DROP
  ASSERT_TRUE(card_.FromWire(frame));
  while (card_.Step(1000)) {
  }
  const auto counters = OwnerRow(window_, runtime::OwnerId{4}).ReadCounters();
  EXPECT_EQ((*counters)[regs::OwnerCounter::kDropState], 1u);
}

TEST_F(CardInfoTest, SaysWhatTheCardIs) {
  const auto info = Identify(window_);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->functions, 2u);
  EXPECT_EQ(info->queues, 16u);
  EXPECT_EQ(info->epoch, 0u);
  EXPECT_THAT(info->filter_depth, testing::ElementsAre(16, 16, 8, 8));
  EXPECT_THAT(info->mac, testing::ElementsAre(0x02, 0xFA, 0x22, 0x1E, 0x20, 0x01));
  EXPECT_EQ(SetEpoch(window_, 0).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(SetEpoch(window_, 77).ok());
  EXPECT_EQ(Identify(window_)->epoch, 77u);
}

TEST(CardInfo, WhatCannotBeDrivenIsRefusedWithTheReason) {
  FakeCard card;
  CardCsrWindow window(card);
  EXPECT_THAT(Identify(window).status().message(), testing::HasSubstr("MAGIC reads 0x00000000"));
  card.csr[regs::kRegMagic] = regs::kMagic;
  card.csr[regs::kRegVersion] = 0x00020001;
  EXPECT_THAT(Identify(window).status().message(), testing::HasSubstr("major version 2"));
  card.csr[regs::kRegVersion] = regs::kVersion | 5;
  EXPECT_THAT(Identify(window).status().message(), testing::HasSubstr("no exact-match filters"));
  card.csr[regs::kRegCapabilities] = regs::Capabilities{.exact_filters = 1}.Pack();
  EXPECT_THAT(Identify(window).status().message(), testing::HasSubstr("cannot hold"));
  card.csr[regs::kRegCapabilities] = regs::Capabilities{.exact_filters = 1, .hold = 1}.Pack();
  EXPECT_THAT(Identify(window).status().message(), testing::HasSubstr("FUNCTIONS reads 0"));
  card.csr[regs::kRegFunctions] = 2;
  card.csr[regs::kRegQueues] = 17;
  EXPECT_THAT(Identify(window).status().message(), testing::HasSubstr("QUEUES reads 17"));
  card.csr[regs::kRegQueues] = 16;
  card.csr[regs::kRegFilterDepth(2)] = 100;
  EXPECT_THAT(Identify(window).status().message(), testing::HasSubstr("FILTER_DEPTH reads 100"));
  card.csr[regs::kRegFilterDepth(2)] = 128;
  EXPECT_TRUE(Identify(window).ok());
  card.csr[regs::kRegCapabilities] =
      regs::Capabilities{.exact_filters = 1, .hold = 1, .pacing = 1}.Pack();
  card.csr[regs::kRegTxCells] = 4096;
  EXPECT_THAT(Identify(window).status().message(), testing::HasSubstr("PACING_SLOTS 0"));
  card.csr[regs::kRegPacingSlots] = 4096;
  EXPECT_EQ(Identify(window)->pacing_horizon(), 262'144);
}

}  // namespace
}  // namespace farrier::driver
