#include "hw/sim/fault_injector.h"

#include <algorithm>
#include <bit>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

using Frame = FaultInjector::Frame;

// Passes `n` numbered frames, 1 us apart, and lets the rest expire.
std::vector<Frame> PassNumbered(FaultInjector& injector, int n) {
  std::vector<Frame> out;
  for (int i = 0; i < n; ++i) {
    const Frame frame = {static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8), 0, 0};
    injector.Pass(frame, i * 1000, out);
  }
  injector.Expire(INT64_MAX, out);
  return out;
}

int Number(const Frame& frame) { return frame[0] | frame[1] << 8; }

TEST(FaultInjector, APerfectWireChangesNothing) {
  FaultInjector injector({});
  const auto out = PassNumbered(injector, 1000);
  ASSERT_EQ(out.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Number(out[i]), i);
}

TEST(FaultInjector, LosesAsManyAsItCounts) {
  FaultInjector injector({.loss = 0.1});
  const auto out = PassNumbered(injector, 10000);
  EXPECT_EQ(out.size(), 10000 - injector.counters().lost);
  EXPECT_NEAR(injector.counters().lost, 1000, 150);
}

TEST(FaultInjector, DuplicatesAreEqual) {
  FaultInjector injector({.dup = 1});
  const auto out = PassNumbered(injector, 10);
  ASSERT_EQ(out.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Number(out[i]), i / 2);
}

TEST(FaultInjector, ReorderedFramesComeAtMostEightLate) {
  FaultInjector injector({.reorder = 0.2});
  const auto out = PassNumbered(injector, 5000);
  ASSERT_EQ(out.size(), 5000u) << "none is lost";
  int out_of_order = 0, newest = -1;
  for (const auto& frame : out) {
    const int number = Number(frame);
    if (number < newest) {
      ++out_of_order;
      EXPECT_LE(newest - number, 8);
    }
    newest = std::max(newest, number);
  }
  EXPECT_GT(out_of_order, 500);
}

TEST(FaultInjector, AReorderedFrameThatNothingFollowsComesByTime) {
  FaultInjector injector({.reorder = 1});
  std::vector<Frame> out;
  injector.Pass(Frame{1}, 1000, out);
  EXPECT_THAT(out, testing::IsEmpty());
  const int64_t when = injector.NextExpiry();
  EXPECT_EQ(when, 2'001'000);
  injector.Expire(when - 1, out);
  EXPECT_THAT(out, testing::IsEmpty());
  injector.Expire(when, out);
  EXPECT_THAT(out, testing::ElementsAre(Frame{1}));
  EXPECT_EQ(injector.NextExpiry(), INT64_MAX);
}

TEST(FaultInjector, CorruptionFlipsOneBit) {
  FaultInjector injector({.corrupt = 1});
  std::vector<Frame> out;
  const Frame zero(100);
  for (int i = 0; i < 100; ++i) injector.Pass(zero, 0, out);
  for (const auto& frame : out) {
    int bits = 0;
    for (const uint8_t byte : frame) bits += std::popcount(byte);
    EXPECT_EQ(bits, 1);
  }
}

TEST(FaultInjector, TheSeedDecidesEverything) {
  const FaultSpec spec = {.loss = 0.1, .dup = 0.1, .reorder = 0.1, .corrupt = 0.1, .seed = 5};
  FaultInjector a(spec), b(spec);
  FaultSpec other = spec;
  other.seed = 6;
  FaultInjector c(other);
  const auto out = PassNumbered(a, 1000);
  EXPECT_EQ(out, PassNumbered(b, 1000));
  EXPECT_NE(out, PassNumbered(c, 1000));
}

TEST(FaultSpec, IsReadFromText) {
  const auto spec = ParseFaultSpec("loss=0.01,dup=0.5,reorder=1,corrupt=0,seed=77");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->loss, 0.01);
  EXPECT_EQ(spec->dup, 0.5);
  EXPECT_EQ(spec->reorder, 1);
  EXPECT_EQ(spec->corrupt, 0);
  EXPECT_EQ(spec->seed, 77u);
  EXPECT_FALSE(ParseFaultSpec("")->any());
}

TEST(FaultSpec, WhatIsWrongIsNamed) {
  for (const char* text :
       {"loss=1.5", "loss=-1", "loss=nan", "loss", "loss=x", "delay=1", "seed=-1"}) {
    const auto spec = ParseFaultSpec(std::string("dup=0.1,") + text);
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_THAT(std::string(spec.status().message()), testing::HasSubstr(text));
  }
}

}  // namespace
}  // namespace farrier::sim
