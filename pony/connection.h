#pragma once

#include <cstdint>
#include <string>

#include "engines/runtime/clock.h"
#include "pony/engine_timer.h"
#include "pony/message_receiver.h"
#include "pony/message_sender.h"

namespace farrier::pony {

class Session;
struct Flow;

// Of one session, opening ones included.
inline constexpr uint32_t kMaxConnections = 4096;

// One end of a connection: an app here, an app there, and the flow between their engines.
struct Connection {
  enum class State : uint8_t {
    kConnecting,  // our app asked for it; no answer yet
    kOpen,
    kClosing,  // our app closed it; messages may still be under way
  };
  // Packets to send when there is room, before messages; bits of `wanted`.
  enum Wanted : uint8_t { kWantConnect = 1, kWantAccept = 2, kWantCredit = 4, kWantClose = 8 };

  explicit Connection(TimerHandler& handler) : connect_timeout(handler, *this) {}

  uint32_t id = 0;
  Session* session = nullptr;
  Flow* flow = nullptr;
  State state = State::kConnecting;
  uint32_t peer_id = 0;  // the peer's number for it; not known while connecting
  uint32_t remote_ip = 0;
  uint16_t service = 0;
  uint64_t connect_tag = 0;
  uint64_t close_tag = 0;
  runtime::Nanoseconds deadline = runtime::kNever;  // for the connect
  uint32_t target_engine = 0;                       // of the peer's daemon, which is being asked
  uint8_t wanted = 0;
  uint32_t advertised = 0;  // credit limit the peer has been told, or is being told

  MessageSender out;
  MessageReceiver in;

  bool queued = false;  // in its flow's ready queue
  bool dirty = true;
  std::string unknown_fields;
  EngineTimer<&TimerHandler::OnConnectTimeout, Connection> connect_timeout;

  bool HasWork() const { return wanted != 0 || (state != State::kConnecting && out.CanSend()); }

  // The peer is to be told of new credit by a packet of its own: when half of what it could have is
  // used up, so that a stream of small posts does not become a stream of packets.
  bool CreditDue() const {
    const uint32_t limit = in.limit();
    return state != State::kConnecting && limit != advertised &&
           in.Remaining(advertised) <= (limit - advertised);
  }
};

}  // namespace farrier::pony
