#include "host/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/testing/metrics_text.h"
#include "host/upgrade_story.h"
#include "hw/regs/registers.h"
#include "pony/stats.h"

namespace farrier::host {
namespace {

using ::testing::HasSubstr;
using testing::MetricsText;
using ::testing::Not;
using ::testing::Optional;
using testing::ReadMetrics;

void Count(Counter* counter, absl::string_view name, uint64_t value) {
  counter->set_name(std::string(name));
  counter->set_value(value);
}

// A daemon with everything that it can have; every counter has a value of its own.
StatusReply Full() {
  StatusReply status;
  status.set_name("host2");
  status.set_version("0.1.0");
  status.set_uptime_seconds(12.5);
  status.set_function(1);
  uint64_t next = 1000;
  EngineStatus& engine = *status.add_engines();
  engine.set_owner(1);
  engine.set_kind("pony");
  engine.set_name("pony0");
  engine.set_state("ATTACHED");
  engine.set_generation(7);
  engine.set_cpu_seconds(4.25);
  engine.add_rx_of_queue(70);
  engine.add_rx_of_queue(3);
  pony::EngineStats().ForEach(
      [&](const char* name, uint64_t) { Count(engine.add_counters(), name, ++next); });
  for (const char* name : {"connections", "rx_bad_prefix", "rx_wrong_owner", "rx_no_buffer",
                           "tx_timed", "tx_no_cells", "departures_reported"}) {
    Count(engine.add_counters(), name, ++next);
  }
  for (const char* name : regs::kOwnerCounterNames) {
    Count(engine.add_card_counters(), name, ++next);
  }
  ElementStatus& element = *engine.add_elements();
  element.set_name("limit");
  element.set_kind("shaper");
  Count(element.add_counters(), "packets", ++next);
  EngineScheduling& scheduling = *engine.mutable_scheduling();
  scheduling.set_group("fast");
  scheduling.set_condition("running");
  scheduling.set_polls(100'000);
  scheduling.set_delay_us(1500);
  scheduling.set_longest_delay_us(2500);
  GroupStatus& group = *status.add_groups();
  group.mutable_settings()->set_name("fast");
  group.mutable_settings()->set_mode("compacting");
  ThreadStatus& thread = *group.add_threads();
  thread.set_name("fast-0");
  thread.set_thread_class("fifo");
  thread.set_stuck(true);
  SessionStatus& app = *status.add_sessions();
  app.set_id(3);
  app.set_name("kv");
  app.set_pid(77);
  app.set_cpu_seconds(3);
  app.set_memory_bytes(5 << 20);
  CardStatus& card = *status.mutable_card();
  card.set_kind("sim");
  card.set_location("/run/card");
  card.set_version(2 << 16 | 1);
  card.set_link(true);
  for (const char* name : regs::kGlobalCounterNames) Count(card.add_counters(), name, ++next);
  UpgradeHistory& history = *status.mutable_upgrades();
  history.set_completed(2);
  history.set_given_up(1);
  history.add_last_blackout_ms(2.25);
  for (size_t i = 0; i <= std::size(kBlackoutLimitsMs); ++i) history.add_blackouts(i == 2 ? 3 : 0);
  history.set_blackout_ms(10);
  return status;
}

MetricsText Read(const StatusReply& status) { return ReadMetrics(RenderMetrics(status, true)); }

TEST(Metrics, SayWhatTheStatusSaysInBaseUnits) {
  const MetricsText read = Read(Full());
  const std::string engine = "{engine=\"pony0\",group=\"fast\",kind=\"pony\"}";
  EXPECT_THAT(read.Value("farrier_build_info{daemon=\"host2\",version=\"0.1.0\"}"), Optional(1));
  EXPECT_THAT(read.Value("farrier_uptime_seconds"), Optional(12.5));
  EXPECT_THAT(read.Value("farrier_engine_cpu_seconds_total" + engine), Optional(4.25));
  EXPECT_THAT(read.Value("farrier_engine_polls_total" + engine), Optional(100'000));
  EXPECT_THAT(read.Value("farrier_engine_queueing_delay_seconds" + engine), Optional(0.0015));
  EXPECT_THAT(read.Value("farrier_engine_queueing_delay_peak_seconds" + engine), Optional(0.0025));
  EXPECT_THAT(read.Value("farrier_port_rx_packets_total{engine=\"pony0\",group=\"fast\","
                         "kind=\"pony\",queue=\"1\"}"),
              Optional(3));
  EXPECT_THAT(
      read.Value(
          "farrier_app_cpu_seconds_total{app=\"kv\",engine=\"pony0\",pid=\"77\",session=\"3\"}"),
      Optional(3));
  EXPECT_THAT(read.Value("farrier_thread_quarantined{group=\"fast\",thread=\"fast-0\"}"),
              Optional(1));
  EXPECT_THAT(read.Value("farrier_card_info{contract=\"2.1\",kind=\"sim\",location=\"/run/card\"}"),
              Optional(1));
  EXPECT_THAT(read.Value("farrier_upgrades_total{result=\"given_up\"}"), Optional(1));
  EXPECT_THAT(read.Value("farrier_upgrade_last_blackout_seconds{engine=\"pony0\"}"),
              Optional(0.00225));
}

TEST(Metrics, AStateIsAFigureForEachThatThereIs) {
  const MetricsText read = Read(Full());
  EXPECT_THAT(read.Value("farrier_group_mode{group=\"fast\",mode=\"compacting\"}"), Optional(1));
  EXPECT_THAT(read.Value("farrier_group_mode{group=\"fast\",mode=\"spreading\"}"), Optional(0));
  for (const char* name : {"farrier_engine_condition", "farrier_group_mode", "farrier_thread_class",
                           "farrier_card_owner_state"}) {
    EXPECT_EQ(read.Sum(name), 1) << name;
  }
}

TEST(Metrics, BlackoutsAreAHistogramWhoseBucketsAddUp) {
  const MetricsText read = Read(Full());
  const std::string name = "farrier_upgrade_blackout_seconds";
  EXPECT_THAT(read.Value(name + "_bucket{le=\"0.0025\"}"), Optional(0));
  EXPECT_THAT(read.Value(name + "_bucket{le=\"0.005\"}"), Optional(3));
  EXPECT_THAT(read.Value(name + "_bucket{le=\"2.5\"}"), Optional(3));
  EXPECT_THAT(read.Value(name + "_bucket{le=\"+Inf\"}"), Optional(3));
  EXPECT_THAT(read.Value(name + "_count"), Optional(3));
  EXPECT_THAT(read.Value(name + "_sum"), Optional(0.01));
  EXPECT_THAT(Read(StatusReply()).Value(name + "_count"), Optional(0)) << "no upgrade yet";
}

TEST(Metrics, NoCounterOfAnEngineOrTheCardIsLeftOut) {
  const StatusReply status = Full();
  std::set<double> said;
  for (const auto& [sample, value] : Read(status).samples) said.insert(value);
  const auto expect = [&](const auto& counters) {
    for (const Counter& counter : counters) {
      EXPECT_TRUE(said.contains(static_cast<double>(counter.value()))) << counter.name();
    }
  };
  expect(status.engines(0).counters());
  expect(status.engines(0).card_counters());
  expect(status.engines(0).elements(0).counters());
  expect(status.card().counters());
}

TEST(Metrics, AnAppCannotSayAnythingButItsName) {
  const std::string name = "a\"} 1\nfarrier_evil_total 9\n# \\x\\n{";
  StatusReply status = Full();
  status.mutable_sessions(0)->set_name(name);
  const std::string text = RenderMetrics(status, true);
  EXPECT_THAT(text, HasSubstr(R"(app="a\"} 1\nfarrier_evil_total 9\n# \\x\\n{")"));
  const MetricsText read = ReadMetrics(text);
  EXPECT_FALSE(read.families.contains("farrier_evil_total"));
  EXPECT_THAT(read.Value(absl::StrCat("farrier_app_cpu_seconds_total{app=\"", name,
                                      "\",engine=\"pony0\",pid=\"77\",session=\"3\"}")),
              Optional(3));
}

TEST(Metrics, WhatIsNotKnownIsLeftOut) {
  StatusReply status = Full();
  status.mutable_engines(0)->clear_counters();  // it hangs
  status.mutable_engines(0)->mutable_scheduling()->set_condition("hung");
  std::string text = RenderMetrics(status, /*card_answered=*/false);
  EXPECT_THAT(text, Not(HasSubstr("\nfarrier_pony_messages_sent_total{")));
  EXPECT_THAT(text, HasSubstr("\nfarrier_engine_polls_total{"));
  EXPECT_THAT(text, HasSubstr("\nfarrier_card_up 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nfarrier_card_rx_packets_total ")));
  EXPECT_THAT(text, Not(HasSubstr("\nfarrier_card_owner_tx_packets_total{")));
  status.mutable_engines(0)->mutable_scheduling()->set_condition("stopped");
  text = RenderMetrics(status, true);
  EXPECT_THAT(text, Not(HasSubstr("\nfarrier_engine_polls_total{")))
      << "a counter that would seem to begin again at 0";
}

// As docs/metrics.md has it.
std::string TableOf(const std::vector<prometheus::MetricFamily>& families) {
  const auto type = [](const prometheus::MetricFamily& family) {
    switch (family.type) {
      case prometheus::MetricType::Counter:
        return "counter";
      case prometheus::MetricType::Gauge:
        return "gauge";
      default:
        return "histogram";
    }
  };
  std::string table = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const prometheus::MetricFamily& family : families) {
    std::set<std::string> labels;
    for (const prometheus::ClientMetric& metric : family.metric) {
      for (const auto& label : metric.label) labels.insert(label.name);
    }
    absl::StrAppend(&table, "| `", family.name, "` | ", type(family), " | ",
                    absl::StrJoin(labels, ", "), " | ", family.help, " |\n");
  }
  return table;
}

TEST(Metrics, TheTableInTheDocumentationIsTrue) {
  std::ifstream file(FARRIER_METRICS_MD);
  ASSERT_TRUE(file.is_open()) << FARRIER_METRICS_MD;
  std::ostringstream text;
  text << file.rdbuf();
  const std::string table = TableOf(MetricsOf(Full(), true));
  EXPECT_NE(text.str().find(table), std::string::npos)
      << "docs/metrics.md should have this table:\n"
      << table;
}

}  // namespace
}  // namespace farrier::host
