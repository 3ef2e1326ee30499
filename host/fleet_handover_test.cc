#include "host/fleet_handover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <functional>
#include <string>
#include <vector>

#include "host/config.h"

namespace farrier::host {
namespace {

using ::testing::HasSubstr;

Config WithPacketEngine() {
  return ParseConfig(R"({
      "name": "h", "card": {"sim": {"directory": "/c"}},
      "network": {"ip": "10.0.0.2", "mac": "02:00:00:00:00:02"},
      "pony": {"firstPort": 7000, "engines": 2},
      "packetEngines": [{"name": "edge", "defaultOwner": true, "pipeline": {"elements": [
        {"name": "in", "fromPort": {"port": "card", "output": "end"}},
        {"name": "end", "discard": {}}]}}],
      "appSocket": "/a", "controlSocket": "/b"})",
                     "test")
      .value();
}

// The new side against an old one that sends what it should not: each refused, none a crash.
class HandoverNewSideTest : public testing::Test {
 protected:
  static StartAttachment GoodStart() {
    StartAttachment start;
    *start.mutable_config() = ParseConfig(R"({
      "name": "h", "card": {"sim": {"directory": "/c"}},
      "network": {"ip": "10.0.0.2", "mac": "02:00:00:00:00:02"},
      "pony": {"firstPort": 7000, "engines": 2},
      "appSocket": "/a", "controlSocket": "/b"})",
                                          "test")
                                  .value();
    start.set_function(1);
    return start;
  }

  absl::Status Accept(const std::string& kind, const std::string& bytes, int fds) {
    upgrade::Attachment attachment;
    attachment.set_kind(kind);
    attachment.set_bytes(bytes);
    std::vector<UniqueFd> owned;
    for (int i = 0; i < fds; ++i) owned.emplace_back(eventfd(0, EFD_CLOEXEC));
    return handover_->Accept(attachment, std::move(owned));
  }
  absl::Status AcceptGoodStart() {
    return Accept("host.start", GoodStart().SerializeAsString(), 2);
  }

  static std::vector<upgrade::EngineSpec> Specs(int count) {
    std::vector<upgrade::EngineSpec> specs(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      specs[static_cast<size_t>(i)].set_kind("pony");
      specs[static_cast<size_t>(i)].set_owner(static_cast<uint32_t>(i) + 1);
    }
    return specs;
  }

  runtime::MonotonicClock clock_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create(clock_).value();
  std::vector<uint32_t> opened_;  // functions
  std::unique_ptr<FleetHandover> handover_ = FleetHandover::OfNew(
      *loop_,
      [this](const Config&, uint32_t function) -> absl::StatusOr<std::unique_ptr<CardLink>> {
        opened_.push_back(function);
        return absl::UnavailableError("no card here");
      },
      [] {});
};

TEST_F(HandoverNewSideTest, TakesWhereMetricsAreServedAndHowManyUpgradesThereWere) {
  StartAttachment start = GoodStart();
  start.mutable_upgrades()->set_completed(3);
  ASSERT_TRUE(Accept("host.start", start.SerializeAsString(), 3).ok());
  EXPECT_TRUE(handover_->TakeMetricsListener().valid());
  EXPECT_EQ(handover_->upgrades().completed(), 3u);
}

TEST_F(HandoverNewSideTest, IsContentWithAPredecessorThatServesNoMetrics) {
  ASSERT_TRUE(AcceptGoodStart().ok());
  EXPECT_FALSE(handover_->TakeMetricsListener().valid());
}

TEST_F(HandoverNewSideTest, TheStartIsTakenOnceAndWithItsDescriptors) {
  EXPECT_FALSE(Accept("host.start", GoodStart().SerializeAsString(), 1).ok());
  EXPECT_FALSE(Accept("host.start", GoodStart().SerializeAsString(), 4).ok());
  EXPECT_FALSE(Accept("host.start", "\xff\xff", 2).ok());
  EXPECT_TRUE(AcceptGoodStart().ok());
  EXPECT_FALSE(AcceptGoodStart().ok());
}

TEST_F(HandoverNewSideTest, AConfigurationThatMakesNoSenseIsRefused) {
  StartAttachment start = GoodStart();
  start.mutable_config()->mutable_network()->set_ip("nonsense");
  EXPECT_THAT(std::string(Accept("host.start", start.SerializeAsString(), 2).message()),
              HasSubstr("network.ip: \"nonsense\""));
}

TEST_F(HandoverNewSideTest, NothingIsTakenBeforeTheStart) {
  EXPECT_FALSE(Accept("host.session", "", AppSessions::kSessionFds).ok());
  EXPECT_FALSE(Accept("host.rest", "", 0).ok());
  EXPECT_FALSE(handover_->Prepare(Specs(2)).ok());
}

TEST_F(HandoverNewSideTest, SessionsThatMakeNoSenseAreRefused) {
  ASSERT_TRUE(AcceptGoodStart().ok());
  SessionAttachment session;
  session.set_id(1);
  session.set_ring_entries(64);
  session.set_region_bytes(4096);
  EXPECT_FALSE(Accept("host.session", session.SerializeAsString(), 0).ok());
  EXPECT_FALSE(Accept("host.session", "\xff\xff", AppSessions::kSessionFds).ok());
  // The right number of descriptors, but no memory behind them.
  EXPECT_FALSE(Accept("host.session", session.SerializeAsString(), AppSessions::kSessionFds).ok());
}

TEST_F(HandoverNewSideTest, AnAccountOfAnEngineThatIsNotThereDoesNoHarm) {
  ASSERT_TRUE(AcceptGoodStart().ok());
  RestAttachment rest;
  rest.add_accounts()->set_engine(7);
  EXPECT_TRUE(Accept("host.rest", rest.SerializeAsString(), 0).ok());
}

TEST_F(HandoverNewSideTest, AnAttachmentOfAnUnknownKindIsRefusedByName) {
  ASSERT_TRUE(AcceptGoodStart().ok());
  EXPECT_THAT(std::string(Accept("host.future", "", 0).message()), HasSubstr("\"host.future\""));
}

TEST_F(HandoverNewSideTest, EnginesMustBeThoseOfTheConfiguration) {
  ASSERT_TRUE(AcceptGoodStart().ok());
  EXPECT_THAT(std::string(handover_->Prepare(Specs(3)).status().message()),
              HasSubstr("3 engines are announced, and 2 are configured"));
  std::vector<upgrade::EngineSpec> specs = Specs(2);
  specs[1].set_owner(7);
  EXPECT_THAT(std::string(handover_->Prepare(specs).status().message()), HasSubstr("owner 7"));
  specs = Specs(2);
  specs[0].set_kind("kernel");
  EXPECT_THAT(std::string(handover_->Prepare(specs).status().message()), HasSubstr("\"kernel\""));
  EXPECT_TRUE(opened_.empty());
}

TEST_F(HandoverNewSideTest, EnginesOfEachKindStandWhereTheConfigurationHasThem) {
  StartAttachment start = GoodStart();
  *start.mutable_config() = WithPacketEngine();
  ASSERT_TRUE(Accept("host.start", start.SerializeAsString(), 2).ok());
  EXPECT_THAT(std::string(handover_->Prepare(Specs(2)).status().message()),
              HasSubstr("2 engines are announced, and 3 are configured"));
  EXPECT_THAT(std::string(handover_->Prepare(Specs(3)).status().message()),
              HasSubstr("announced as a \"pony\" of owner 3, not as a \"packet\" of owner 3"));
  EXPECT_TRUE(opened_.empty());
  std::vector<upgrade::EngineSpec> specs = Specs(3);
  specs[2].set_kind("packet");
  EXPECT_EQ(handover_->Prepare(specs).status().message(), "no card here");
}

TEST_F(HandoverNewSideTest, APipelineThatThisBuildRefusesIsRefusedByField) {
  StartAttachment start = GoodStart();
  *start.mutable_config() = WithPacketEngine();
  start.mutable_config()->mutable_packet_engines(0)->mutable_pipeline()->add_elements();
  EXPECT_THAT(std::string(Accept("host.start", start.SerializeAsString(), 2).message()),
              HasSubstr("packetEngines[0].pipeline.elements[2].name: missing"));
}

TEST_F(HandoverNewSideTest, WhichGroupsThereAreAndWhoIsWhereStaysAsItIsMeanwhile) {
  Config config = GoodStart().config();
  ASSERT_TRUE(ValidateConfig(config, "test").ok());
  Fleet fleet(*loop_, config, {});
  fleet.set_handing_over(true);
  GroupConfig group;
  group.set_name("fast");
  EXPECT_TRUE(absl::IsUnavailable(fleet.AddGroup(group).status()));
  EXPECT_TRUE(absl::IsUnavailable(fleet.RemoveGroup("pony")));
  EXPECT_TRUE(absl::IsUnavailable(fleet.PlaceEngine(PlaceEngineRequest()).status()));
  EXPECT_EQ(fleet.config().SerializeAsString(), config.SerializeAsString());
}

TEST(HandoverKinds, ThoseOfPacketEnginesAreWrittenOnlyWhereThereAreSome) {
  Config config = WithPacketEngine();
  EXPECT_TRUE(WrittenKinds(config).contains("packet.held"));
  config.clear_packet_engines();
  EXPECT_FALSE(WrittenKinds(config).contains("packet.held"));
  EXPECT_TRUE(WrittenKinds(config).contains("pony.flow"));
  EXPECT_TRUE(RestorableKinds().contains("packet.held"));
}

TEST_F(HandoverNewSideTest, TheFunctionToldIsOpened) {
  ASSERT_TRUE(AcceptGoodStart().ok());
  EXPECT_EQ(handover_->Prepare(Specs(2)).status().message(), "no card here");
  EXPECT_EQ(opened_, std::vector<uint32_t>{1});
}

}  // namespace
}  // namespace farrier::host
