#include <gtest/gtest.h>

#include "pony/testing/two_hosts.h"

namespace farrier::pony {
namespace {

using testing::FakeApp;
using testing::kIps;
using testing::TwoHosts;

// An app that sends from one host to the other for as long as it may.
struct Sender {
  Sender(TwoHosts& hosts, uint32_t session, int connections, uint32_t message, int under_way)
      : near(&hosts.AddApp(0, session)),
        far(&hosts.AddApp(1, session, 1024)),
        length(message),
        limit(under_way) {
    far->Listen(session);
    hosts.RunFor(runtime::kMillisecond);
    far->Events();
    for (int i = 0; i < connections; ++i) near->Connect(kIps[1], session);
    hosts.RunFor(runtime::kMillisecond);
    for (const PonyEvent& event : near->Events()) to.push_back(event.connection);
    for (const PonyEvent& event : far->Events()) {
      for (int i = 0; i < 8; ++i) far->Post(event.connection, 65536 * i);
    }
  }

  void Pump() {
    for (const PonyEvent& event : far->Events()) {
      if (event.kind == PONY_EVENT_RECEIVED) far->Post(event.connection, event.offset);
    }
    for (const PonyEvent& event : near->Events()) {
      if (event.kind != PONY_EVENT_SENT) continue;
      --under_way;
      bytes += length;
    }
    while (under_way < limit && near->Send(to[turn++ % to.size()], 0, 0, length)) ++under_way;
  }

  FakeApp* near;
  FakeApp* far;
  uint32_t length;
  int limit;
  std::vector<uint32_t> to;
  size_t turn = 0;
  int under_way = 0;
  uint64_t bytes = 0;  // acknowledged
};

void RunBoth(TwoHosts& hosts, Sender& one, Sender& other, runtime::Nanoseconds time) {
  const runtime::Nanoseconds end = hosts.clock().Now() + time;
  while (hosts.clock().Now() < end) {
    one.Pump();
    other.Pump();
    hosts.Step();
  }
}

TEST(EngineFairness, ASessionThatFloodsItsRingTakesNoMoreThanItsShare) {
  TwoHosts hosts;
  hosts.Start();
  Sender flood(hosts, 1, 64, 65536, 200);
  Sender modest(hosts, 2, 1, 65536, 2);
  RunBoth(hosts, flood, modest, 50 * runtime::kMillisecond);
  EXPECT_GT(modest.bytes, 5'000'000u);
  EXPECT_LT(flood.bytes, 2 * modest.bytes) << "sessions take turns, not connections";
}

TEST(EngineFairness, SmallMessagesDoNotWaitBehindAnotherSessionsLargeOnes) {
  const auto messages = [](bool flooded) {
    TwoHosts hosts;
    hosts.Start();
    Sender modest(hosts, 1, 1, 100, 1);
    Sender flood(hosts, 2, flooded ? 64 : 1, flooded ? 65536 : 100, flooded ? 200 : 1);
    RunBoth(hosts, modest, flood, 20 * runtime::kMillisecond);
    return modest.bytes / 100;
  };
  const uint64_t alone = messages(false);
  EXPECT_GT(alone, 100u);
  EXPECT_GT(messages(true) * 8, alone);
}

TEST(EngineFairness, CommandsThatAreRefusedInBulkDelayNobodyElsesMuch) {
  const auto bytes = [](bool flooded) {
    TwoHosts hosts;
    hosts.Start();
    Sender modest(hosts, 1, 1, 20000, 4);
    FakeApp& flood = hosts.AddApp(0, 2, 4096);
    const runtime::Nanoseconds end = hosts.clock().Now() + 20 * runtime::kMillisecond;
    while (hosts.clock().Now() < end) {
      while (flooded && flood.Send(12345, 0, 0, 1)) continue;
      flood.Events();
      modest.Pump();
      hosts.Step();
    }
    EXPECT_GE(hosts.engine(0).stats().commands_refused, flooded ? 10'000u : 0u);
    return modest.bytes;
  };
  EXPECT_GT(bytes(true) * 4, bytes(false));
}

}  // namespace
}  // namespace farrier::pony
