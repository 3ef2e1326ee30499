#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pony/connection.h"
#include "pony/engine.h"
#include "pony/engine_timer.h"
#include "pony/flow_receiver.h"
#include "pony/flow_sender.h"
#include "pony/wire.h"

namespace farrier::pony {

// Whom a flow is with: IP address and the engine's own UDP port there.
struct FlowKey {
  uint32_t ip = 0;
  uint16_t port = 0;
  auto operator<=>(const FlowKey&) const = default;
};

// How two engines get to know each other. Sequence numbers are those of a pair of incarnations; so
// before the first one each side must know the other's epoch from an answer to a nonce it drew
// itself: nothing that lingered in the network can pass for it.
struct Hello {
  bool open = false;  // we ask; an answer must echo `nonce`
  bool due = false;   // to be sent now
  uint64_t nonce = 0;
  runtime::Nanoseconds deadline = runtime::kNever;
  uint32_t tries = 0;
  bool reply_due = false;  // the peer asks
  uint64_t reply_nonce = 0;
  uint32_t reply_epoch = 0;
};

// Everything between this engine and another: one sequence of packets each way, shared by all
// connections between them.
struct Flow {
  Flow(const FlowKey& flow_key, const Endpoints& flow_endpoints, const EngineOptions& options,
       TimerHandler& handler);

  // Another incarnation is at the other end: both halves start at zero.
  void Restart(uint32_t epoch, const EngineOptions& options);

  // Connections that have something to send take turns, sessions first.
  void Enqueue(Connection* connection);
  void Remove(Connection* connection);
  void ForgetSession(uint32_t session);  // that has no connections any more
  Connection* NextConnection();          // leaves the queue; nullptr if none
  bool HasReady() const { return ready_count_ > 0; }

  // Something could leave now.
  bool CanSend() const {
    if (hello.due || hello.reply_due) return true;
    return !departure.armed() && peer_epoch != 0 && sender.HasRoom() &&
           (sender.HasLost() || !control.empty() || HasReady());
  }
  bool WantsToTalk() const { return !sender.Idle() || !control.empty() || HasReady(); }

  // When the engine has to do something about silence; kNever if it waits for nothing.
  runtime::Nanoseconds Timeout() const {
    return hello.open ? std::min(hello.deadline, sender.deadline()) : sender.deadline();
  }

  const FlowKey key;
  const Endpoints endpoints;  // of packets we send
  uint32_t peer_epoch = 0;    // 0 = not known
  Hello hello;
  FlowSender sender;
  FlowReceiver receiver;
  std::deque<PacketContent> control;  // about connections that are not, or no longer

  bool active = false;    // in the engine's list of flows that may send
  bool owes_ack = false;  // in the engine's list of flows whose ack is to leave now
  bool dirty = true;
  std::string unknown_fields;

  // Not later than Timeout(): an acknowledgement puts that off far more often than it comes.
  EngineTimer<&TimerHandler::OnTimeout, Flow> timeout;
  EngineTimer<&TimerHandler::OnAckDue, Flow> ack;
  // Armed: so much is under way in the card that what comes next waits here.
  EngineTimer<&TimerHandler::OnDeparture, Flow> departure;

 private:
  struct SessionQueue {
    uint32_t session;
    std::deque<Connection*> connections;
  };
  std::vector<SessionQueue> ready_;  // by session id
  size_t turn_ = 0;
  uint32_t ready_count_ = 0;
};

}  // namespace farrier::pony
