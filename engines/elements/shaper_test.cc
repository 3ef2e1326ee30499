#include "engines/elements/shaper.h"

#include <gtest/gtest.h>

#include <random>

#include "engines/elements/state.pb.h"
#include "engines/elements/testing/harness.h"

namespace farrier::elements {
namespace {

using testing::Bytes;

constexpr runtime::Nanoseconds kStart = 1'000'000;
constexpr HoldingElement::Limits kLimits = {.packets = 1000, .bytes = 1'000'000};

std::vector<Bytes> Frames(int count, size_t size) {
  std::vector<Bytes> frames;
  for (int i = 0; i < count; ++i) frames.emplace_back(size, static_cast<uint8_t>(i));
  return frames;
}

TEST(Shaper, LetsABurstPassAndThenPacketsAtTheRate) {
  testing::Sink sink;
  Shaper shaper("shaper", 8'000'000, 3000, kLimits);  // 1 byte per microsecond
  shaper.Connect(0, &sink);
  testing::PushFrames(shaper, Frames(6, 1000), kStart);
  EXPECT_EQ(sink.frames.size(), 3u);
  for (int i = 1; i <= 3; ++i) {
    const runtime::Nanoseconds departure = kStart + i * runtime::kMillisecond;
    EXPECT_EQ(shaper.NextServe(kStart), departure);
    EXPECT_EQ(shaper.Serve(departure - 1, 64), 0u);
    EXPECT_EQ(shaper.Waiting(departure - 1), runtime::kNever);
    EXPECT_EQ(shaper.Waiting(departure + 5), departure);
    EXPECT_EQ(shaper.Serve(departure, 64), 1u);
  }
  EXPECT_EQ(sink.frames, Frames(6, 1000));
  EXPECT_EQ(shaper.NextServe(kStart), runtime::kNever);
}

TEST(Shaper, APauseFillsTheBucketToTheBurstAndNotBeyond) {
  testing::Sink sink;
  Shaper shaper("shaper", 8'000'000, 3000, kLimits);
  shaper.Connect(0, &sink);
  testing::PushFrames(shaper, Frames(3, 1000), kStart);
  testing::PushFrames(shaper, Frames(1, 1000), kStart + runtime::kMillisecond);
  EXPECT_EQ(sink.Take().size(), 4u) << "a millisecond brought one back";
  testing::PushFrames(shaper, Frames(5, 1000), kStart + runtime::kSecond);
  EXPECT_EQ(sink.Take().size(), 3u);
}

TEST(Shaper, APacketLongerThanTheBurstGoesWhenTheBucketIsFullAndIsPaidForAfterwards) {
  testing::Sink sink;
  Shaper shaper("shaper", 8'000'000, 500, kLimits);
  shaper.Connect(0, &sink);
  testing::PushFrames(shaper, Frames(3, 1500), kStart);
  EXPECT_EQ(sink.frames.size(), 1u);
  EXPECT_EQ(shaper.NextServe(kStart), kStart + 1500 * runtime::kMicrosecond);
  EXPECT_EQ(shaper.Serve(kStart + 1500 * runtime::kMicrosecond, 64), 1u);
  EXPECT_EQ(shaper.NextServe(kStart), kStart + 3000 * runtime::kMicrosecond);
}

TEST(Shaper, KeepsTheRateExactlyThoughPacketsTakeFractionsOfANanosecond) {
  // 64 bytes at 100 Gbit/s are 5.12 ns.
  testing::Sink sink;
  Shaper shaper("shaper", 100'000'000'000, 640, {.packets = 20'000, .bytes = 2'000'000});
  shaper.Connect(0, &sink);
  testing::PushFrames(shaper, Frames(10'010, 64), kStart);
  runtime::Nanoseconds now = kStart;
  while (shaper.NextServe(now) != runtime::kNever) {
    now = std::max(now, shaper.NextServe(now));
    ASSERT_GT(shaper.Serve(now, 1), 0u);
  }
  EXPECT_EQ(sink.frames.size(), 10'010u);
  EXPECT_NEAR(static_cast<double>(now - kStart), 51'200, 2);
}

TEST(Shaper, NeverExceedsBurstAndRateInAnyInterval) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    std::mt19937_64 random(seed);
    const uint64_t rate = 1'000'000 + random() % 40'000'000'000;
    const uint64_t burst = 2000 + random() % 20'000;
    testing::Sink sink;
    Shaper shaper("shaper", rate, burst, kLimits);
    shaper.Connect(0, &sink);
    std::vector<std::pair<runtime::Nanoseconds, size_t>> sent;
    runtime::Nanoseconds now = kStart;
    const auto note = [&] {
      for (const Bytes& frame : sink.Take()) sent.emplace_back(now, frame.size());
    };
    const double packet_time = 1000 * 8e9 / static_cast<double>(rate);
    for (int i = 0; i < 400; ++i) {
      now += static_cast<runtime::Nanoseconds>(packet_time * (random() % 300) / 100);
      shaper.Serve(now, 64);
      note();
      testing::PushFrames(shaper, Frames(1 + random() % 3, 60 + random() % 1900), now);
      note();
    }
    ASSERT_GT(sent.size(), 300u);
    for (size_t from = 0; from < sent.size(); ++from) {
      double bytes = 0;
      for (size_t to = from; to < sent.size(); ++to) {
        bytes += static_cast<double>(sent[to].second);
        const double seconds = static_cast<double>(sent[to].first - sent[from].first) / 1e9;
        ASSERT_LE(bytes, static_cast<double>(burst) + static_cast<double>(rate) * seconds / 8 + 0.1)
            << "seed " << seed;
      }
    }
  }
}

TEST(Shaper, ItsBucketMovesWithItsState) {
  testing::Sink sink;
  Shaper shaper("shaper", 8'000'000, 3000, kLimits);
  shaper.Connect(0, &sink);
  testing::PushFrames(shaper, Frames(3, 1000), kStart);
  ElementRecord record;
  shaper.Save(record);

  Shaper successor("shaper", 8'000'000, 3000, kLimits);
  successor.Connect(0, &sink);
  ASSERT_TRUE(successor.Load(record).ok());
  sink.Take();
  testing::PushFrames(successor, Frames(1, 1000), kStart);
  EXPECT_TRUE(sink.frames.empty());
  EXPECT_EQ(successor.NextServe(kStart), kStart + runtime::kMillisecond);

  for (const int64_t nonsense : {int64_t{-1}, INT64_MAX}) {
    record.set_paid_at(nonsense);
    EXPECT_FALSE(successor.Load(record).ok()) << nonsense;
  }
}

}  // namespace
}  // namespace farrier::elements
