#include "host/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace farrier::host {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

void Count(Counter* counter, const char* name, uint64_t value) {
  counter->set_name(name);
  counter->set_value(value);
}

TEST(Render, StatusShowsWhatIsNotZero) {
  StatusReply status;
  status.set_name("host2");
  status.set_version("0.1.0");
  status.set_pid(42);
  status.set_uptime_seconds(192);
  status.set_function(1);
  EngineStatus& engine = *status.add_engines();
  engine.set_id(0);
  engine.set_owner(1);
  engine.set_state("ATTACHED");
  engine.set_generation(7);
  engine.add_rx_of_queue(70);
  engine.add_rx_of_queue(3);
  engine.set_pacing_mbps(2500);
  engine.set_tx_quota(1365);
  engine.set_tx_cells(8);
  CardStatus& card = *status.mutable_card();
  card.add_capabilities("hold");
  card.add_capabilities("pacing");
  card.set_tx_cells(4096);
  card.set_pacing_horizon_us(262.144);
  card.set_leased(true);
  card.set_lease_function(1);
  Count(engine.add_card_counters(), "delivered", 12);
  Count(engine.add_card_counters(), "drop_quota", 0);
  EXPECT_THAT(
      RenderStatus(status),
      AllOf(HasSubstr("host2: farrierd 0.1.0, pid 42, up 3 min 12 s, on function B"),
            HasSubstr("can: hold, pacing\n"), HasSubstr("paces up to 262 us ahead, 4096 TX cells"),
            HasSubstr("lease: function B"), HasSubstr("70 3"), HasSubstr("2.5 Gb/s"),
            HasSubstr("8/1365"), ContainsRegex("ATTACHED +7 "), HasSubstr("delivered 12"),
            HasSubstr("no sessions"), Not(HasSubstr("drop_quota"))));
}

TEST(Render, StatusTellsOfUpgradesIfThereWereAny) {
  StatusReply status;
  EXPECT_THAT(RenderStatus(status), Not(HasSubstr("upgrades")));
  status.mutable_upgrades()->set_given_up(1);
  EXPECT_THAT(RenderStatus(status), HasSubstr("\nupgrades: 0 completed, 1 given up\n"));
  status.mutable_upgrades()->set_completed(2);
  status.mutable_upgrades()->add_last_blackout_ms(2.25);
  status.mutable_upgrades()->add_last_blackout_ms(3);
  EXPECT_THAT(RenderStatus(status), HasSubstr("\nupgrades: 2 completed, 1 given up; "
                                              "blackouts of the last: 2.25, 3.00 ms\n"));
}

TEST(Render, EnginesShowHowTheyGetCpuTime) {
  StatusReply status;
  status.set_name("host2");
  EngineScheduling& well = *status.add_engines()->mutable_scheduling();
  status.mutable_engines(0)->set_name("pony0");
  status.mutable_engines(0)->set_kind("pony");
  well.set_group("fast");
  well.set_mode("compacting");
  well.set_weight(2);
  well.set_condition("running");
  well.set_thread("fast-3");
  well.set_load(0.125);
  well.set_cpu_percent(13.25);
  well.set_delay_us(1500);
  well.set_polls(100'000);
  EngineStatus& bad = *status.add_engines();
  bad.set_id(1);
  bad.mutable_scheduling()->set_condition("hung");
  bad.mutable_scheduling()->set_detail("engine 1 hangs: it spins");
  status.mutable_engines(0)->set_cpu_seconds(4);
  status.mutable_engines(0)->set_own_cpu_seconds(1);
  status.mutable_engines(0)->set_memory_bytes(1536);
  SessionStatus& app = *status.add_sessions();
  app.set_name("kv");
  app.set_pid(77);
  app.set_cpu_seconds(3);
  app.set_memory_bytes(5 << 20);
  const std::string text = RenderEngines(status);
  EXPECT_THAT(text, ContainsRegex("kv +0 +77 +0 +3.00 s +75.0% +5.0 MiB\n"));
  EXPECT_THAT(text, ContainsRegex("the engine itself +0 +- +- +1.00 s +25.0% +1.5 KiB\n"));
  EXPECT_THAT(text,
              ContainsRegex("0   pony0 +pony +fast +compacting +2   running +fast-3 +13.2% +12.5% +"
                            "1.5 ms +100000 "));
  EXPECT_THAT(text, AllOf(ContainsRegex("\n   1 .* hung "), HasSubstr("engine 1 hangs: it spins")));
}

TEST(Render, GroupsShowTheirSettingsAndThreads) {
  StatusReply status;
  GroupStatus& group = *status.add_groups();
  group.mutable_settings()->set_name("fast");
  group.mutable_settings()->set_mode("compacting");
  group.mutable_settings()->set_cores("0-3");
  group.mutable_settings()->set_threads(2);
  group.mutable_settings()->set_delay_target_us(150);
  group.mutable_settings()->set_idle_exit_us("20");
  group.set_idle_exit_why("idle cores are left as they are: EPERM");
  group.add_engines(0);
  group.add_engines(2);
  group.set_cpu_percent(40);
  ThreadStatus& thread = *group.add_threads();
  thread.set_name("fast-0");
  thread.set_tid(4711);
  thread.set_thread_class("nice");
  thread.set_why("SCHED_FIFO: EPERM");
  thread.set_cores("0-3");
  thread.set_engines(2);
  thread.set_cpu_percent(40);
  thread.set_cpu_seconds(1.5);
  EXPECT_THAT(
      RenderGroups(status),
      AllOf(HasSubstr("group fast: compacting, at most 2 threads, cores 0-3\n"),
            HasSubstr("CPU 40.0%"), HasSubstr("engines: 0 2"), HasSubstr("delay target 150 us"),
            HasSubstr("idle cores wake within 20 us"), HasSubstr("left as they are: EPERM\n"),
            ContainsRegex("fast-0   4711   nice +0-3 +2   40.0% +0.0% +1.50 s +0 +-\n"),
            HasSubstr("fast-0 has nothing better than nice: SCHED_FIFO: EPERM")));
}

TEST(Render, GroupsNameEnginesThatAreNotPonys) {
  GroupStatus group;
  for (uint32_t id : {0, 2}) {
    group.add_engines(id);
    GroupMember& member = *group.add_members();
    member.set_id(id);
    member.set_name(id == 0 ? "pony0" : "edge");
    member.set_kind(id == 0 ? "pony" : "packet");
  }
  EXPECT_THAT(RenderGroup(group), HasSubstr("engines: 0 2 (packet edge)\n"));
}

TEST(Render, ElementsShowWhatTheyCounted) {
  StatusReply status;
  EngineStatus& engine = *status.add_engines();
  engine.set_name("edge");
  ElementStatus& firewall = *engine.add_elements();
  firewall.set_name("firewall");
  firewall.set_kind("acl");
  Count(firewall.add_counters(), "packets", 12);
  Count(firewall.add_counters(), "denied", 3);
  Count(firewall.add_counters(), "malformed", 0);
  ElementStatus& end = *engine.add_elements();
  end.set_name("end");
  end.set_kind("discard");
  const std::string text = RenderElements(status);
  EXPECT_THAT(text, ContainsRegex("edge +firewall +acl +12 +denied 3\n"));
  EXPECT_THAT(text, ContainsRegex("edge +end +discard +- +-\n"));
  EXPECT_EQ(RenderElements(StatusReply()), "no packet engines\n");
}

TEST(Render, AnUpgradeIsTold) {
  UpgradeResult result;
  result.set_version_before("1");
  result.set_version_after("2");
  result.set_function_after(1);
  EngineMoved& moved = *result.add_engines();
  moved.set_name("edge");
  moved.set_kind("packet");
  moved.set_blackout_ms(4.25);
  moved.set_held_packets(9);
  StepTime& step = *moved.add_steps();
  step.set_name("drain");
  step.set_ms(0.5);
  EXPECT_THAT(RenderMoved(moved),
              AllOf(HasSubstr("engine 0 (packet edge)"), HasSubstr("blackout 4.25 ms (drain 0.50)"),
                    HasSubstr("9 packets held and delivered")));
  EXPECT_THAT(RenderResult(result),
              AllOf(HasSubstr("farrierd 1"), HasSubstr("is now farrierd 2"),
                    HasSubstr("function B"), HasSubstr("longest blackout 4.25 ms")));
  EXPECT_THAT(RenderJson(result),
              AllOf(HasSubstr("\"heldPackets\": \"9\""), HasSubstr("\"functionBefore\": 0")));
}

}  // namespace
}  // namespace farrier::host
