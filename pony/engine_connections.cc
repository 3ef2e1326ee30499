#include <utility>

#include "pony/engine_core.h"
#include "pony/service_directory.h"

namespace farrier::pony {
namespace {

// Engines of a daemon; a peer that says more is not believed.
constexpr uint16_t kMaxEngines = 64;

PonyEvent MakeEvent(PonyEventKind kind, const Connection& connection, uint64_t tag,
                    PonyStatus status) {
  PonyEvent event{};
  event.tag = tag;
  event.connection = connection.id;
  event.kind = static_cast<uint8_t>(kind);
  event.status = static_cast<uint8_t>(status);
  return event;
}

}  // namespace

Flow* EngineCore::FindOrMakeFlow(const FlowKey& key) {
  if (auto it = flows_.find(key); it != flows_.end()) return it->second.get();
  auto neighbor = neighbors_.find(key.ip);
  if (neighbor == neighbors_.end()) return nullptr;
  if (static_cast<uint16_t>(key.port - neighbor->second.first_port) >= kMaxEngines) return nullptr;
  const Endpoints endpoints{.source_mac = options_.mac,
                            .destination_mac = neighbor->second.mac,
                            .source_ip = options_.ip,
                            .destination_ip = key.ip,
                            .source_port = options_.udp_port,
                            .destination_port = key.port};
  return flows_.emplace(key, std::make_unique<Flow>(key, endpoints, options_, *this))
      .first->second.get();
}

Connection& EngineCore::NewConnection(Session& session, Flow& flow) {
  auto connection = std::make_unique<Connection>(*this);
  connection->id = next_connection_++;
  connection->session = &session;
  connection->flow = &flow;
  connection->remote_ip = flow.key.ip;
  session.connections.insert(connection->id);
  return *connections_.emplace(connection->id, std::move(connection)).first->second;
}

Connection* EngineCore::Find(uint32_t connection) {
  auto it = connections_.find(connection);
  return it == connections_.end() ? nullptr : it->second.get();
}

void EngineCore::Wake(Connection& connection) {
  connection.dirty = true;
  if (!connection.HasWork()) return;
  connection.flow->Enqueue(&connection);
  if (connection.flow->peer_epoch == 0) OpenHello(*connection.flow);
  Activate(*connection.flow);
}

void EngineCore::Activate(Flow& flow) {
  if (flow.active || !flow.CanSend()) return;
  flow.active = true;
  active_.PushBack(&flow);
}

void EngineCore::AnswerAbort(Flow& flow, uint32_t peer_connection) {
  flow.control.push_back({.type = PacketType::kAbort, .peer_connection = peer_connection});
  flow.dirty = true;
  Activate(flow);
}

void EngineCore::CloseIfDone(Connection& connection) {
  if (connection.state != Connection::State::kClosing) return;
  if (connection.out.outstanding() > 0) return;
  connection.wanted |= Connection::kWantClose;
  Wake(connection);
}

void EngineCore::End(Connection& connection, PonyStatus status) {
  Session& session = *connection.session;
  if (connection.state == Connection::State::kConnecting) {
    session.Complete(MakeEvent(PONY_EVENT_CONNECTED, connection, connection.connect_tag, status));
    ++stats_.connections_failed;
    return Erase(connection);
  }
  connection.out.Clear([&](const OutgoingMessage& message) {
    PonyEvent event = MakeEvent(PONY_EVENT_SENT, connection, message.tag, status);
    event.stream = message.stream;
    session.Complete(event);
    --session.sends;
  });
  connection.in.Clear([&](const PostedBuffer& buffer) {
    // A closed connection's buffers come back unused, be it closed in good order or not.
    PonyEvent event = MakeEvent(PONY_EVENT_RECEIVED, connection, buffer.tag,
                                status == PONY_OK ? PONY_CLOSED : status);
    event.offset = buffer.offset;
    session.Complete(event);
    --session.buffers;
  });
  session.Complete(MakeEvent(PONY_EVENT_CLOSED, connection, connection.close_tag, status));
  if (status != PONY_OK && status != PONY_CLOSED) ++stats_.connections_failed;
  Erase(connection);
}

void EngineCore::Erase(Connection& connection) {
  const uint32_t id = connection.id;
  connection.flow->Remove(&connection);
  connection.session->connections.erase(id);
  connection.session->dirty = true;
  if (round_open_) removed_connections_.push_back(id);
  connections_.erase(id);
}

bool EngineCore::TakeService(uint16_t service, uint32_t session) {
  if (options_.services != nullptr && !options_.services->Claim(service, options_.id)) return false;
  return services_.emplace(service, session).second;
}

void EngineCore::DropService(uint16_t service) {
  services_.erase(service);
  if (options_.services != nullptr) options_.services->Release(service, options_.id);
}

void EngineCore::AbandonSession(Session& session) {
  for (uint16_t service : session.services) DropService(service);
  session.services.clear();
  session.dirty = true;
  while (!session.connections.empty()) {
    Connection& connection = *Find(*session.connections.begin());
    if (connection.state != Connection::State::kConnecting) {
      AnswerAbort(*connection.flow, connection.peer_id);
    }
    End(connection, PONY_RESET);
  }
}

void EngineCore::OnNewIncarnation(Flow& flow, uint32_t epoch) {
  if (flow.peer_epoch != 0) ++stats_.epoch_changes;
  std::vector<Connection*> affected;
  for (auto& [id, connection] : connections_) {
    if (connection->flow == &flow) affected.push_back(connection.get());
  }
  const bool first = flow.peer_epoch == 0;
  flow.Restart(epoch, options_);
  SetTimeout(flow);
  SetAck(flow);
  for (Connection* connection : affected) {
    if (connection->state != Connection::State::kConnecting) {
      End(*connection, PONY_RESET);
    } else if (!first) {
      // The question may have been answered by the one that is gone: ask the new one.
      connection->wanted |= Connection::kWantConnect;
      Wake(*connection);
    }
  }
  Activate(flow);
}

}  // namespace farrier::pony
