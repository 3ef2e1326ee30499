#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "pony/client/testing/engine_side.h"
#include "pony/engine.h"

namespace farrier::pony::testing {

// An engine without a network: connects the sessions it serves with each other. For tests of
// applications. One thread.
class LoopbackEngine {
 public:
  void AddSession(uint32_t id, const SessionMemory& memory);
  void RemoveSession(uint32_t id);

  // Takes all commands, delivers what can be delivered, and asks for doorbells. To be called after
  // every doorbell.
  void Poll();

  // Sees each message before it is delivered, may change it, and says how many times to deliver it.
  std::function<int(std::vector<uint8_t>& message)> tamper;

 private:
  struct Message {
    uint64_t tag;  // of the sender's command
    uint32_t stream;
    std::vector<uint8_t> bytes;
    bool acknowledge;  // not for a copy that `tamper` asked for
  };
  struct Endpoint {
    uint32_t session;
    uint32_t peer;                   // the endpoint at the other end
    std::deque<PonyCommand> posted;  // buffers
    std::deque<Message> arriving;
  };
  struct Session {
    SessionMemory memory;
    EngineSide rings;
    std::deque<PonyEvent> backlog;
  };

  void Handle(uint32_t id, const PonyCommand& command);
  void Connect(uint32_t id, const PonyCommand& command);
  void Send(uint32_t id, const PonyCommand& command);
  void Deliver(uint32_t connection);
  void Close(uint32_t connection, uint64_t tag, uint8_t status);
  void Tell(uint32_t id, const PonyEvent& event);
  Endpoint* Find(uint32_t id, uint32_t connection);

  std::map<uint32_t, Session> sessions_;
  std::map<uint16_t, uint32_t> listeners_;  // service -> session
  std::map<uint32_t, Endpoint> endpoints_;  // by connection
  uint32_t next_connection_ = 1;
};

}  // namespace farrier::pony::testing
