#include <gtest/gtest.h>

#include "pony/service_directory.h"
#include "pony/testing/two_hosts.h"

namespace farrier::pony {
namespace {

using testing::FakeApp;
using testing::FakeNetwork;
using testing::FakePort;
using testing::kFirstPort;
using testing::kIps;

constexpr int kEngines = 4;
constexpr int kClientPort = 0;
constexpr int kServerWire = 1;  // what goes to any engine of the server
constexpr int kServerPort = 10;
constexpr uint16_t kService = 80;

// One engine with an app, and over there a daemon of several engines with an app each.
class EngineGroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    client_ = Make(0, 0, kClientPort, kServerWire, 1);
    ASSERT_TRUE(client_->AddSession(1, client_app_.memory()).ok());
    for (int i = 0; i < kEngines; ++i) {
      servers_.push_back(Make(1, i, kServerPort + i, kClientPort, kEngines));
      ASSERT_TRUE(servers_[i]->AddSession(1, server_apps_[i].memory()).ok());
    }
  }

  std::unique_ptr<PonyEngine> Make(int host, int engine, int port, int peer, int engines) {
    EngineOptions options;
    options.id = engine;
    options.epoch = 100 * (host + 1) + engine;
    options.ip = kIps[host];
    options.mac = {2, 0, 0, 0, 0, static_cast<uint8_t>(host + 1)};
    options.udp_port = kFirstPort + engine;
    options.engines = engines;
    options.neighbors.push_back({.ip = kIps[1 - host],
                                 .mac = {2, 0, 0, 0, 0, static_cast<uint8_t>(2 - host)},
                                 .first_port = kFirstPort});
    if (host == 1) options.services = &directory_;
    ports_.push_back(std::make_unique<FakePort>(&network_, port, peer));
    return std::make_unique<PonyEngine>(options, ports_.back().get());
  }

  void RunFor(runtime::Nanoseconds time) {
    for (const runtime::Nanoseconds end = clock_.Now() + time; clock_.Now() < end;) {
      network_.Deliver();
      // The server's card: each engine's UDP port has its queue.
      for (testing::Frame& frame : network_.Inbox(kServerWire)) {
        const int engine = (frame[36] << 8 | frame[37]) - kFirstPort;
        network_.Inbox(kServerPort + engine).push_back(std::move(frame));
      }
      network_.Inbox(kServerWire).clear();
      client_->Poll(clock_.Now(), 64);
      for (auto& server : servers_) server->Poll(clock_.Now(), 64);
      clock_.Advance(5 * runtime::kMicrosecond);
    }
  }

  // The status of the only event an app has.
  static int Status(FakeApp& app, PonyEventKind kind) {
    const std::vector<PonyEvent> events = app.Events();
    EXPECT_EQ(events.size(), 1u);
    if (events.size() != 1) return -1;
    EXPECT_EQ(events[0].kind, kind);
    return events[0].status;
  }

  int Listen(int engine) {
    server_apps_[engine].Listen(kService);
    RunFor(runtime::kMillisecond);
    return Status(server_apps_[engine], PONY_EVENT_LISTENING);
  }

  int Connect() {
    client_app_.Connect(kIps[1], kService);
    RunFor(3 * runtime::kMillisecond);
    return Status(client_app_, PONY_EVENT_CONNECTED);
  }

  ServiceDirectory directory_;
  runtime::ManualClock clock_;
  FakeNetwork network_{&clock_, 1};
  std::vector<std::unique_ptr<FakePort>> ports_;
  FakeApp client_app_;
  FakeApp server_apps_[kEngines];
  std::unique_ptr<PonyEngine> client_;
  std::vector<std::unique_ptr<PonyEngine>> servers_;
};

TEST_F(EngineGroupTest, AConnectFindsTheListenerOnWhicheverEngineItIs) {
  for (int engine = 0; engine < kEngines; ++engine) {
    ASSERT_EQ(Listen(engine), PONY_OK);
    ASSERT_EQ(Connect(), PONY_OK) << engine;
    EXPECT_EQ(Status(server_apps_[engine], PONY_EVENT_ACCEPTED), PONY_OK);
    for (int other = 0; other < kEngines; ++other) {
      EXPECT_TRUE(server_apps_[other].Events().empty());
      EXPECT_EQ(servers_[other]->connections(), other == engine ? 1u : 0u);
    }
    // The next has it for its own.
    ASSERT_TRUE(servers_[engine]->RemoveSession(1).ok());
    RunFor(runtime::kMillisecond);
    EXPECT_EQ(Status(client_app_, PONY_EVENT_CLOSED), PONY_RESET);
  }
}

TEST_F(EngineGroupTest, AConnectIsRefusedWhenEveryEngineHasRefusedIt) {
  EXPECT_EQ(Connect(), PONY_REFUSED);
  EXPECT_EQ(client_->connections(), 0u);
  EXPECT_EQ(client_->stats().connections_failed, 1u);
  for (auto& server : servers_) EXPECT_GT(server->stats().packets_received, 1u) << "was asked";
}

TEST_F(EngineGroupTest, AServiceHasOneListenerInTheWholeDaemon) {
  EXPECT_EQ(Listen(2), PONY_OK);
  EXPECT_EQ(Listen(0), PONY_IN_USE) << "it would take what is meant for the first";
  EXPECT_EQ(Listen(2), PONY_IN_USE);
  ASSERT_EQ(Connect(), PONY_OK);
  EXPECT_EQ(Status(server_apps_[2], PONY_EVENT_ACCEPTED), PONY_OK);
}

TEST_F(EngineGroupTest, AnEngineThatIsGoneGivesItsServicesBack) {
  EXPECT_EQ(Listen(2), PONY_OK);
  servers_[2] = Make(1, 2, kServerPort + 2, kClientPort, kEngines);
  EXPECT_EQ(Listen(0), PONY_OK);
}

TEST_F(EngineGroupTest, AServiceThatMovesWithItsEngineStaysTaken) {
  EXPECT_EQ(Listen(2), PONY_OK);
  testing::RecordList state;
  while (!servers_[2]->Snapshot(state, 1)) continue;
  servers_[2]->Delta(state);
  servers_[2].reset();
  servers_[2] = Make(1, 2, kServerPort + 2, kClientPort, kEngines);
  ASSERT_TRUE(servers_[2]->AdoptSession(1, server_apps_[2].memory()).ok());
  ASSERT_TRUE(servers_[2]->Restore(state).ok());
  EXPECT_EQ(Listen(0), PONY_IN_USE);
  ASSERT_TRUE(servers_[2]->RemoveSession(1).ok());
  EXPECT_EQ(Listen(0), PONY_OK);
}

}  // namespace
}  // namespace farrier::pony
