// Departure times: packets are given to the card ahead of time and say when they are to leave.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "pony/fixed_window.h"
#include "pony/testing/traffic.h"
#include "pony/testing/two_hosts.h"

namespace farrier::pony {
namespace {

using runtime::Nanoseconds;
using testing::Traffic;
using testing::TwoHosts;

TEST(FixedWindow, PacketsAreAsFarApartAsTheRateWants) {
  const auto controller = MakeFixedWindow(64, 10'000);
  EXPECT_EQ(controller->NextDeparture(), 0);
  controller->OnSent(5'000, 1226, 1);  // 1,250 bytes on the wire: 1,000 ns
  EXPECT_EQ(controller->NextDeparture(), 6'000);
  controller->OnSent(6'000, 60, 2);  // 67.2 ns, rounded up
  EXPECT_EQ(controller->NextDeparture(), 6'068);
  controller->NotBefore(6'050);
  EXPECT_EQ(controller->NextDeparture(), 6'068) << "never decreases";
  controller->NotBefore(7'000);
  EXPECT_EQ(controller->NextDeparture(), 7'000);
}

TEST(FixedWindow, WithoutARateDeparturesAreNotTimed) {
  const auto controller = MakeFixedWindow(64, 0);
  controller->OnSent(5'000, 1226, 1);
  EXPECT_EQ(controller->NextDeparture(), 0);
}

struct Sent {
  Nanoseconds at;         // handed to the card
  Nanoseconds departure;  // 0: not timed
  uint32_t bytes;
  PacketType type;
};

class PacingTest : public ::testing::Test {
 protected:
  // Host 0's engine paces its flow at `mbps`.
  void Start(uint32_t mbps, Nanoseconds lead = 128 * runtime::kMicrosecond) {
    hosts_.adjust = [=](int host, EngineOptions& options) {
      if (host != 0) return;
      options.pacing_mbps = mbps;
      options.departure_lead = lead;
    };
    hosts_.Start();
    hosts_.port(0).on_sent = [this](const runtime::Packet& packet) {
      sent_.push_back({hosts_.clock().Now(), packet.tx.departure, packet.length(),
                       static_cast<PacketType>(packet.data()[kLowerHeaderBytes + 1])});
    };
  }

  void ExpectPaced(uint32_t mbps, Nanoseconds lead) {
    Nanoseconds last = 0, free_from = 0;
    int timed = 0, ahead = 0;
    for (const Sent& sent : sent_) {
      if (sent.departure == 0) {
        // Of those that are to keep their order only the first has no time: it has none before it.
        EXPECT_TRUE(sent.type < kFirstSequenced || timed == 0);
        continue;
      }
      ++timed;
      ahead += sent.departure > sent.at;
      EXPECT_GE(sent.departure, last);
      EXPECT_GE(sent.departure, free_from);
      EXPECT_GE(sent.departure, sent.at);
      EXPECT_LE(sent.departure, sent.at + lead);
      last = sent.departure;
      // SACK words are not counted.
      const uint32_t counted = std::max(sent.bytes, 122u + 8 * 8) - 8 * 8 + 24;
      free_from = sent.departure + 8000 * Nanoseconds{counted} / mbps;
    }
    EXPECT_GT(timed, 500);
    EXPECT_GT(ahead, timed / 2) << "the card is to do the waiting";
  }

  TwoHosts hosts_{1};
  std::vector<Sent> sent_;
};

TEST_F(PacingTest, AFlowsPacketsLeaveAtItsRateAndTheCardWaits) {
  Start(10'000);
  Traffic traffic(&hosts_, 1, 1, {.messages = 200});
  ASSERT_TRUE(hosts_.RunUntil([&] {
    traffic.Pump();
    return traffic.Done();
  }));
  EXPECT_EQ(traffic.error(), "");
  ExpectPaced(10'000, 128 * runtime::kMicrosecond);
}

TEST_F(PacingTest, WhatIsToLeaveLaterThanTheCardCanWaitWaitsInTheEngine) {
  constexpr Nanoseconds kLead = 20 * runtime::kMicrosecond;
  Start(1'000, kLead);  // 12 us a packet, and up to 64 may be in flight
  Traffic traffic(&hosts_, 1, 1, {.messages = 200});
  const Nanoseconds start = hosts_.clock().Now();
  ASSERT_TRUE(hosts_.RunUntil([&] {
    traffic.Pump();
    return traffic.Done();
  }));
  EXPECT_EQ(traffic.error(), "");
  ExpectPaced(1'000, kLead);
  uint64_t bytes = 0;
  for (const Sent& sent : sent_) bytes += sent.bytes;
  const double gbps =
      8.0 * static_cast<double>(bytes) / static_cast<double>(hosts_.clock().Now() - start);
  EXPECT_LT(gbps, 1.0);
  EXPECT_GT(gbps, 0.8) << "waiting costs no rate";
  EXPECT_EQ(hosts_.engine(0).stats().retransmitted_timeout, 0u);
}

TEST_F(PacingTest, ASuccessorGoesOnWhereTheDeparturesWere) {
  Start(1'000);
  Traffic traffic(&hosts_, 1, 1, {.messages = 150});
  int steps = 0;
  ASSERT_TRUE(hosts_.RunUntil([&] {
    traffic.Pump();
    if (++steps % 50 == 0) hosts_.Upgrade(0, [&] { hosts_.Step(); });
    return traffic.Done();
  }));
  EXPECT_EQ(traffic.error(), "");
  EXPECT_GT(steps, 300);
  ExpectPaced(1'000, 128 * runtime::kMicrosecond);
  EXPECT_EQ(hosts_.engine(0).stats().retransmitted_fast, 0u) << "nothing was reordered";
}

TEST_F(PacingTest, WithoutARateNothingIsTimed) {
  Start(0);
  Traffic traffic(&hosts_, 1, 1, {.messages = 50});
  ASSERT_TRUE(hosts_.RunUntil([&] {
    traffic.Pump();
    return traffic.Done();
  }));
  for (const Sent& sent : sent_) EXPECT_EQ(sent.departure, 0);
}

}  // namespace
}  // namespace farrier::pony
