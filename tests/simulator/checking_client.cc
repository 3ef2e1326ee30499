#include "tests/simulator/checking_client.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulator/payload.h"

namespace farrier::sim {
namespace {

constexpr int kBuffers = 2;  // posted per connection

}  // namespace

CheckingClient::CheckingClient(EventQueue& queue, Random random, Verdict& verdict,
                               SessionService& service, AppOptions options,
                               std::vector<Target> targets)
    : App(queue, std::move(random), verdict, service, std::move(options)),
      secret_(this->random().Bits()),
      pump_(queue, [this] { Pump(); }) {
  for (Target& target : targets) {
    connections_.push_back({.target = target, .remaining = target.messages});
  }
}

uint64_t CheckingClient::Key(const Connection& connection, uint64_t number) const {
  const auto index = static_cast<uint64_t>(&connection - connections_.data());
  return Random::Mix(secret_ ^ Random::Mix(index << 48 | connection.incarnation << 32 | number));
}

CheckingClient::Connection* CheckingClient::Find(uint32_t id) {
  for (Connection& connection : connections_) {
    const bool live = connection.state == State::kOpen || connection.state == State::kClosing;
    if (live && connection.id == id) return &connection;
  }
  return nullptr;
}

void CheckingClient::OnOpen() {
  for (size_t i = 0; i < connections_.size(); ++i) {
    if (connections_[i].state != State::kFinished) Connect(i);
  }
}

void CheckingClient::OnHangup() {
  ++hangups_;
  for (Connection& connection : connections_) {
    if (connection.state == State::kFinished) continue;
    Forget(connection);
    connection.state = State::kClosed;
  }
}

void CheckingClient::Connect(size_t index) {
  Connection& connection = connections_[index];
  connection.state = State::kConnecting;
  ++connection.incarnation;
  Submit([target = connection.target, index](pony_session* session) {
    return pony_connect(session, target.ip, target.service, index);
  });
}

void CheckingClient::OnEvent(const PonyEvent& event) {
  if (event.kind == PONY_EVENT_CONNECTED) {
    if (event.tag >= connections_.size() || connections_[event.tag].state != State::kConnecting) {
      Fail("CONNECTED, and nobody asked");
      return;
    }
    Connection& connection = connections_[event.tag];
    if (event.status == PONY_OK) {
      Opened(connection, event.connection);
    } else {
      connection.state = State::kClosed;
      const Nanoseconds pause = random().Uniform(200 * kMicrosecond, 2 * kMillisecond);
      life().After(pause, [this, index = event.tag, lost = hangups_] {
        if (lost == hangups_) Connect(index);
      });
    }
    return;
  }
  Connection* connection = Find(event.connection);
  if (connection == nullptr && event.status != PONY_OK && event.kind != PONY_EVENT_CLOSED) {
    // A command that crossed the end of its connection.
    if (event.tag != 0) pony_free(session()->pony(), BufferOf(event.tag));
    return;
  }
  if (connection == nullptr) {
    Fail(absl::StrCat("event ", event.kind, " on connection ", event.connection,
                      ", which is not open"));
    return;
  }
  switch (event.kind) {
    case PONY_EVENT_SENT: {
      const auto sent = connection->sending.find(event.tag);
      if (sent == connection->sending.end()) {
        Fail("SENT twice, or never sent");
        return;
      }
      connection->sending.erase(sent);
      pony_free(session()->pony(), BufferOf(event.tag));
      break;
    }
    case PONY_EVENT_RECEIVED:
      Received(*connection, event);
      break;
    case PONY_EVENT_CLOSED:
      Ended(*connection, event);
      break;
    default:
      Fail(absl::StrCat("event ", event.kind, " with status ", event.status,
                        " on an open connection"));
      return;
  }
  Pump();
}

void CheckingClient::Opened(Connection& connection, uint32_t id) {
  connection.state = State::kOpen;
  connection.id = id;
  connection.next_number = 0;
  connection.next_send = queue().Now();
  for (int i = 0; i < kBuffers; ++i) {
    void* buffer = pony_alloc(session()->pony(), PONY_MAX_MESSAGE);
    if (buffer == nullptr) {
      Fail("no memory for receive buffers");
      return;
    }
    Post(id, buffer);
  }
  Pump();
}

void CheckingClient::Received(Connection& connection, const PonyEvent& event) {
  void* buffer = BufferOf(event.tag);
  if (event.status != PONY_OK) {
    pony_free(session()->pony(), buffer);
    return;
  }
  auto& expected = connection.expected[event.stream];
  if (expected.empty()) {
    Fail(absl::StrCat("stream ", event.stream, ": a message of ", event.length,
                      " bytes that was not sent, or came twice"));
    return;
  }
  const Message message = expected.front();
  expected.pop_front();
  --connection.outstanding;
  const std::span<const uint8_t> payload(static_cast<uint8_t*>(buffer), event.length);
  if (pony_payload(session()->pony(), &event) != buffer || message.length != event.length) {
    Fail(absl::StrCat("stream ", event.stream, ": expected message ", message.number, " of ",
                      message.length, " bytes, got ", event.length, " bytes"));
    return;
  }
  const size_t wrong = FirstWrongByte(Key(connection, message.number), payload);
  if (wrong != payload.size()) {
    Fail(absl::StrCat("stream ", event.stream, ": message ", message.number, " of ", message.length,
                      " bytes is wrong from byte ", wrong));
    return;
  }
  ++verified_;
  verified_bytes_ += event.length;
  Post(connection.id, buffer);
}

void CheckingClient::Ended(Connection& connection, const PonyEvent& event) {
  if (connection.state == State::kClosing) {
    if (event.status != PONY_OK) ++connection.resets;
    if (!connection.sending.empty()) Fail("CLOSED ahead of SENT");
    connection.state = State::kFinished;
    ++finished_;
    return;
  }
  if (event.status == PONY_OK) Fail("CLOSED, and nobody asked");
  ++connection.resets;
  Forget(connection);
  connection.state = State::kClosed;
  const auto index = static_cast<size_t>(&connection - connections_.data());
  life().After(random().Uniform(0, kMillisecond), [this, index, lost = hangups_] {
    if (lost == hangups_) Connect(index);
  });
}

void CheckingClient::Forget(Connection& connection) {
  connection.remaining += connection.outstanding;
  connection.outstanding = 0;
  connection.expected.clear();
  connection.sending.clear();
}

void CheckingClient::Pump() {
  if (session() == nullptr) return;
  Nanoseconds next = kNever;
  for (Connection& connection : connections_) {
    if (connection.state != State::kOpen) continue;
    while (connection.remaining > 0 && connection.outstanding < connection.target.window &&
           connection.next_send <= queue().Now() && SendOne(connection)) {
    }
    if (connection.remaining > 0 && connection.next_send > queue().Now()) {
      next = std::min(next, connection.next_send);
    }
    if (connection.remaining == 0 && connection.outstanding == 0 && connection.sending.empty()) {
      connection.state = State::kClosing;
      Submit(
          [id = connection.id](pony_session* session) { return pony_disconnect(session, id, 0); });
    }
  }
  pump_.Set(next);
}

bool CheckingClient::SendOne(Connection& connection) {
  const Target& target = connection.target;
  const auto length = static_cast<uint32_t>(random().LogUniform(target.shortest, target.longest));
  void* payload = pony_alloc(session()->pony(), length);
  if (payload == nullptr) return false;  // until something has been sent
  const auto stream = static_cast<uint32_t>(random().Uniform(1, target.streams));
  const uint64_t number = connection.next_number++;
  FillPayload(Key(connection, number), {static_cast<uint8_t*>(payload), length});
  connection.expected[stream].push_back({number, length});
  connection.sending[TagOf(payload)] = length;
  ++connection.outstanding;
  --connection.remaining;
  // Bursts and pauses: half of the messages follow at once.
  if (random().Chance(0.5)) {
    connection.next_send = queue().Now() + random().Uniform(0, 4 * target.pause);
  }
  Submit(
      [id = connection.id, stream, payload, length, tag = TagOf(payload)](pony_session* session) {
        return pony_send(session, id, stream, payload, length, tag);
      });
  return true;
}

void CheckingClient::Post(uint32_t connection, void* buffer) {
  Submit([connection, buffer, tag = TagOf(buffer)](pony_session* session) {
    return pony_post_recv(session, connection, buffer, PONY_MAX_MESSAGE, tag);
  });
}

std::string CheckingClient::Describe() const {
  std::string text = name();
  for (const Connection& connection : connections_) {
    absl::StrAppend(&text, "  [state ", static_cast<int>(connection.state), ", to send ",
                    connection.remaining, ", not echoed ", connection.outstanding, ", not SENT ",
                    connection.sending.size(), ", resets ", connection.resets, "]");
  }
  return text;
}

}  // namespace farrier::sim
