#include "hw/sim/embedded_card.h"

#include <array>
#include <cstring>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/card_info.h"
#include "hw/driver/eal.h"

namespace farrier::sim {
namespace {

using ::testing::HasSubstr;

constexpr runtime::OwnerId kOwner{0};
constexpr std::array<uint8_t, 6> kMac = {2, 0, 0, 0, 0, 9};

class EmbeddedCardTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto eal = driver::Eal::Start({.memory_mb = 64});
    ASSERT_TRUE(eal.ok()) << eal.status();
    eal_ = std::move(*eal).release();
  }
  static void TearDownTestSuite() { delete eal_; }

  // A card whose wire loops. DPDK's rings stay when their port goes, so each is another one.
  static std::unique_ptr<EmbeddedCard> Open() {
    static int number = 0;
    auto card = EmbeddedCard::Open(absl::StrCat("net_ring", number++), kMac);
    EXPECT_TRUE(card.ok()) << card.status();
    return *std::move(card);
  }

 private:
  static inline driver::Eal* eal_ = nullptr;
};

TEST_F(EmbeddedCardTest, IsACardWithOneFunctionAndTheMacItWasGiven) {
  auto card = Open();
  auto info = driver::Identify(*card->OpenCsr());
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->functions, 1u);
  EXPECT_EQ(info->mac, kMac);
}

TEST_F(EmbeddedCardTest, AWireThatDpdkDoesNotHaveIsNamed) {
  auto card = EmbeddedCard::Open("net_nonsense0", kMac);
  ASSERT_FALSE(card.ok());
  EXPECT_THAT(card.status().message(), HasSubstr("net_nonsense0"));
}

TEST_F(EmbeddedCardTest, AnswersThreadsThatAskAtTheSameTime) {
  auto card = Open();
  std::vector<std::thread> threads;
  for (uint32_t owner = 0; owner < 4; ++owner) {
    threads.emplace_back([owner, csr = card->OpenCsr()] {
      for (uint32_t i = 1; i <= 500; ++i) {
        ASSERT_TRUE(csr->Write(regs::kRegOwnerQuota(owner), i).ok());
        const auto value = csr->Read(regs::kRegOwnerQuota(owner));
        ASSERT_TRUE(value.ok());
        ASSERT_EQ(*value, i);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(EmbeddedCardTest, AWindowThatOutlivesItsCardSaysSo) {
  auto card = Open();
  auto csr = card->OpenCsr();
  std::thread asks([&csr] {
    while (csr->Read(regs::kRegMagic).ok()) {
    }
  });
  card.reset();
  asks.join();
  EXPECT_EQ(csr->Write(regs::kRegEpoch, 1).code(), absl::StatusCode::kUnavailable);
}

// The card sleeps between packets, and the wire's way back is through DPDK.
TEST_F(EmbeddedCardTest, CarriesPacketsToTheWireAndBack) {
  auto card = Open();
  auto csr = card->OpenCsr();
  EmbeddedPort& port = card->AddPort({.owner = kOwner});
  const regs::SwitchWord word{.state = static_cast<uint32_t>(regs::OwnerState::kAttached)};
  ASSERT_TRUE(csr->Write(regs::kRegOwnerSwitch(0), word.Pack()).ok());
  port.SetGeneration(1);
  for (uint32_t i = 0; i < 100; ++i) {
    std::array<runtime::Packet, 1> packet;
    ASSERT_EQ(port.Reserve(packet), 1u);
    std::memset(packet[0].data(), 0, 60);
    std::memcpy(packet[0].data() + 20, &i, sizeof(i));
    packet[0].set_length(60);
    port.Commit(packet);
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (port.RxBurst(packet) == 0) ASSERT_LT(absl::Now(), deadline) << "packet " << i;
    EXPECT_EQ(std::memcmp(packet[0].data() + 20, &i, sizeof(i)), 0);
    port.Release(packet);
    if (i % 10 == 0) absl::SleepFor(absl::Milliseconds(1));
  }
}

}  // namespace
}  // namespace farrier::sim
