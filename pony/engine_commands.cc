#include <algorithm>

#include "pony/engine_core.h"

namespace farrier::pony {
namespace {

constexpr int kCommandsPerTurn = 16;
// What one session may have under way. Bounds what its completions can take up when it stops
// looking at them.
constexpr uint32_t kMaxSends = 16384;
constexpr uint32_t kMaxBuffers = 16384;

void Answer(Session& session, const PonyCommand& command, PonyEventKind kind, PonyStatus status) {
  PonyEvent event{};
  event.tag = command.tag;
  event.offset = kind == PONY_EVENT_RECEIVED ? command.offset : 0;
  event.connection = command.connection;
  event.stream = command.stream;
  event.kind = static_cast<uint8_t>(kind);
  event.status = static_cast<uint8_t>(status);
  session.Complete(event);
}

}  // namespace

int EngineCore::TakeCommands(int budget) {
  int taken = 0;
  bool any = !sessions_.empty();
  while (any && taken < budget) {
    any = false;
    auto it = sessions_.lower_bound(next_session_);
    for (size_t i = 0; i < sessions_.size() && taken < budget; ++i, ++it) {
      if (it == sessions_.end()) it = sessions_.begin();
      Session& session = it->second;
      PonyCommand command;
      for (int n = 0; n < kCommandsPerTurn && taken < budget && session.NextCommand(command);
           ++n, ++taken) {
        ++session.work.commands;
        Execute(session, command);
        any = true;
      }
      next_session_ = it->first + 1;
    }
  }
  stats_.commands += taken;
  return taken;
}

void EngineCore::Execute(Session& session, const PonyCommand& command) {
  if (std::any_of(std::begin(command.reserved), std::end(command.reserved),
                  [](uint8_t byte) { return byte != 0; })) {
    return Refuse(session, command);
  }
  switch (command.op) {
    case PONY_OP_CONNECT:
      return Connect(session, command);
    case PONY_OP_LISTEN:
      return Listen(session, command);
    case PONY_OP_POST_RECV:
      return PostReceive(session, command);
    case PONY_OP_SEND:
      return Send(session, command);
    case PONY_OP_CLOSE:
      return Close(session, command);
    default:
      return Refuse(session, command);
  }
}

void EngineCore::Refuse(Session& session, const PonyCommand& command) {
  ++stats_.commands_refused;
  Answer(session, command, PONY_EVENT_REFUSED, PONY_INVALID);
}

Connection* EngineCore::FindFor(const Session& session, uint32_t id) {
  Connection* connection = Find(id);
  if (connection == nullptr || connection->session != &session) return nullptr;
  return connection;
}

void EngineCore::Connect(Session& session, const PonyCommand& command) {
  if (command.service == 0) return Refuse(session, command);
  if (session.connections.size() >= kMaxConnections) {
    return Answer(session, command, PONY_EVENT_CONNECTED, PONY_NO_RESOURCES);
  }
  auto neighbor = neighbors_.find(command.remote_ip);
  if (neighbor == neighbors_.end()) {
    return Answer(session, command, PONY_EVENT_CONNECTED, PONY_UNREACHABLE);
  }
  Flow& flow = *FindOrMakeFlow({command.remote_ip, neighbor->second.first_port});
  Connection& connection = NewConnection(session, flow);
  connection.service = command.service;
  connection.connect_tag = command.tag;
  connection.wanted = Connection::kWantConnect;
  connection.deadline = now_ + options_.connect_timeout;
  wheel_.Set(connection.connect_timeout, connection.deadline);
  Wake(connection);
}

void EngineCore::Listen(Session& session, const PonyCommand& command) {
  if (command.service == 0) return Refuse(session, command);
  const bool taken = !TakeService(command.service, session.id());
  if (!taken) session.services.insert(command.service);
  Answer(session, command, PONY_EVENT_LISTENING, taken ? PONY_IN_USE : PONY_OK);
}

void EngineCore::PostReceive(Session& session, const PonyCommand& command) {
  pony::Connection* connection = FindFor(session, command.connection);
  if (command.length < PONY_MAX_MESSAGE || !session.Holds(command.offset, command.length) ||
      command.connection == 0 || command.connection >= next_connection_) {
    return Refuse(session, command);
  }
  // It may just have been closed by the other side: no fault of the app's.
  if (connection == nullptr || connection->state == Connection::State::kClosing) {
    return Answer(session, command, PONY_EVENT_RECEIVED, PONY_CLOSED);
  }
  if (connection->state == Connection::State::kConnecting) return Refuse(session, command);
  if (session.buffers >= kMaxBuffers) {
    return Answer(session, command, PONY_EVENT_RECEIVED, PONY_NO_RESOURCES);
  }
  ++session.buffers;
  connection->in.Post({command.tag, command.offset});
  if (connection->CreditDue()) connection->wanted |= Connection::kWantCredit;
  Wake(*connection);
}

void EngineCore::Send(Session& session, const PonyCommand& command) {
  pony::Connection* connection = FindFor(session, command.connection);
  if (command.length == 0 || command.length > PONY_MAX_MESSAGE ||
      !session.Holds(command.offset, command.length) || command.connection == 0 ||
      command.connection >= next_connection_) {
    return Refuse(session, command);
  }
  if (connection == nullptr || connection->state == Connection::State::kClosing) {
    return Answer(session, command, PONY_EVENT_SENT, PONY_CLOSED);
  }
  if (connection->state == Connection::State::kConnecting) return Refuse(session, command);
  if (session.sends >= kMaxSends) {
    return Answer(session, command, PONY_EVENT_SENT, PONY_NO_RESOURCES);
  }
  ++session.sends;
  connection->out.Queue({.tag = command.tag,
                         .offset = command.offset,
                         .length = command.length,
                         .stream = command.stream});
  Wake(*connection);
}

void EngineCore::Close(Session& session, const PonyCommand& command) {
  pony::Connection* connection = FindFor(session, command.connection);
  if (command.connection == 0 || command.connection >= next_connection_ ||
      (connection != nullptr && connection->state != Connection::State::kOpen)) {
    return Refuse(session, command);
  }
  if (connection == nullptr) return Answer(session, command, PONY_EVENT_CLOSED, PONY_CLOSED);
  connection->state = Connection::State::kClosing;
  connection->close_tag = command.tag;
  connection->dirty = true;
  CloseIfDone(*connection);
}

}  // namespace farrier::pony
