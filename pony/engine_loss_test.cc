#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "pony/testing/traffic.h"
#include "pony/testing/two_hosts.h"

namespace farrier::pony {
namespace {

using testing::FakeApp;
using testing::Faults;
using testing::kIps;
using testing::Traffic;
using testing::TwoHosts;

constexpr Faults kBadNetwork = {
    .loss = 0.05, .duplication = 0.05, .corruption = 0.02, .reordering = 0.05};

void Finish(TwoHosts& hosts, Traffic& traffic) {
  const bool done = hosts.RunUntil([&] {
    traffic.Pump();
    return traffic.Done() || !traffic.error().empty();
  });
  EXPECT_EQ(traffic.error(), "");
  EXPECT_TRUE(done) << "not finished at " << hosts.clock().Now();
}

class EngineLossTest : public ::testing::TestWithParam<int> {};

TEST_P(EngineLossTest, EveryMessageArrivesOnceAndInOrder) {
  TwoHosts hosts(GetParam());
  hosts.Start();
  hosts.network().set_faults(kBadNetwork);
  Traffic traffic(&hosts, 1, GetParam(), {});
  Finish(hosts, traffic);
  const EngineStats& stats = hosts.engine(0).stats();
  EXPECT_GT(stats.retransmitted_fast, 0u);
  EXPECT_GT(stats.duplicates, 0u);
  EXPECT_GT(stats.drop_crc, 0u);
  EXPECT_EQ(stats.drop_stale_epoch, 0u);
  EXPECT_EQ(stats.connections_failed, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EngineLossTest, ::testing::Range(1, 9));

TEST(EngineLoss, ManySmallMessagesOnManyStreams) {
  TwoHosts hosts(5);
  hosts.Start();
  hosts.network().set_faults(kBadNetwork);
  Traffic traffic(&hosts, 1, 5,
                  {.connections = 8, .streams = 100, .messages = 5000, .max_length = 200});
  Finish(hosts, traffic);
}

TEST(EngineLoss, AGoodNetworkNeedsNoRetransmission) {
  TwoHosts hosts(3);
  hosts.Start();
  Traffic traffic(&hosts, 1, 3, {.messages = 500});
  Finish(hosts, traffic);
  for (int host : {0, 1}) {
    const EngineStats& stats = hosts.engine(host).stats();
    EXPECT_EQ(stats.retransmitted_fast + stats.retransmitted_timeout + stats.duplicates, 0u);
    EXPECT_LT(stats.acks_sent * 3, stats.packets_received) << "acks go together";
  }
}

// As when a card holds packets during an upgrade, or a host gets no processor for a while.
TEST(EngineLoss, ASilenceWithoutLossCostsFewPackets) {
  TwoHosts hosts(3);
  hosts.Start();
  Traffic traffic(&hosts, 1, 3, {.messages = 500});
  hosts.RunFor(2 * runtime::kMillisecond);
  for (int i = 0; i < 300; ++i) {
    traffic.Pump();
    hosts.Step();
  }
  hosts.network().set_delay(25 * runtime::kMillisecond);
  Finish(hosts, traffic);
  for (int host : {0, 1}) {
    const EngineStats& stats = hosts.engine(host).stats();
    EXPECT_GT(stats.retransmitted_timeout, 0u) << "it did not look like silence";
    EXPECT_LE(stats.retransmitted_timeout, 8u);
    EXPECT_EQ(stats.retransmitted_fast, 0u) << "an old packet's ack was taken for a new one's";
  }
}

// Nothing comes behind it by which it could be missed.
TEST(EngineLoss, ALostTailCostsOneTimeout) {
  TwoHosts hosts(3);
  hosts.Start();
  FakeApp& near = hosts.AddApp(0, 1);
  FakeApp& far = hosts.AddApp(1, 1);
  far.Listen(80);
  hosts.RunFor(runtime::kMillisecond);
  near.Connect(kIps[1], 80);
  hosts.RunFor(runtime::kMillisecond);
  far.Events();
  const uint32_t connection = near.Events().at(0).connection;
  far.Post(1, 0);
  hosts.RunFor(runtime::kMillisecond);

  near.Send(connection, 0, 0, 3500);  // three packets
  hosts.network().set_faults({.loss = 1});
  hosts.Step();
  hosts.network().set_faults({});
  const runtime::Nanoseconds begin = hosts.clock().Now();
  EXPECT_TRUE(hosts.RunUntil([&] { return !near.Events().empty(); }));
  EXPECT_LT(hosts.clock().Now() - begin, 12 * runtime::kMillisecond);
  EXPECT_EQ(hosts.engine(0).stats().retransmitted_timeout, 1u) << "the first asks for the others";
  EXPECT_EQ(hosts.engine(0).stats().retransmitted_fast, 2u);
}

// A host whose engine gets no processor for a while, and then reads one packet per poll.
class BusyHost : public ::testing::Test {
 protected:
  void SetUp() override {
    hosts_.Start();
    near_ = &hosts_.AddApp(0, 1);
    far_ = &hosts_.AddApp(1, 1);
    far_->Listen(80);
    hosts_.RunFor(runtime::kMillisecond);
    near_->Connect(kIps[1], 80);
  }

  void SendOne() {
    hosts_.RunFor(runtime::kMillisecond);
    far_->Events();
    const uint32_t connection = near_->Events().at(0).connection;
    far_->Post(1, 0);
    hosts_.RunFor(runtime::kMillisecond);
    near_->Send(connection, 0, 0, 100);
  }

  // What the engine has to say is answered, but the answers stay unread for `time`, behind so many
  // other packets.
  void BeAwayFor(runtime::Nanoseconds time, int others) {
    PollNear();
    for (int i = 0; i < 2; ++i) {
      hosts_.clock().Advance(300 * runtime::kMicrosecond);  // an ack is due by itself
      hosts_.network().Deliver();
      hosts_.engine(1).Poll(hosts_.clock().Now(), 64);
    }
    hosts_.clock().Advance(time);
    hosts_.network().Deliver();
    std::deque<testing::Frame>& inbox = hosts_.network().Inbox(0);
    ASSERT_EQ(inbox.size(), 1u);
    inbox.insert(inbox.begin(), static_cast<size_t>(others), testing::Frame(60));
  }

  void PollNear() {
    hosts_.clock().Advance(2 * runtime::kMicrosecond);
    hosts_.engine(0).Poll(hosts_.clock().Now(), 1);
  }
  uint64_t timeouts() { return hosts_.engine(0).stats().retransmitted_timeout; }

  TwoHosts hosts_;
  FakeApp* near_ = nullptr;
  FakeApp* far_ = nullptr;
};

TEST_F(BusyHost, AnAckThatIsYetToBeReadIsNoSilence) {
  SendOne();
  BeAwayFor(100 * runtime::kMillisecond, 3);
  for (int i = 0; i < 4; ++i) PollNear();
  ASSERT_EQ(near_->Events().size(), 1u);
  EXPECT_EQ(timeouts(), 0u);
}

TEST_F(BusyHost, AnAnswerThatIsYetToBeReadMakesNoConnectUnreachable) {
  BeAwayFor(10 * runtime::kSecond, 3);
  for (int i = 0; i < 4; ++i) PollNear();
  const std::vector<PonyEvent> events = near_->Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, PONY_EVENT_CONNECTED);
  EXPECT_EQ(events[0].status, PONY_OK);
}

TEST_F(BusyHost, AFloodOfPacketsDoesNotPutTimeoutsOffForLong) {
  SendOne();
  BeAwayFor(100 * runtime::kMillisecond, 20);
  for (int i = 0; i < 4; ++i) PollNear();
  EXPECT_EQ(timeouts(), 0u);
  PollNear();
  EXPECT_EQ(timeouts(), 1u);
}

TEST(EngineLoss, LosingNineInTenIsSlowAndNoMore) {
  TwoHosts hosts(4);
  hosts.adjust = [](int, EngineOptions& options) {
    options.give_up = 1000 * runtime::kSecond;
    options.connect_timeout = 1000 * runtime::kSecond;
    options.max_rto = 20 * runtime::kMillisecond;
  };
  hosts.Start();
  hosts.network().set_faults({.loss = 0.9});
  Traffic traffic(&hosts, 1, 4, {.messages = 20, .max_length = 5000});
  Finish(hosts, traffic);
}

TEST(EngineLoss, TheSameSeedGivesTheSameRun) {
  auto run = [](uint64_t seed) {
    TwoHosts hosts(seed);
    hosts.Start();
    hosts.network().set_faults(kBadNetwork);
    Traffic traffic(&hosts, 1, seed, {.messages = 100});
    Finish(hosts, traffic);
    return std::pair(hosts.clock().Now(), hosts.network().sent());
  };
  EXPECT_EQ(run(11), run(11));
  EXPECT_NE(run(11), run(12));
}

}  // namespace
}  // namespace farrier::pony
