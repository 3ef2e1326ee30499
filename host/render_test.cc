#include "host/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace farrier::host {
namespace {

using ::testing::AllOf;
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
            HasSubstr("8/1365"), HasSubstr("ATTACHED   7"), HasSubstr("delivered 12"),
            HasSubstr("no sessions"), Not(HasSubstr("drop_quota"))));
}

TEST(Render, AnUpgradeIsTold) {
  UpgradeResult result;
  result.set_version_before("1");
  result.set_version_after("2");
  result.set_function_after(1);
  EngineMoved& moved = *result.add_engines();
  moved.set_blackout_ms(4.25);
  moved.set_held_packets(9);
  StepTime& step = *moved.add_steps();
  step.set_name("drain");
  step.set_ms(0.5);
  EXPECT_THAT(RenderMoved(moved), AllOf(HasSubstr("blackout 4.25 ms (drain 0.50)"),
                                        HasSubstr("9 packets held and delivered")));
  EXPECT_THAT(RenderResult(result),
              AllOf(HasSubstr("farrierd 1"), HasSubstr("is now farrierd 2"),
                    HasSubstr("function B"), HasSubstr("longest blackout 4.25 ms")));
  EXPECT_THAT(RenderJson(result),
              AllOf(HasSubstr("\"heldPackets\": \"9\""), HasSubstr("\"functionBefore\": 0")));
}

}  // namespace
}  // namespace farrier::host
