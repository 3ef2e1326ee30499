// pony-echo-server: sends every message back on its stream, from the buffer it came in.

#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "examples/app.h"
#include "pony/client/pony.h"

namespace farrier::examples {
namespace {

constexpr int kReopenMs = 200;
constexpr int kBatch = 64;

struct Options {
  std::string socket;
  uint16_t service = 0;
  uint32_t buffers = 16;  // per connection
  uint32_t region_mib = 32;
};

// A session's worth of serving: ends with its session.
class EchoServer {
 public:
  EchoServer(const Options& options, pony_session* session)
      : options_(options), session_(session) {}
  ~EchoServer() { pony_close(session_); }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  // Serves until a signal (0), until farrierd goes away (-ECONNRESET) or until it cannot (another
  // errno).
  int Run() {
    int status = pony_listen(session_, options_.service, 0);
    PonyEvent events[kBatch];
    while (status >= 0 && !Interrupted()) {
      status = pony_poll(session_, events, kBatch);
      for (int i = 0; i < status; ++i) {
        if (const int handled = Handle(events[i]); handled != 0) return handled;
      }
      Retry();
      // A full command ring drains without an event.
      if (status == 0) Wait(session_, retry_.empty() ? -1 : 1);
    }
    return status < 0 ? status : 0;
  }

 private:
  struct Work {
    uint32_t connection;
    uint8_t* buffer;
    uint32_t stream;
    uint32_t length;  // 0: post the buffer, otherwise send that much of it
  };

  int Handle(const PonyEvent& event) {
    switch (event.kind) {
      case PONY_EVENT_LISTENING:
        if (event.status != PONY_OK) {
          std::fprintf(stderr, "pony-echo-server: cannot listen on service %u: %s\n",
                       options_.service, StatusText(event.status));
          return -EADDRINUSE;
        }
        std::printf("listening on service %u\n", options_.service);
        std::fflush(stdout);
        break;
      case PONY_EVENT_ACCEPTED:
        Accept(event.connection);
        break;
      case PONY_EVENT_RECEIVED:
        if (event.status == PONY_OK) {
          Do({event.connection, Buffer(event.tag), event.stream, event.length});
        } else {
          Forget(event.connection, Buffer(event.tag));
        }
        break;
      case PONY_EVENT_SENT:
        if (event.status == PONY_OK) {
          Do({event.connection, Buffer(event.tag), 0, 0});
        } else {
          Forget(event.connection, Buffer(event.tag));
        }
        break;
      case PONY_EVENT_REFUSED:  // the connection ended meanwhile, or has too many buffers
        Forget(event.connection, Buffer(event.tag));
        break;
      case PONY_EVENT_CLOSED:
        for (uint8_t* buffer : connections_[event.connection]) pony_free(session_, buffer);
        connections_.erase(event.connection);
        break;
    }
    return 0;
  }

  // Tags of buffers are their addresses.
  static uint8_t* Buffer(uint64_t tag) { return reinterpret_cast<uint8_t*>(tag); }

  void Accept(uint32_t connection) {
    std::vector<uint8_t*>& buffers = connections_[connection];
    while (buffers.size() < options_.buffers) {
      auto* buffer = static_cast<uint8_t*>(pony_alloc(session_, PONY_MAX_MESSAGE));
      if (buffer == nullptr) break;
      buffers.push_back(buffer);
      Do({connection, buffer, 0, 0});
    }
    if (buffers.empty()) {
      std::fprintf(stderr, "pony-echo-server: no memory for another connection; --region-mib\n");
      pony_disconnect(session_, connection, 0);
    }
  }

  void Forget(uint32_t connection, uint8_t* buffer) {
    auto found = connections_.find(connection);
    if (found == connections_.end() || std::erase(found->second, buffer) == 0) return;
    pony_free(session_, buffer);
  }

  void Do(const Work& work) {
    if (!retry_.empty() || !Try(work)) retry_.push_back(work);
  }

  // False: the command ring is full.
  bool Try(const Work& work) {
    const auto tag = reinterpret_cast<uint64_t>(work.buffer);
    const int status =
        work.length == 0
            ? pony_post_recv(session_, work.connection, work.buffer, PONY_MAX_MESSAGE, tag)
            : pony_send(session_, work.connection, work.stream, work.buffer, work.length, tag);
    return status != -EAGAIN;
  }

  void Retry() {
    while (!retry_.empty() &&
           (!connections_.contains(retry_.front().connection) || Try(retry_.front()))) {
      retry_.pop_front();
    }
  }

  const Options& options_;
  pony_session* const session_;
  std::map<uint32_t, std::vector<uint8_t*>> connections_;  // and their buffers
  std::deque<Work> retry_;
};

int Main(const Options& options) {
  const pony_options open{.socket_path = options.socket.c_str(),
                          .name = "pony-echo-server",
                          .region_bytes = size_t{options.region_mib} << 20};
  bool served = false;
  while (!Interrupted()) {
    pony_session* session = nullptr;
    char error[256];
    if (pony_open(&open, &session, error, sizeof error) == 0) {
      served = true;
      const int status = EchoServer(options, session).Run();
      if (status != -ECONNRESET) return status == 0 ? 0 : 1;
      std::fprintf(stderr, "pony-echo-server: farrierd has gone; waiting for it to come back\n");
    } else if (!served) {
      std::fprintf(stderr, "pony-echo-server: %s\n", error);
      return 1;
    }
    Wait(nullptr, kReopenMs);
  }
  return 0;
}

}  // namespace
}  // namespace farrier::examples

int main(int argc, char** argv) {
  farrier::examples::Options options;
  CLI::App app(
      "Sends every message back. Ends on SIGINT or SIGTERM; opens its session anew when "
      "farrierd has been restarted.");
  app.add_option("--socket", options.socket, "farrierd's app socket")->required();
  app.add_option("--service", options.service, "to listen on")
      ->required()
      ->check(CLI::Range(1, 65535));
  app.add_option("--buffers", options.buffers, "receive buffers per connection")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--region-mib", options.region_mib, "memory for buffers, 64 KiB each")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  farrier::examples::CatchSignals();
  return farrier::examples::Main(options);
}
