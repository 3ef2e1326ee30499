#include "host/receive_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/card_setup.h"
#include "hw/driver/card_csr_window.h"
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

// Counts rules that are written.
class CountingWindow final : public driver::CsrWindow {
 public:
  explicit CountingWindow(driver::CsrWindow& window) : window_(window) {}
  absl::StatusOr<uint32_t> Read(uint32_t offset) override {
    if (offset == regs::kRegCapabilities && !ternary) {
      return regs::Capabilities{.exact_filters = 1, .hold = 1}.Pack();
    }
    return window_.Read(offset);
  }
  absl::Status Write(uint32_t offset, uint32_t value) override {
    commits += offset == regs::kRegRuleCommit;
    return window_.Write(offset, value);
  }

  bool ternary = true;
  int commits = 0;

 private:
  driver::CsrWindow& window_;
};

class ReceiveRulesTest : public testing::Test {
 protected:
  // Two Pony engines, and packet engines with these lists of rules.
  static Config Make(const std::vector<std::string>& receive, int default_engine = -1) {
    std::string engines;
    for (size_t i = 0; i < receive.size(); ++i) {
      absl::StrAppend(&engines, i == 0 ? "" : ",", R"({"name": "e)", i, R"(", "receive": [)",
                      receive[i], R"(], "defaultOwner": )",
                      static_cast<int>(i) == default_engine ? "true" : "false",
                      R"(, "pipeline": {"elements": [
                        {"name": "in", "fromPort": {"port": "card", "output": "end"}},
                        {"name": "end", "discard": {}}]}})");
    }
    return ParseConfig(absl::StrCat(R"({
      "name": "h", "card": {"sim": {"directory": "/c"}},
      "network": {"ip": "10.0.0.2", "mac": "02:00:00:00:00:02"},
      "pony": {"firstPort": 7000, "engines": 2}, "packetEngines": [)",
                                    engines, R"(], "appSocket": "/a", "controlSocket": "/b"})"),
                       "test")
        .value();
  }

  absl::Status SetUp(const Config& config) {
    return SetUpCard(window_, IdentifyFor(window_, config, 0).value(), config, 77);
  }

  // Owner of the rule at `index`; -1: there is none.
  int OwnerAt(uint32_t index) {
    const driver::CardInfo info = driver::Identify(window_).value();
    const auto rule = driver::Rules(window_, info).Read(index).value();
    return rule ? static_cast<int>(rule->words.action.owner) : -1;
  }
  uint32_t DefaultOwner() { return window_.Read(regs::kRegDefaultOwner).value(); }

  NullSink sink_;
  model::FunctionalCard card_{model::CardOptions{.hold_cells = 400}, sink_};
  driver::CardCsrWindow card_window_{card_};
  CountingWindow window_{card_window_};
};

constexpr char kTen[] = R"({"match": {"destination": "10.9.0.0/16"}})";
constexpr char kUdp[] = R"({"match": {"protocol": 17}})";
constexpr char kMac[] = R"({"destinationMac": "02:00:00:00:00:09"})";

TEST_F(ReceiveRulesTest, StandInTheOrderOfTheConfigurationForTheirEngines) {
  ASSERT_TRUE(SetUp(Make({absl::StrCat(kTen, ",", kUdp), kMac}, 1)).ok());
  EXPECT_EQ(OwnerAt(0), 3);  // behind Pony's two
  EXPECT_EQ(OwnerAt(1), 3);
  EXPECT_EQ(OwnerAt(2), 4);
  EXPECT_EQ(OwnerAt(3), -1);
  EXPECT_EQ(DefaultOwner(), 4u);
  const driver::CardInfo info = driver::Identify(window_).value();
  EXPECT_EQ(driver::Rules(window_, info).Read(2).value()->words,
            driver::Encode(ReceiveRules(Make({"", kMac}, 0))[0]).value());
}

TEST_F(ReceiveRulesTest, EachEngineHasItsShareOfTheCardsMemory) {
  ASSERT_TRUE(SetUp(Make({kTen})).ok());
  for (uint32_t engine = 0; engine < 3; ++engine) {
    EXPECT_EQ(driver::OwnerRow(window_, OwnerOf(engine)).ReadQuota().value(), 100u);
  }
}

TEST_F(ReceiveRulesTest, ThatAreThereAlreadyAreNotTouched) {
  const Config config = Make({absl::StrCat(kTen, ",", kUdp)});
  ASSERT_TRUE(SetUp(config).ok());
  window_.commits = 0;
  ASSERT_TRUE(SetUp(config).ok());
  EXPECT_EQ(window_.commits, 0);
}

TEST_F(ReceiveRulesTest, OfAnotherConfigurationAreGone) {
  ASSERT_TRUE(SetUp(Make({absl::StrCat(kTen, ",", kUdp), kMac}, 0)).ok());
  ASSERT_TRUE(SetUp(Make({kUdp})).ok());
  EXPECT_EQ(OwnerAt(0), 3);
  EXPECT_EQ(OwnerAt(1), -1);
  EXPECT_EQ(OwnerAt(2), -1);
  EXPECT_EQ(DefaultOwner(), 0u);
  const driver::CardInfo info = driver::Identify(window_).value();
  EXPECT_EQ(driver::Rules(window_, info).Read(0).value()->words,
            driver::Encode(ReceiveRules(Make({kUdp}))[0]).value());
  ASSERT_TRUE(SetUp(Make({})).ok());
  EXPECT_EQ(OwnerAt(0), -1);
}

TEST_F(ReceiveRulesTest, AreRefusedOfACardWithoutByField) {
  window_.ternary = false;
  const Config config = Make({"", kUdp}, 0);
  EXPECT_THAT(std::string(IdentifyFor(window_, config, 0).status().message()),
              HasSubstr("packetEngines[1].receive: 1 rules, and this card has none"));
  ASSERT_TRUE(SetUp(Make({""}, 0)).ok());
  EXPECT_EQ(DefaultOwner(), 3u);
}

TEST_F(ReceiveRulesTest, PacketEnginesCountAgainstTheQueuePairs) {
  Config config = Make({kUdp});
  config.mutable_pony()->set_engines(16);
  EXPECT_THAT(std::string(IdentifyFor(window_, config, 0).status().message()),
              HasSubstr("pony.engines and packetEngines together: 17 must be at most 16"));
  config.mutable_pony()->set_engines(4);
  config.mutable_pony()->set_queues_per_engine(4);
  EXPECT_THAT(std::string(IdentifyFor(window_, config, 0).status().message()),
              HasSubstr("pony.queuesPerEngine: 4 for each of 5 engines"));
}

}  // namespace
}  // namespace farrier::host
