#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "tests/simulator/app.h"

namespace farrier::sim {

// An echo server to talk to, and how much.
struct Target {
  uint32_t ip = 0;
  uint16_t service = 0;
  int messages = 20;
  int streams = 2;
  int window = 3;        // messages sent and not yet echoed, at most
  int64_t shortest = 8;  // bytes; log-uniform between the two
  int64_t longest = PONY_MAX_MESSAGE;
  Nanoseconds pause = kMillisecond;  // mean time between two messages
};

// Sends messages to echo servers and holds what comes back against what must: every message once,
// in the order of its stream, every byte right, every send completed once. A connection that is
// reset is opened anew, and what had not come back is sent again, as other messages.
class CheckingClient final : public App {
 public:
  CheckingClient(EventQueue& queue, Random random, Verdict& verdict, SessionService& service,
                 AppOptions options, std::vector<Target> targets);

  // All messages have come back and all connections are closed.
  bool done() const { return finished_ == connections_.size(); }
  uint64_t verified() const { return verified_; }
  uint64_t verified_bytes() const { return verified_bytes_; }
  // Sessions lost because the daemon went away.
  uint64_t hangups() const { return hangups_; }
  // Times that the connection to a target ended otherwise than by this client's wish.
  uint64_t resets(size_t target) const { return connections_[target].resets; }
  // Where each connection stands, for people.
  std::string Describe() const;

 protected:
  void OnOpen() override;
  void OnEvent(const PonyEvent& event) override;
  void OnHangup() override;

 private:
  enum class State { kClosed, kConnecting, kOpen, kClosing, kFinished };

  struct Message {
    uint64_t number;
    uint32_t length;
  };

  struct Connection {
    Target target;
    State state = State::kClosed;
    uint32_t id = 0;
    uint64_t incarnation = 0;  // counts connects: old messages must not turn up in a new connection
    int remaining = 0;         // messages neither under way nor verified
    uint64_t next_number = 0;
    std::map<uint32_t, std::deque<Message>> expected;  // by stream, in order
    int outstanding = 0;                               // in `expected`
    std::map<uint64_t, uint32_t> sending;  // by tag: length of what has not been reported SENT
    Nanoseconds next_send = 0;
    uint64_t resets = 0;
  };

  uint64_t Key(const Connection& connection, uint64_t number) const;
  Connection* Find(uint32_t id);
  void Connect(size_t index);
  void Opened(Connection& connection, uint32_t id);
  void Received(Connection& connection, const PonyEvent& event);
  void Ended(Connection& connection, const PonyEvent& event);
  // What was under way will not come back: it is to be sent anew.
  void Forget(Connection& connection);
  // Sends what may be sent now, closes what is complete.
  void Pump();
  bool SendOne(Connection& connection);
  void Post(uint32_t connection, void* buffer);

  std::vector<Connection> connections_;
  size_t finished_ = 0;
  uint64_t verified_ = 0;
  uint64_t verified_bytes_ = 0;
  uint64_t hangups_ = 0;
  uint64_t secret_;
  Timer pump_;
};

}  // namespace farrier::sim
