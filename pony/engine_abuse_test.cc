#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <random>

#include "pony/testing/traffic.h"
#include "pony/testing/two_hosts.h"

namespace farrier::pony {
namespace {

using testing::FakeApp;
using testing::kIps;
using testing::Traffic;
using testing::TwoHosts;

constexpr uint16_t kService = 80;

// An app that misbehaves beside two that do not.
class EngineAbuseTest : public ::testing::Test {
 protected:
  EngineAbuseTest() {
    hosts.Start();
    good = std::make_unique<Traffic>(&hosts, 1, 3, Traffic::Options{.messages = 60});
    bad = &hosts.AddApp(0, 2, 16);
    peer = &hosts.AddApp(1, 2);
    peer->Listen(kService);
    hosts.RunFor(runtime::kMillisecond);
    peer->Events();
    bad->Connect(kIps[1], kService);
    hosts.RunFor(runtime::kMillisecond);
    near = bad->Events().at(0).connection;
    far = peer->Events().at(0).connection;
  }

  void ExpectOthersUnhurt() {
    EXPECT_TRUE(hosts.RunUntil([&] {
      good->Pump();
      return good->Done() || !good->error().empty();
    }));
    EXPECT_EQ(good->error(), "");
  }

  // The only event that comes of a command.
  PonyEvent Try(const PonyCommand& command) {
    EXPECT_TRUE(bad->Put(command));
    hosts.RunFor(runtime::kMillisecond);
    const std::vector<PonyEvent> events = bad->Events();
    EXPECT_EQ(events.size(), 1u) << int{command.op};
    return events.empty() ? PonyEvent{} : events[0];
  }

  static PonyCommand Make(PonyOp op, uint32_t connection, uint64_t offset, uint32_t length) {
    PonyCommand command{};
    command.op = op;
    command.connection = connection;
    command.offset = offset;
    command.length = length;
    command.tag = 42;
    return command;
  }

  TwoHosts hosts{3};
  std::unique_ptr<Traffic> good;
  FakeApp* bad = nullptr;
  FakeApp* peer = nullptr;
  uint32_t near = 0;
  uint32_t far = 0;
};

TEST_F(EngineAbuseTest, CommandsThatMakeNoSenseAreRefused) {
  const uint64_t region = bad->memory().region_bytes;
  std::vector<PonyCommand> commands = {
      Make(PONY_OP_SEND, near, 0, 0),
      Make(PONY_OP_SEND, near, 0, PONY_MAX_MESSAGE + 1),
      Make(PONY_OP_SEND, near, region, 1),
      Make(PONY_OP_SEND, near, region - 9, 10),
      Make(PONY_OP_SEND, near, UINT64_MAX, 10),
      Make(PONY_OP_SEND, near, UINT64_MAX - 9, 10),
      Make(PONY_OP_SEND, 0, 0, 10),
      Make(PONY_OP_SEND, 12345, 0, 10),
      Make(PONY_OP_SEND, UINT32_MAX, 0, 10),
      Make(PONY_OP_POST_RECV, near, 0, PONY_MAX_MESSAGE - 1),
      Make(PONY_OP_POST_RECV, near, region - PONY_MAX_MESSAGE + 1, PONY_MAX_MESSAGE),
      Make(PONY_OP_POST_RECV, near, UINT64_MAX - 100, PONY_MAX_MESSAGE),
      Make(PONY_OP_POST_RECV, near, 0, UINT32_MAX),
      Make(PONY_OP_POST_RECV, 0, 0, PONY_MAX_MESSAGE),
      Make(PONY_OP_POST_RECV, 12345, 0, PONY_MAX_MESSAGE),
      Make(PONY_OP_CLOSE, 0, 0, 0),
      Make(PONY_OP_CLOSE, 12345, 0, 0),
      Make(PONY_OP_CONNECT, 0, 0, 0),
      Make(PONY_OP_LISTEN, 0, 0, 0),
      Make(static_cast<PonyOp>(0), near, 0, 0),
      Make(static_cast<PonyOp>(6), near, 0, 0),
      Make(static_cast<PonyOp>(255), near, 0, 0),
  };
  PonyCommand reserved = Make(PONY_OP_SEND, near, 0, 10);
  reserved.reserved[28] = 1;
  commands.push_back(reserved);
  for (const PonyCommand& command : commands) {
    const PonyEvent event = Try(command);
    EXPECT_EQ(event.kind, PONY_EVENT_REFUSED) << int{command.op} << " " << command.length;
    EXPECT_EQ(event.status, PONY_INVALID);
    EXPECT_EQ(event.tag, 42u);
    EXPECT_EQ(event.connection, command.connection);
  }
  EXPECT_EQ(hosts.engine(0).stats().commands_refused, commands.size());
  // The connection is as good as before.
  peer->Post(far, 0);
  EXPECT_EQ(Try(Make(PONY_OP_SEND, near, 0, 10)).status, PONY_OK);
  ExpectOthersUnhurt();
}

TEST_F(EngineAbuseTest, AnotherSessionsConnectionIsNotToBeTouched) {
  for (uint32_t connection = 1; connection < near; ++connection) {
    EXPECT_EQ(Try(Make(PONY_OP_SEND, connection, 0, 10)).status, PONY_CLOSED);
    EXPECT_EQ(Try(Make(PONY_OP_POST_RECV, connection, 0, PONY_MAX_MESSAGE)).status, PONY_CLOSED);
    EXPECT_EQ(Try(Make(PONY_OP_CLOSE, connection, 0, 0)).status, PONY_CLOSED);
  }
  ExpectOthersUnhurt();
}

TEST_F(EngineAbuseTest, AnImpossibleCommandIndexFencesTheSession) {
  bad->app().command_tail += 17;
  hosts.RunFor(runtime::kMillisecond);
  EXPECT_EQ(hosts.engine(0).stats().sessions_fenced, 1u);
  hosts.RunFor(runtime::kMillisecond);
  const std::vector<PonyEvent> events = peer->Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, PONY_EVENT_CLOSED);
  EXPECT_EQ(events[0].status, PONY_RESET);
  ExpectOthersUnhurt();
}

TEST_F(EngineAbuseTest, AnImpossibleCompletionIndexFencesTheSession) {
  bad->app().completion_head += 1000;
  for (int i = 0; i < 40; ++i) {
    bad->Close(0);
    hosts.RunFor(runtime::kMillisecond);
  }
  EXPECT_EQ(hosts.engine(0).stats().sessions_fenced, 1u);
  ExpectOthersUnhurt();
}

TEST_F(EngineAbuseTest, AnAppThatStopsLookingStopsOnlyItself) {
  // Its ring has 16 entries; it never takes a completion, and never stops asking.
  for (int i = 0; i < 200; ++i) {
    bad->Send(near, 0, 0, 10, i);
    peer->Post(far, 0);
    peer->Send(far, 0, 0, 10);
    bad->Post(near, 0, 1000 + i);
    hosts.RunFor(runtime::kMillisecond);
    peer->Events();
  }
  EXPECT_EQ(hosts.engine(0).stats().sessions_fenced, 0u);
  EXPECT_LT(hosts.engine(0).stats().commands, 300u) << "what cannot be answered is not taken";
  ExpectOthersUnhurt();
  // When it looks again nothing is missing.
  int sent = 0;
  int received = 0;
  for (int i = 0; i < 200; ++i) {
    for (const PonyEvent& event : bad->Events()) {
      const bool is_sent = event.kind == PONY_EVENT_SENT;
      EXPECT_EQ(event.tag, is_sent ? static_cast<uint64_t>(sent++) : 1000u + received++);
    }
    hosts.RunFor(10 * runtime::kMillisecond);
  }
  EXPECT_GT(sent, 8);
  EXPECT_EQ(sent, received);
}

TEST_F(EngineAbuseTest, AnAppThatLetsItsSignalsPileUpHurtsNobodyElse) {
  fcntl(bad->wait_fd(), F_SETFL, 0);  // shared with no one: the engine's end stays as it is
  char byte = 0;
  EXPECT_LT(send(bad->wait_fd(), &byte, 1, MSG_NOSIGNAL), 0) << "an engine is told nothing here";
  bad->app().want_event = 1;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Try(Make(PONY_OP_SEND, near, 0, 0)).status, PONY_INVALID);
    good->Pump();
  }
  const uint64_t signals = bad->CompletionSignals();
  EXPECT_GT(signals, 0u);
  EXPECT_LT(signals, 100u) << "more were sent than fit";
  EXPECT_EQ(Try(Make(PONY_OP_SEND, near, 0, 0)).status, PONY_INVALID);
  EXPECT_EQ(bad->CompletionSignals(), 1u) << "signals go on once there is room";
  bad->CloseWaitFd();
  EXPECT_EQ(Try(Make(PONY_OP_SEND, near, 0, 0)).status, PONY_INVALID);
  ExpectOthersUnhurt();
}

TEST_F(EngineAbuseTest, NoiseInTheRingsHurtsNobodyElse) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 300; ++round) {
    PonyCommand command;
    uint8_t* bytes = reinterpret_cast<uint8_t*>(&command);
    for (size_t i = 0; i < sizeof(command); ++i) bytes[i] = random();
    if (random() % 4) std::memset(command.reserved, 0, sizeof(command.reserved));
    command.op = random() % 7;
    if (random() % 2) command.connection = random() % 20;
    if (random() % 2) command.offset %= bad->memory().region_bytes;
    if (random() % 2) command.length %= 2 * PONY_MAX_MESSAGE;
    if (random() % 2) command.remote_ip = kIps[1];
    bad->Put(command);
    good->Pump();
    hosts.Step();
    bad->Events();
  }
  bad->app().completion_head = random();
  bad->app().command_tail = random();
  ExpectOthersUnhurt();
}

// Packets with good checksums from a neighbour that lies in every field.
TEST_F(EngineAbuseTest, ALyingPeerCausesNoCrash) {
  std::mt19937_64 random(4);
  const Endpoints endpoints{.source_mac = {2, 0, 0, 0, 0, 2},
                            .destination_mac = {2, 0, 0, 0, 0, 1},
                            .source_ip = kIps[1],
                            .destination_ip = kIps[0],
                            .source_port = testing::kFirstPort,
                            .destination_port = testing::kFirstPort};
  for (int round = 0; round < 20000; ++round) {
    PacketHeader header;
    header.type = static_cast<PacketType>(1 + random() % 10);
    header.flags = random();
    header.sack_words = random() % 9;
    for (uint64_t& word : header.sack) word = random() % 3 ? 0 : random();
    header.sender_epoch = random() % 50 ? 101 : random();
    header.receiver_epoch = random() % 50 ? 100 : random();
    header.sender_port = testing::kFirstPort + (random() % 50 ? 0 : random() % 100);
    header.payload_length = random() % 3 ? random() % 600 : 0;
    header.sequence = random() % 4 ? random() % 700 : random();
    header.ack = random() % 4 ? random() % 100 : random();
    header.timestamp = random();
    header.timestamp_echo = random() % 2 ? random() : hosts.clock().Now();
    header.connection = random() % 6;
    header.source_connection = random() % 6;
    header.stream = random() % 4;
    header.message = random() % 4 ? random() % 100 : random();
    header.previous = random() % 4 ? random() % 100 : random();
    header.message_length = random() % 4 ? random() % 2000 : random();
    header.message_offset = random() % 4 ? random() % 2000 : random();
    header.credit_limit = random() % 4 ? random() % 2000 : random();
    testing::Frame frame(1400);
    frame.resize(EncodePacket(endpoints, header, frame.data()));
    hosts.network().Inbox(0).push_back(frame);
    if (round % 16 == 0) {
      bad->Post(near, 0);
      bad->Events();
      hosts.Step();
    }
  }
  EXPECT_GT(hosts.engine(0).stats().drop_malformed, 0u);
  EXPECT_GT(hosts.engine(0).stats().drop_window, 0u);
}

TEST(EngineSessions, MemoryThatDoesNotHoldTheRingsIsRefused) {
  TwoHosts hosts;
  hosts.Start();
  FakeApp app;
  auto code = [&](auto change) {
    SessionMemory memory = app.memory();
    change(memory);
    return hosts.engine(0).AddSession(9, memory).code();
  };
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code([](SessionMemory& m) { m.ring_entries = 0; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory& m) { m.ring_entries = 100; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory& m) { m.ring_entries = 8; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory& m) { m.ring_entries = 131072; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory& m) { m.ring_entries = 512; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory& m) { m.app_area_bytes -= 1; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory& m) { m.engine_area_bytes -= 1; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory& m) { m.engine_area = nullptr; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory& m) { m.region = nullptr; }), kInvalid);
  EXPECT_EQ(code([](SessionMemory&) {}), absl::StatusCode::kOk);
  EXPECT_EQ(code([](SessionMemory&) {}), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(hosts.engine(0).RemoveSession(10).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(hosts.engine(0).RemoveSession(9).ok());
}

}  // namespace
}  // namespace farrier::pony
