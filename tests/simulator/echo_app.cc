#include "tests/simulator/echo_app.h"

#include "absl/strings/str_cat.h"

namespace farrier::sim {

void EchoApp::OnOpen() {
  const uint16_t number = service_number_;
  Submit([number](pony_session* session) { return pony_listen(session, number, 0); });
}

void EchoApp::OnHangup() {
  connections_.clear();
  listening_ = false;
}

void EchoApp::Post(uint32_t connection, void* buffer) {
  const uint64_t tag = TagOf(buffer);
  Submit([=](pony_session* session) {
    return pony_post_recv(session, connection, buffer, PONY_MAX_MESSAGE, tag);
  });
}

void EchoApp::OnEvent(const PonyEvent& event) {
  const uint32_t connection = event.connection;
  switch (event.kind) {
    case PONY_EVENT_LISTENING:
      if (event.status != PONY_OK) Fail(absl::StrCat("cannot listen: ", event.status));
      listening_ = true;
      break;
    case PONY_EVENT_ACCEPTED: {
      int& buffers = connections_[connection];
      for (; buffers < kBuffers; ++buffers) {
        void* buffer = pony_alloc(session()->pony(), PONY_MAX_MESSAGE);
        if (buffer == nullptr) {  // one connection too many
          Submit([connection](pony_session* session) {
            return pony_disconnect(session, connection, 0);
          });
          return;
        }
        Post(connection, buffer);
      }
      break;
    }
    case PONY_EVENT_RECEIVED: {
      void* buffer = BufferOf(event.tag);
      if (event.status != PONY_OK) {
        pony_free(session()->pony(), buffer);
        break;
      }
      if (pony_payload(session()->pony(), &event) != buffer) {
        Fail("a message is not where its buffer is");
        return;
      }
      const uint32_t stream = event.stream;
      const uint32_t length = event.length;
      const uint64_t tag = event.tag;
      Submit([=](pony_session* session) {
        return pony_send(session, connection, stream, buffer, length, tag);
      });
      break;
    }
    case PONY_EVENT_SENT:
      if (event.status == PONY_OK) {
        ++echoed_;
        Post(connection, BufferOf(event.tag));
      } else {
        pony_free(session()->pony(), BufferOf(event.tag));
      }
      break;
    case PONY_EVENT_CLOSED:
      connections_.erase(connection);
      break;
    case PONY_EVENT_REFUSED:
      // A command that crossed the end of its connection comes back with its buffer.
      if (connections_.contains(connection)) {
        Fail(absl::StrCat("a command on an open connection was refused: ", event.status));
      }
      if (event.tag != 0) pony_free(session()->pony(), BufferOf(event.tag));
      break;
    default:
      Fail(absl::StrCat("unexpected event ", event.kind));
  }
}

}  // namespace farrier::sim
