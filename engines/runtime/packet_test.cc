#include "engines/runtime/packet.h"

#include <gtest/gtest.h>

#include <array>

namespace farrier::runtime {
namespace {

TEST(Packet, ItsFrontMovesWithinHeadroomAndLength) {
  std::array<uint8_t, 100> memory{};
  Packet packet(memory.data() + 40, 60, 60, memory.data(), 40);
  EXPECT_TRUE(packet.Prepend(30));
  EXPECT_EQ(packet.data(), memory.data() + 10);
  EXPECT_EQ(packet.length(), 90u);
  EXPECT_EQ(packet.capacity(), 90u);
  EXPECT_EQ(packet.headroom(), 10u);
  EXPECT_FALSE(packet.Prepend(11));
  EXPECT_TRUE(packet.TrimFront(90));
  EXPECT_FALSE(packet.TrimFront(1));
  EXPECT_EQ(packet.data(), memory.data() + 100);
  EXPECT_EQ(packet.length(), 0u);
  EXPECT_EQ(packet.headroom(), 100u);

  const Packet moved = std::move(packet);
  EXPECT_EQ(moved.headroom(), 100u);
}

}  // namespace
}  // namespace farrier::runtime
