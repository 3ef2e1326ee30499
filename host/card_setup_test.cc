#include "host/card_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hw/driver/card_csr_window.h"
#include "hw/driver/filters.h"
#include "hw/driver/owner_row.h"
#include "hw/model/functional_card.h"

namespace farrier::host {
namespace {

using ::testing::HasSubstr;

class NullSink final : public model::CardSink {
 public:
  void ToHost(int, int, std::span<const uint8_t>) override {}
  void ToWire(std::span<const uint8_t>) override {}
};

class CardSetupTest : public testing::Test {
 protected:
  CardSetupTest() {
    config_ = ParseConfig(R"({
      "name": "h", "card": {"sim": {"directory": "/c"}},
      "network": {"ip": "10.0.0.2", "mac": "02:00:00:00:00:02"},
      "pony": {"firstPort": 7000, "engines": 2},
      "appSocket": "/a", "controlSocket": "/b"})",
                          "test")
                  .value();
  }

  driver::CardInfo Info() { return IdentifyFor(window_, config_, 0).value(); }
  regs::SwitchWord Row(uint32_t engine) {
    return driver::OwnerRow(window_, OwnerOf(engine)).Read().value();
  }
  void Force(uint32_t engine, regs::OwnerState state) {
    regs::SwitchWord word = Row(engine);
    word.state = static_cast<uint32_t>(state);
    ASSERT_TRUE(driver::OwnerRow(window_, OwnerOf(engine)).Switch(word).value().won);
  }

  NullSink sink_;
  model::FunctionalCard card_{model::CardOptions{.hold_cells = 300}, sink_};
  driver::CardCsrWindow window_{card_};
  Config config_;
};

TEST_F(CardSetupTest, ANewCardIsLoadedAndThenMarked) {
  ASSERT_TRUE(SetUpCard(window_, Info(), config_, 77).ok());
  EXPECT_EQ(Info().epoch, 77u);
  driver::Filters filters(window_, Info().filter_depth);
  for (uint16_t engine : {0, 1}) {
    EXPECT_EQ(filters.Find(driver::UdpListen(0x0A000002, 7000 + engine)).value(), OwnerOf(engine));
    EXPECT_EQ(driver::OwnerRow(window_, OwnerOf(engine)).ReadQuota().value(), 100u);
  }
}

TEST_F(CardSetupTest, AnEngineHasItsQueuesOnWhicheverFunction) {
  ASSERT_TRUE(AttachEngine(window_, 1, 0, 4).ok());
  EXPECT_EQ(Row(1).queue_base, 4u);
  EXPECT_EQ(Row(1).log2_queues, 2u);
}

TEST_F(CardSetupTest, QueuesFollowFromTheConfigurationAndTheCard) {
  driver::CardInfo info = Info();
  info.capabilities.rss = 0;
  EXPECT_EQ(QueuesPerEngine(config_, info), 1u);
  info.capabilities.rss = 1;
  EXPECT_EQ(QueuesPerEngine(config_, info), 2u);
  info.queues = 3;
  EXPECT_EQ(QueuesPerEngine(config_, info), 1u) << "too few for two engines";
  config_.mutable_pony()->set_queues_per_engine(4);
  EXPECT_EQ(QueuesPerEngine(config_, info), 4u);
}

TEST_F(CardSetupTest, WhatACardOfLessAbilityCannotDoIsRefusedByField) {
  class Less final : public driver::CsrWindow {
   public:
    explicit Less(driver::CsrWindow& window) : window_(window) {}
    absl::StatusOr<uint32_t> Read(uint32_t offset) override {
      if (offset != regs::kRegCapabilities) return window_.Read(offset);
      return regs::Capabilities{.exact_filters = 1, .hold = 1}.Pack();
    }
    absl::Status Write(uint32_t offset, uint32_t value) override {
      return window_.Write(offset, value);
    }

   private:
    driver::CsrWindow& window_;
  } less(window_);
  EXPECT_TRUE(IdentifyFor(less, config_, 0).ok());
  config_.mutable_pony()->set_queues_per_engine(2);
  EXPECT_THAT(std::string(IdentifyFor(less, config_, 0).status().message()),
              HasSubstr("pony.queuesPerEngine: 2 must be 1: this card has no RSS"));
  config_.mutable_pony()->set_queues_per_engine(16);
  EXPECT_THAT(std::string(IdentifyFor(less, config_, 0).status().message()),
              HasSubstr("pony.queuesPerEngine: 16 for each of 2 engines"));
  config_.mutable_pony()->clear_queues_per_engine();
  config_.mutable_card()->set_heartbeat_ms(100);
  EXPECT_THAT(std::string(IdentifyFor(less, config_, 0).status().message()),
              HasSubstr("card.heartbeatMs: 100 must be 0"));
}

TEST_F(CardSetupTest, ACardThatWasSetUpKeepsItsEpoch) {
  ASSERT_TRUE(SetUpCard(window_, Info(), config_, 77).ok());
  ASSERT_TRUE(SetUpCard(window_, Info(), config_, 78).ok());
  EXPECT_EQ(Info().epoch, 77u);
}

TEST_F(CardSetupTest, AQuotaFixedByHeldPacketsIsNoObstacle) {
  ASSERT_TRUE(SetUpCard(window_, Info(), config_, 77).ok());
  ASSERT_TRUE(AttachEngine(window_, 0, 0, 1).ok());
  Force(0, regs::OwnerState::kHeld);
  config_.mutable_card()->set_quota_cells(5);
  EXPECT_TRUE(SetUpCard(window_, Info(), config_, 78).ok());
  EXPECT_EQ(driver::OwnerRow(window_, OwnerOf(0)).ReadQuota().value(), 100u);
  EXPECT_EQ(driver::OwnerRow(window_, OwnerOf(1)).ReadQuota().value(), 5u);
}

TEST_F(CardSetupTest, AnEngineIsAttachedWhateverItsPredecessorLeft) {
  uint16_t generation = AttachEngine(window_, 1, 0, 1).value();
  for (regs::OwnerState left : {regs::OwnerState::kAttached, regs::OwnerState::kHeld,
                                regs::OwnerState::kDrop, regs::OwnerState::kDetached}) {
    if (left != regs::OwnerState::kAttached) Force(1, left);
    absl::StatusOr<uint16_t> next = AttachEngine(window_, 1, 1, 1);
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_EQ(*next, generation + 1);
    generation = *next;
    EXPECT_EQ(Row(1).state, static_cast<uint32_t>(regs::OwnerState::kAttached));
    EXPECT_EQ(Row(1).function, 1u);
    EXPECT_EQ(Row(1).queue_base, 1u);
  }
}

TEST_F(CardSetupTest, OnlyItsOwnRowIsDetached) {
  const uint16_t generation = AttachEngine(window_, 0, 0, 1).value();
  const uint16_t successor = AttachEngine(window_, 0, 1, 1).value();
  ASSERT_TRUE(DetachEngine(window_, 0, generation).ok());
  EXPECT_EQ(Row(0).state, static_cast<uint32_t>(regs::OwnerState::kAttached));
  ASSERT_TRUE(DetachEngine(window_, 0, successor).ok());
  EXPECT_EQ(Row(0).state, static_cast<uint32_t>(regs::OwnerState::kDetached));
}

TEST_F(CardSetupTest, WhatTheCardCannotCarryIsRefusedByField) {
  EXPECT_THAT(std::string(IdentifyFor(window_, config_, 2).status().message()),
              HasSubstr("none numbered 2"));
  config_.mutable_network()->set_mtu(9587);
  EXPECT_THAT(std::string(IdentifyFor(window_, config_, 0).status().message()),
              HasSubstr("network.mtu: 9587 must be at most 9586"));
  config_.mutable_network()->set_mtu(1500);
  config_.mutable_card()->set_quota_cells(301);
  EXPECT_THAT(std::string(IdentifyFor(window_, config_, 0).status().message()),
              HasSubstr("card.quotaCells: 301 must be at most 300"));
  config_.mutable_card()->set_quota_cells(3);
  config_.mutable_pony()->set_engines(17);
  EXPECT_THAT(std::string(IdentifyFor(window_, config_, 0).status().message()),
              HasSubstr("pony.engines: 17 must be at most 16"));
}

}  // namespace
}  // namespace farrier::host
