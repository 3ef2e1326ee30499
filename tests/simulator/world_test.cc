#include "tests/simulator/world.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

// Found by a campaign: a bit of a frame's source address was flipped on its way, into that of a
// host that had nothing to say; from then on the switch sent what was for that host to another.
TEST(World, ADamagedSourceAddressTakesNoHostOffTheNetwork) {
  World world(1, {.hosts = 3});
  world.AddEcho(1, 0, 80);
  world.RunFor(100 * kMillisecond);  // all have been heard
  Frame damaged(60, 0);
  const Mac of_host_1 = World::MacOf(1);
  std::copy(of_host_1.begin(), of_host_1.end(), damaged.begin() + 6);
  world.uplink(2).Receive(damaged);
  world.RunFor(kMillisecond);

  world.AddClient(0, 0, {{.ip = World::Ip(1), .service = 80, .messages = 1}});
  world.Run(10 * kSecond, [&] { return world.clients()[0]->done(); });
  EXPECT_EQ(world.verdict().first(), "");
}

}  // namespace
}  // namespace farrier::sim
