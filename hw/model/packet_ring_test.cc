#include "hw/model/packet_ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

namespace farrier::model {
namespace {

constexpr size_t kMaxBytes = 300;

TEST(PacketRing, GivesBackWhatWasPushedInOrder) {
  PacketRing ring(2048, kMaxBytes);
  std::mt19937 random(1);
  std::deque<std::pair<std::vector<uint8_t>, uint32_t>> expected;
  int full = 0;
  for (int i = 0; i < 50'000; ++i) {
    if (random() % 2) {
      std::vector<uint8_t> packet(random() % (kMaxBytes + 1));
      for (auto& byte : packet) byte = static_cast<uint8_t>(random());
      const uint32_t function = random() % 300;
      if (ring.Push(packet, function)) {
        expected.emplace_back(std::move(packet), function);
      } else {
        ASSERT_FALSE(expected.empty()) << "an empty ring was full";
        ++full;
      }
    } else if (!expected.empty()) {
      const auto record = ring.Front();
      const auto& [packet, function] = expected.front();
      ASSERT_EQ(std::vector<uint8_t>(record.bytes.begin(), record.bytes.end()), packet);
      ASSERT_EQ(record.length, packet.size());
      ASSERT_EQ(record.function, function);
      std::fill(record.bytes.data() - PacketRing::kHeadroomBytes, record.bytes.data(), 0xEE);
      ring.Pop();
      expected.pop_front();
    }
    ASSERT_EQ(ring.empty(), expected.empty());
  }
  EXPECT_GT(full, 0);
}

TEST(PacketRing, KeepsTheLengthOfWhatIsTooLongToKeep) {
  PacketRing ring(2048, kMaxBytes);
  ASSERT_TRUE(ring.Push(std::vector<uint8_t>(70'000, 7), 1));
  const auto record = ring.Front();
  EXPECT_EQ(record.length, 70'000u);
  EXPECT_EQ(record.bytes.size(), kMaxBytes);
}

}  // namespace
}  // namespace farrier::model
