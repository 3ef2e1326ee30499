#include "engines/elements/packet_store.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace farrier::elements {
namespace {

using Bytes = std::vector<uint8_t>;

runtime::Packet PacketOf(Bytes& bytes) {
  const auto length = static_cast<uint32_t>(bytes.size());
  return runtime::Packet(bytes.data(), length, length, bytes.data());
}

TEST(PacketStore, KeepsWhatIsKnownOfAPacket) {
  PacketStore store(4, 1000);
  Bytes bytes(100, 3);
  runtime::Packet packet = PacketOf(bytes);
  packet.rx.arrival = 77;
  packet.tx.pacing_class = 5;
  EXPECT_EQ(store.Append(packet), 0u);
  EXPECT_EQ(store.Append(packet), 1u);
  const runtime::Packet view = store.View(1);
  EXPECT_EQ(Bytes(view.bytes().begin(), view.bytes().end()), bytes);
  EXPECT_EQ(view.headroom(), kHeldHeadroom);
  EXPECT_EQ(view.rx.arrival, 77);
  EXPECT_EQ(view.tx.pacing_class, 5);
}

TEST(PacketStore, IsFullByPacketsOrByBytes) {
  PacketStore store(3, 250);
  Bytes bytes(100);
  EXPECT_TRUE(store.Fits(250));
  EXPECT_FALSE(store.Fits(251));
  EXPECT_FALSE(store.EverFits(251));
  store.Append(PacketOf(bytes));
  store.Append(PacketOf(bytes));
  EXPECT_TRUE(store.Fits(50));
  EXPECT_FALSE(store.Fits(51));
  EXPECT_TRUE(store.EverFits(51));
  bytes.resize(0);
  store.Append(PacketOf(bytes));
  EXPECT_FALSE(store.Fits(0));
  store.Drop(1);
  EXPECT_TRUE(store.Fits(150));
  PacketStore large(3, 1 << 20);
  EXPECT_FALSE(large.EverFits(kMaxHeldBytes + 1));
  EXPECT_TRUE(large.Fits(kMaxHeldBytes));
}

// What is written into one packet, headroom included, must not show in another.
TEST(PacketStore, NeverMixesPacketsUp) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    const size_t max_packets = 1 + random() % 20;
    const size_t max_bytes = 1 + random() % 5000;
    PacketStore store(max_packets, max_bytes);
    std::deque<Bytes> model;
    size_t model_bytes = 0;
    uint64_t next = 0;
    for (int step = 0; step < 3000; ++step) {
      const size_t most = random() % 4 == 0 ? max_bytes + 10 : max_bytes / max_packets + 10;
      Bytes bytes(random() % (most + 1), static_cast<uint8_t>(step));
      const bool fits = model.size() < max_packets && model_bytes + bytes.size() <= max_bytes;
      ASSERT_EQ(store.Fits(static_cast<uint32_t>(bytes.size())), fits) << "seed " << seed;
      if (fits) {
        ASSERT_EQ(store.Append(PacketOf(bytes)), next++);
        runtime::Packet view = store.View(store.size() - 1);
        const uint32_t headroom = view.headroom();
        view.Prepend(headroom);
        std::fill_n(view.data(), headroom, static_cast<uint8_t>(0x80 + step));
        model_bytes += bytes.size();
        model.push_back(std::move(bytes));
      }
      if (!fits || random() % 3 == 0) {
        const size_t count = random() % (model.size() + 1);
        store.Drop(count);
        for (size_t i = 0; i < count; ++i) {
          model_bytes -= model.front().size();
          model.pop_front();
        }
      }
      ASSERT_EQ(store.size(), model.size());
      ASSERT_EQ(store.bytes(), model_bytes);
      ASSERT_EQ(store.first(), next - model.size());
      for (size_t i = 0; i < model.size(); ++i) {
        const runtime::Packet view = store.View(i);
        ASSERT_TRUE(
            std::equal(view.bytes().begin(), view.bytes().end(), model[i].begin(), model[i].end()))
            << "seed " << seed << " step " << step;
      }
    }
  }
}

TEST(PacketStore, NumbersGoOnWhereTheyAreToldTo) {
  PacketStore store(4, 1000);
  Bytes bytes(10);
  store.DropBelow(5);
  EXPECT_EQ(store.first(), 5u);
  store.Append(PacketOf(bytes), 7, "x");
  EXPECT_EQ(store.first(), 7u);
  EXPECT_EQ(store.Append(PacketOf(bytes)), 8u);
  EXPECT_EQ(store.unknown_fields(0), "x");
  EXPECT_EQ(store.unknown_fields(1), "");
  store.DropBelow(8);
  EXPECT_EQ(store.first(), 8u);
  EXPECT_EQ(store.size(), 1u);
}

}  // namespace
}  // namespace farrier::elements
