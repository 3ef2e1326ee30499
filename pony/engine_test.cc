#include "pony/engine.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "pony/testing/two_hosts.h"

namespace farrier::pony {
namespace {

using testing::FakeApp;
using testing::kIps;
using testing::TwoHosts;

constexpr uint16_t kService = 80;

// Steps until the app has an event of this kind and returns it; those before are thrown away.
PonyEvent Await(TwoHosts& hosts, FakeApp& app, PonyEventKind kind,
                runtime::Nanoseconds limit = 60 * runtime::kSecond) {
  PonyEvent found{};
  hosts.RunUntil(
      [&] {
        for (const PonyEvent& event : app.Events()) {
          if (event.kind == kind) {
            found = event;
            return true;
          }
        }
        return false;
      },
      limit);
  EXPECT_EQ(found.kind, kind);
  return found;
}

class EngineTest : public ::testing::Test {
 protected:
  void Start() {
    hosts.Start();
    client = &hosts.AddApp(0, 1);
    server = &hosts.AddApp(1, 1);
  }

  void Open() {
    server->Listen(kService, 5);
    EXPECT_EQ(Await(hosts, *server, PONY_EVENT_LISTENING).status, PONY_OK);
    Connect();
  }

  void Connect() {
    client->Connect(kIps[1], kService, 7);
    const PonyEvent connected = Await(hosts, *client, PONY_EVENT_CONNECTED);
    EXPECT_EQ(connected.status, PONY_OK);
    EXPECT_EQ(connected.tag, 7u);
    near = connected.connection;
    const PonyEvent accepted = Await(hosts, *server, PONY_EVENT_ACCEPTED);
    EXPECT_EQ(accepted.remote_ip, kIps[0]);
    EXPECT_EQ(accepted.service, kService);
    far = accepted.connection;
  }

  TwoHosts hosts;
  FakeApp* client = nullptr;
  FakeApp* server = nullptr;
  uint32_t near = 0;
  uint32_t far = 0;
};

TEST_F(EngineTest, AMessageArrivesWhereTheBufferIs) {
  Start();
  Open();
  std::iota(client->region(), client->region() + 60000, 3);
  server->Post(far, 100000, 11);
  client->Send(near, 4, 0, 60000, 12);
  const PonyEvent received = Await(hosts, *server, PONY_EVENT_RECEIVED);
  EXPECT_EQ(received.tag, 11u);
  EXPECT_EQ(received.offset, 100000u);
  EXPECT_EQ(received.length, 60000u);
  EXPECT_EQ(received.connection, far);
  EXPECT_EQ(received.stream, 4u);
  EXPECT_EQ(std::memcmp(server->region() + 100000, client->region(), 60000), 0);
  const PonyEvent sent = Await(hosts, *client, PONY_EVENT_SENT);
  EXPECT_EQ(sent.tag, 12u);
  EXPECT_EQ(sent.status, PONY_OK);
  EXPECT_EQ(hosts.engine(0).stats().messages_sent, 1u);
  EXPECT_EQ(hosts.engine(1).stats().message_bytes_received, 60000u);
  EXPECT_EQ(hosts.engine(0).stats().retransmitted_timeout, 0u);
}

TEST_F(EngineTest, NothingIsSentWithoutCredit) {
  Start();
  Open();
  client->Send(near, 0, 0, 100, 1);
  hosts.RunFor(runtime::kSecond);
  EXPECT_TRUE(client->Events().empty());
  EXPECT_TRUE(server->Events().empty());
  server->Post(far, 0);
  Await(hosts, *server, PONY_EVENT_RECEIVED);
}

TEST_F(EngineTest, AConnectWithoutListenerIsRefused) {
  Start();
  client->Connect(kIps[1], kService, 9);
  const PonyEvent event = Await(hosts, *client, PONY_EVENT_CONNECTED);
  EXPECT_EQ(event.status, PONY_REFUSED);
  EXPECT_EQ(event.tag, 9u);
  EXPECT_EQ(hosts.engine(0).connections(), 0u);
}

TEST_F(EngineTest, AConnectToNobodyIsUnreachable) {
  Start();
  client->Connect(0x0A0000FE, kService, 9);
  EXPECT_EQ(Await(hosts, *client, PONY_EVENT_CONNECTED).status, PONY_UNREACHABLE);
  hosts.Kill(1);
  const runtime::Nanoseconds begin = hosts.clock().Now();
  client->Connect(kIps[1], kService, 10);
  EXPECT_EQ(Await(hosts, *client, PONY_EVENT_CONNECTED).status, PONY_UNREACHABLE);
  EXPECT_GE(hosts.clock().Now() - begin, 5 * runtime::kSecond);
  EXPECT_LT(hosts.clock().Now() - begin, 6 * runtime::kSecond);
}

TEST_F(EngineTest, TimesThatWereSetAreKeptByASuccessor) {
  Start();
  hosts.Kill(1);
  const runtime::Nanoseconds begin = hosts.clock().Now();
  client->Connect(kIps[1], kService, 10);
  hosts.RunFor(runtime::kSecond);
  hosts.Upgrade(0, [] {});
  EXPECT_EQ(Await(hosts, *client, PONY_EVENT_CONNECTED).status, PONY_UNREACHABLE);
  EXPECT_GE(hosts.clock().Now() - begin, 5 * runtime::kSecond);
  EXPECT_LT(hosts.clock().Now() - begin, 6 * runtime::kSecond);
}

TEST_F(EngineTest, ASuccessorFindsOutThatThePeerOfItsPredecessorIsGone) {
  Start();
  Open();
  server->Post(far, 0, 1);
  hosts.RunFor(runtime::kMillisecond);
  hosts.Kill(1);
  client->Send(near, 0, 0, 100);
  hosts.RunFor(runtime::kMillisecond);  // under way: a successor has nothing to send but again
  hosts.Upgrade(0, [] {});
  EXPECT_EQ(Await(hosts, *client, PONY_EVENT_SENT).status, PONY_UNREACHABLE);
}

TEST_F(EngineTest, AServiceHasOneListener) {
  Start();
  server->Listen(kService, 1);
  EXPECT_EQ(Await(hosts, *server, PONY_EVENT_LISTENING).status, PONY_OK);
  FakeApp& other = hosts.AddApp(1, 2);
  other.Listen(kService, 2);
  EXPECT_EQ(Await(hosts, other, PONY_EVENT_LISTENING).status, PONY_IN_USE);
  hosts.RemoveApp(1, 1);
  other.Listen(kService, 3);
  EXPECT_EQ(Await(hosts, other, PONY_EVENT_LISTENING).status, PONY_OK);
}

TEST_F(EngineTest, CloseComesAfterEverythingSent) {
  Start();
  Open();
  for (int i = 0; i < 10; ++i) server->Post(far, i * 65536, i);
  for (int i = 0; i < 8; ++i) client->Send(near, i % 3, 0, 50000, i);
  client->Close(near, 77);
  int sent = 0;
  PonyEvent closed{};
  hosts.RunUntil([&] {
    for (const PonyEvent& event : client->Events()) {
      EXPECT_NE(closed.kind, PONY_EVENT_CLOSED) << "nothing follows";
      if (event.kind == PONY_EVENT_SENT) sent += event.status == PONY_OK;
      if (event.kind == PONY_EVENT_CLOSED) closed = event;
    }
    return closed.kind == PONY_EVENT_CLOSED;
  });
  EXPECT_EQ(sent, 8);
  EXPECT_EQ(closed.tag, 77u);
  EXPECT_EQ(closed.status, PONY_OK);

  hosts.RunFor(runtime::kMillisecond);
  std::vector<PonyEvent> events = server->Events();
  ASSERT_EQ(events.size(), 11u);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(events[i].kind, PONY_EVENT_RECEIVED);
    EXPECT_EQ(events[i].status, PONY_OK);
  }
  for (int i = 8; i < 10; ++i) {
    EXPECT_EQ(events[i].kind, PONY_EVENT_RECEIVED);
    EXPECT_EQ(events[i].status, PONY_CLOSED) << "an unused buffer comes back";
    EXPECT_EQ(events[i].offset, i * 65536u);
  }
  EXPECT_EQ(events[10].kind, PONY_EVENT_CLOSED);
  EXPECT_EQ(events[10].status, PONY_CLOSED);
  EXPECT_EQ(events[10].tag, 0u);
  EXPECT_EQ(hosts.engine(0).connections() + hosts.engine(1).connections(), 0u);
}

TEST_F(EngineTest, BothMayCloseAtOnce) {
  Start();
  Open();
  client->Close(near, 1);
  server->Close(far, 2);
  EXPECT_EQ(Await(hosts, *client, PONY_EVENT_CLOSED).status, PONY_OK);
  EXPECT_EQ(Await(hosts, *server, PONY_EVENT_CLOSED).status, PONY_OK);
}

TEST_F(EngineTest, AnEngineThatStartedAnewResetsItsPeersConnections) {
  Start();
  Open();
  client->Post(near, 0, 3);
  hosts.RunFor(runtime::kMillisecond);
  client->Send(near, 0, 0, 100, 4);
  hosts.Crash(1, 500);
  // Although it waits for credit, and so for ever.
  EXPECT_TRUE(hosts.RunUntil([&] { return hosts.engine(0).connections() == 0; }, runtime::kSecond));
  std::vector<PonyEvent> events = client->Events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].kind, PONY_EVENT_SENT);
  EXPECT_EQ(events[0].tag, 4u);
  EXPECT_EQ(events[1].kind, PONY_EVENT_RECEIVED);
  EXPECT_EQ(events[1].tag, 3u);
  EXPECT_EQ(events[2].kind, PONY_EVENT_CLOSED);
  for (const PonyEvent& event : events) EXPECT_EQ(event.status, PONY_RESET);
  EXPECT_EQ(hosts.engine(0).stats().epoch_changes, 1u);

  server = &hosts.AddApp(1, 1);
  Open();
  server->Post(far, 0, 1);
  client->Send(near, 0, 0, 100, 4);
  Await(hosts, *server, PONY_EVENT_RECEIVED);
}

TEST_F(EngineTest, ARemovedSessionResetsItsConnections) {
  Start();
  Open();
  hosts.RemoveApp(0, 1);
  EXPECT_EQ(Await(hosts, *server, PONY_EVENT_CLOSED).status, PONY_RESET);
  EXPECT_EQ(hosts.engine(0).connections() + hosts.engine(1).connections(), 0u);
}

TEST_F(EngineTest, APeerThatVanishesIsUnreachable) {
  Start();
  Open();
  server->Post(far, 0);
  hosts.RunFor(runtime::kMillisecond);
  hosts.Kill(1);
  client->Send(near, 0, 0, 1000, 4);
  const runtime::Nanoseconds begin = hosts.clock().Now();
  EXPECT_EQ(Await(hosts, *client, PONY_EVENT_SENT).status, PONY_UNREACHABLE);
  EXPECT_GE(hosts.clock().Now() - begin, 10 * runtime::kSecond);
  EXPECT_LT(hosts.clock().Now() - begin, 12 * runtime::kSecond);
}

TEST_F(EngineTest, APeerThatWasAwayIsToldWhatEndedMeanwhile) {
  Start();
  Open();
  server->Post(far, 0);
  hosts.RunFor(runtime::kMillisecond);
  hosts.network().set_faults({.loss = 1});
  client->Send(near, 0, 0, 1000, 4);
  EXPECT_EQ(Await(hosts, *client, PONY_EVENT_SENT).status, PONY_UNREACHABLE);
  hosts.network().set_faults({});
  EXPECT_EQ(Await(hosts, *server, PONY_EVENT_CLOSED).status, PONY_RESET);
  Connect();
  server->Post(far, 0);
  client->Send(near, 0, 0, 1000, 4);
  EXPECT_EQ(Await(hosts, *client, PONY_EVENT_SENT).status, PONY_OK);
}

TEST_F(EngineTest, AFullCardDelaysAndLosesNothing) {
  Start();
  Open();
  hosts.port(0).set_room(0);
  server->Post(far, 0);
  client->Send(near, 0, 0, 60000, 4);
  hosts.RunFor(3 * runtime::kMillisecond);
  EXPECT_TRUE(server->Events().empty());
  hosts.port(0).set_room(7);
  hosts.RunFor(3 * runtime::kMillisecond);
  hosts.port(0).set_room(SIZE_MAX);
  Await(hosts, *server, PONY_EVENT_RECEIVED);
}

TEST_F(EngineTest, TheAppIsWokenOnlyIfItAsked) {
  Start();
  Open();
  EXPECT_TRUE(client->DoorbellWanted()) << "the engine was prepared to sleep";
  client->CompletionSignals();
  server->Post(far, 0);
  client->Send(near, 0, 0, 100);
  Await(hosts, *client, PONY_EVENT_SENT);
  EXPECT_EQ(client->CompletionSignals(), 0u);
  client->app().want_event = 1;
  server->Post(far, 0);
  client->Send(near, 0, 0, 100);
  Await(hosts, *client, PONY_EVENT_SENT);
  EXPECT_EQ(client->CompletionSignals(), 1u);
}

}  // namespace
}  // namespace farrier::pony
