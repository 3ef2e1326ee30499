#include "pony/client/testing/loopback_engine.h"

#include <cstring>
#include <utility>

namespace farrier::pony::testing {

void LoopbackEngine::AddSession(uint32_t id, const SessionMemory& memory) {
  sessions_.emplace(id, Session{memory,
                                EngineSide(memory.app_area, memory.engine_area, memory.ring_entries,
                                           memory.completion_fd),
                                {}});
  Poll();
}

void LoopbackEngine::RemoveSession(uint32_t id) {
  sessions_.erase(id);
  std::erase_if(listeners_, [id](const auto& entry) { return entry.second == id; });
  std::vector<uint32_t> ended;
  for (const auto& [connection, endpoint] : endpoints_) {
    if (endpoint.session == id) ended.push_back(connection);
  }
  for (uint32_t connection : ended) Close(connection, 0, PONY_RESET);
  Poll();
}

void LoopbackEngine::Poll() {
  bool again = true;
  while (again) {
    again = false;
    for (auto& [id, session] : sessions_) {
      session.rings.WantDoorbell(false);
      while (auto command = session.rings.Take()) Handle(id, *command);
    }
    for (auto& [id, session] : sessions_) {
      while (!session.backlog.empty() && session.rings.Give(session.backlog.front())) {
        session.backlog.pop_front();
      }
      session.rings.WantDoorbell(true);
      again |= session.rings.HasCommand() || (!session.backlog.empty() && session.rings.HasRoom());
    }
  }
}

void LoopbackEngine::Handle(uint32_t id, const PonyCommand& command) {
  Endpoint* endpoint = Find(id, command.connection);
  switch (command.op) {
    case PONY_OP_LISTEN: {
      const bool taken = !listeners_.emplace(command.service, id).second;
      return Tell(id, {.tag = command.tag,
                       .kind = PONY_EVENT_LISTENING,
                       .status = static_cast<uint8_t>(taken ? PONY_IN_USE : PONY_OK)});
    }
    case PONY_OP_CONNECT:
      return Connect(id, command);
    case PONY_OP_POST_RECV:
      if (endpoint == nullptr) break;
      endpoint->posted.push_back(command);
      return Deliver(command.connection);
    case PONY_OP_SEND:
      if (endpoint == nullptr) break;
      return Send(id, command);
    case PONY_OP_CLOSE:
      if (endpoint == nullptr) break;
      return Close(command.connection, command.tag, PONY_OK);
  }
  Tell(id, {.tag = command.tag,
            .connection = command.connection,
            .kind = PONY_EVENT_REFUSED,
            .status = PONY_INVALID});
}

void LoopbackEngine::Connect(uint32_t id, const PonyCommand& command) {
  auto listener = listeners_.find(command.service);
  if (listener == listeners_.end()) {
    return Tell(id, {.tag = command.tag, .kind = PONY_EVENT_CONNECTED, .status = PONY_REFUSED});
  }
  const uint32_t near = next_connection_++;
  const uint32_t far = next_connection_++;
  endpoints_[near] = {.session = id, .peer = far};
  endpoints_[far] = {.session = listener->second, .peer = near};
  Tell(listener->second,
       {.connection = far, .service = command.service, .kind = PONY_EVENT_ACCEPTED});
  Tell(id, {.tag = command.tag, .connection = near, .kind = PONY_EVENT_CONNECTED});
}

void LoopbackEngine::Send(uint32_t id, const PonyCommand& command) {
  const uint8_t* data = sessions_.at(id).memory.region + command.offset;
  Message message{command.tag, command.stream, {data, data + command.length}, true};
  const int copies = tamper ? tamper(message.bytes) : 1;
  const uint32_t far = endpoints_.at(command.connection).peer;
  for (int i = 0; i < copies; ++i) {
    endpoints_.at(far).arriving.push_back(message);
    message.acknowledge = false;
  }
  if (copies == 0) {
    Tell(id, {.tag = command.tag, .connection = command.connection, .kind = PONY_EVENT_SENT});
  }
  Deliver(far);
}

void LoopbackEngine::Deliver(uint32_t connection) {
  Endpoint& to = endpoints_.at(connection);
  while (!to.arriving.empty() && !to.posted.empty()) {
    const Message message = std::move(to.arriving.front());
    const PonyCommand buffer = to.posted.front();
    to.arriving.pop_front();
    to.posted.pop_front();
    std::memcpy(sessions_.at(to.session).memory.region + buffer.offset, message.bytes.data(),
                message.bytes.size());
    Tell(to.session, {.tag = buffer.tag,
                      .offset = buffer.offset,
                      .length = static_cast<uint32_t>(message.bytes.size()),
                      .connection = connection,
                      .stream = message.stream,
                      .kind = PONY_EVENT_RECEIVED});
    if (message.acknowledge) {
      Tell(endpoints_.at(to.peer).session, {.tag = message.tag,
                                            .connection = to.peer,
                                            .stream = message.stream,
                                            .kind = PONY_EVENT_SENT});
    }
  }
}

void LoopbackEngine::Close(uint32_t connection, uint64_t tag, uint8_t status) {
  const uint32_t peer = endpoints_.at(connection).peer;
  const auto end = [this](uint32_t which, uint64_t tag, uint8_t status) {
    const Endpoint endpoint = std::move(endpoints_.at(which));
    endpoints_.erase(which);
    for (const PonyCommand& buffer : endpoint.posted) {
      Tell(endpoint.session, {.tag = buffer.tag,
                              .connection = which,
                              .kind = PONY_EVENT_RECEIVED,
                              .status = PONY_CLOSED});
    }
    Tell(endpoint.session,
         {.tag = tag, .connection = which, .kind = PONY_EVENT_CLOSED, .status = status});
  };
  end(connection, tag, status);
  end(peer, 0, status == PONY_OK ? uint8_t{PONY_CLOSED} : status);
}

void LoopbackEngine::Tell(uint32_t id, const PonyEvent& event) {
  auto session = sessions_.find(id);
  if (session != sessions_.end()) session->second.backlog.push_back(event);
}

LoopbackEngine::Endpoint* LoopbackEngine::Find(uint32_t id, uint32_t connection) {
  auto found = endpoints_.find(connection);
  return found == endpoints_.end() || found->second.session != id ? nullptr : &found->second;
}

}  // namespace farrier::pony::testing
