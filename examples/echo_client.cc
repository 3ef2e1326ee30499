// pony-echo-client: sends messages to an echo server and checks every byte that comes back.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "examples/app.h"
#include "examples/echo_checker.h"
#include "examples/echo_report.h"
#include "pony/client/pony.h"

namespace farrier::examples {
namespace {

constexpr int kBatch = 64;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kProgressNs = 100 * kMs;
constexpr int64_t kCloseNs = 5'000 * kMs;  // for connections to end in good order

struct Options {
  std::string socket;
  std::string remote;
  uint16_t service = 0;
  uint64_t messages = 10'000;
  uint32_t connections = 2;
  uint32_t streams = 4;
  uint32_t min_bytes = 8;
  uint32_t max_bytes = PONY_MAX_MESSAGE;
  uint32_t outstanding = 16;
  uint64_t seed = 1;
  uint32_t timeout_s = 30;
  std::string json;
  bool keep_going = false;
  bool progress = false;
};

class EchoClient {
 public:
  EchoClient(const Options& options, pony_session* session) : options_(options), session_(session) {
    for (uint32_t i = 0; i < options.connections; ++i) {
      Connection& connection = connections_.emplace_back(EchoChecker(
          EchoContent(options.seed, i, options.min_bytes, options.max_bytes), options.streams));
      connection.messages =
          options.messages / options.connections + (i < options.messages % options.connections);
    }
  }
  ~EchoClient() { pony_close(session_); }
  EchoClient(const EchoClient&) = delete;
  EchoClient& operator=(const EchoClient&) = delete;

  EchoReport Run(uint32_t remote) {
    begin_ns_ = last_event_ns_ = NowNs();
    for (uint32_t i = 0; i < connections_.size(); ++i) {
      Check(pony_connect(session_, remote, options_.service, i), "connect");
    }
    while (failure_.empty() && !Finished()) Step([this] { Feed(); });
    const int64_t end_ns = NowNs();
    ShowProgress(end_ns, true);
    EchoReport report{.messages = wanted_, .duration_ns = end_ns - begin_ns_};
    if (failure_.empty()) Close();
    report.failure = failure_;
    report.round_trips_ns = std::move(round_trips_ns_);
    for (const Connection& connection : connections_) {
      report.connections.push_back({connection.checker.counts(), connection.longest_gap});
    }
    return report;
  }

 private:
  struct Connection {
    explicit Connection(EchoChecker checker) : checker(std::move(checker)) {}
    EchoChecker checker;
    uint64_t messages = 0;  // to send
    uint32_t id = 0;
    bool open = false;
    std::vector<void*> to_post;  // receive buffers that are ours
    int64_t last_event_ns = 0;
    Gap longest_gap;
  };

  // Takes events, lets `act` do what can be done now, and sleeps when there was nothing.
  template <typename F>
  void Step(F act) {
    if (Interrupted()) return Fail("interrupted");
    PonyEvent events[kBatch];
    const int count = pony_poll(session_, events, kBatch);
    if (count < 0) return Fail(std::string("farrierd has gone: ") + std::strerror(-count));
    const int64_t now = NowNs();
    if (count > 0) last_event_ns_ = now;
    for (int i = 0; i < count; ++i) Handle(events[i], now);
    if (now - last_event_ns_ > int64_t{options_.timeout_s} * 1000 * kMs) {
      return Fail("no event for " + std::to_string(options_.timeout_s) + " s");
    }
    if (going_on_ && Enough()) StopAtWanted();
    ring_full_ = false;
    act();
    ShowProgress(now, false);
    // A full command ring drains without an event.
    if (count == 0 && failure_.empty()) Wait(session_, ring_full_ ? 1 : kProgressNs / kMs);
  }

  void Handle(const PonyEvent& event, int64_t now) {
    if (event.kind == PONY_EVENT_CONNECTED) {
      if (event.status != PONY_OK) return Fail(std::string("connect: ") + StatusText(event.status));
      return Opened(connections_[event.tag], event.connection, now);
    }
    const auto found = by_id_.find(event.connection);
    if (found == by_id_.end()) return Fail("an event for a connection that is not ours");
    Connection& connection = *found->second;
    // Waiting for the app itself is no gap: only time with messages outstanding counts.
    if (now - connection.last_event_ns > connection.longest_gap.length_ns) {
      connection.longest_gap = {connection.last_event_ns, now - connection.last_event_ns};
    }
    connection.last_event_ns = now;
    switch (event.kind) {
      case PONY_EVENT_SENT:
        pony_free(session_, reinterpret_cast<void*>(event.tag));
        break;
      case PONY_EVENT_RECEIVED:
        if (event.status == PONY_OK) Received(connection, event, now);
        connection.to_post.push_back(reinterpret_cast<void*>(event.tag));
        break;
      case PONY_EVENT_CLOSED:
        connection.open = false;
        if (!closing_) Fail(std::string("a connection ended: ") + StatusText(event.status));
        break;
      case PONY_EVENT_REFUSED:
        Fail(std::string("a command was refused: ") + StatusText(event.status));
        break;
      default:
        Fail("an event of kind " + std::to_string(event.kind) + " nobody asked for");
    }
  }

  void Opened(Connection& connection, uint32_t id, int64_t now) {
    connection.id = id;
    connection.open = true;
    connection.last_event_ns = now;
    by_id_[id] = &connection;
    for (uint32_t i = 0; i < options_.outstanding; ++i) {
      void* buffer = pony_alloc(session_, PONY_MAX_MESSAGE);
      if (buffer == nullptr) return Fail("the region is too small for its buffers");
      connection.to_post.push_back(buffer);
    }
  }

  void Received(Connection& connection, const PonyEvent& event, int64_t now) {
    const auto* payload = static_cast<const uint8_t*>(pony_payload(session_, &event));
    if (reinterpret_cast<uint64_t>(payload) != event.tag) {
      return Fail("a message is not in the buffer it was announced in");
    }
    const auto round_trip = connection.checker.Received(event.stream, {payload, event.length}, now);
    if (round_trip) round_trips_ns_.push_back(*round_trip);
  }

  // Posts buffers and sends, as far as the window and the command ring allow.
  void Feed() {
    for (Connection& connection : connections_) {
      while (connection.open && !connection.to_post.empty()) {
        void* buffer = connection.to_post.back();
        if (!Submitted(pony_post_recv(session_, connection.id, buffer, PONY_MAX_MESSAGE,
                                      reinterpret_cast<uint64_t>(buffer)))) {
          return;
        }
        connection.to_post.pop_back();
      }
      while (connection.open &&
             (going_on_ || connection.checker.counts().sent < connection.messages) &&
             connection.checker.outstanding() < options_.outstanding) {
        if (!SendNext(connection)) return;
      }
    }
  }

  bool SendNext(Connection& connection) {
    EchoChecker& checker = connection.checker;
    const uint64_t number = checker.counts().sent;
    const uint32_t length = checker.content().Length(number);
    auto* message = static_cast<uint8_t*>(pony_alloc(session_, length));
    if (message == nullptr) return false;  // until older ones are acknowledged
    checker.content().Fill(number, {message, length});
    if (!Submitted(pony_send(session_, connection.id, checker.Stream(number), message, length,
                             reinterpret_cast<uint64_t>(message)))) {
      pony_free(session_, message);
      return false;
    }
    const int64_t now = NowNs();
    if (checker.outstanding() == 0) connection.last_event_ns = now;
    checker.Sent(now);
    return true;
  }

  // Whether the command went out; false: the ring is full, or all is over.
  bool Submitted(int status) {
    if (status == -EAGAIN) {
      ring_full_ = true;
    } else {
      Check(status, "command");
    }
    return status == 0;
  }

  void Check(int status, const char* what) {
    if (status != 0) Fail(std::string(what) + ": " + std::strerror(-status));
  }

  void Fail(std::string why) {
    if (failure_.empty()) failure_ = std::move(why);
  }

  // What was sent beyond the wanted number is wanted too, and then it ends.
  void StopAtWanted() {
    going_on_ = false;
    wanted_ = 0;
    for (Connection& connection : connections_) {
      connection.messages = std::max(connection.messages, connection.checker.counts().sent);
      wanted_ += connection.messages;
    }
  }

  bool Finished() const {
    return !going_on_ &&
           std::all_of(connections_.begin(), connections_.end(), [](const Connection& c) {
             return c.checker.counts().sent == c.messages && c.checker.outstanding() == 0;
           });
  }

  // Ends the connections. Echoes that come now are duplicates, and still counted.
  void Close() {
    closing_ = true;
    for (const Connection& connection : connections_) {
      if (connection.open) Check(pony_disconnect(session_, connection.id, 0), "disconnect");
    }
    const int64_t until = NowNs() + kCloseNs;
    const auto open = [](const Connection& connection) { return connection.open; };
    while (failure_.empty() && std::any_of(connections_.begin(), connections_.end(), open)) {
      if (NowNs() > until) return Fail("the connections did not close");
      Step([] {});
    }
  }

  void ShowProgress(int64_t now, bool last) {
    if (!options_.progress || (!last && now - shown_ns_ < kProgressNs)) return;
    shown_ns_ = now;
    uint64_t verified = 0, bytes = 0;
    for (const Connection& connection : connections_) {
      verified += connection.checker.counts().verified;
      bytes += connection.checker.counts().bytes;
    }
    const bool terminal = isatty(STDOUT_FILENO) != 0;
    std::printf("%sprogress: %" PRIu64 "/%" PRIu64 " messages verified, %.1f MB, %.1f s%s",
                terminal ? "\r" : "", verified, wanted_, static_cast<double>(bytes) / 1e6,
                static_cast<double>(now - begin_ns_) / 1e9, terminal && !last ? "" : "\n");
    std::fflush(stdout);
  }

  const Options& options_;
  pony_session* const session_;
  std::deque<Connection> connections_;
  std::map<uint32_t, Connection*> by_id_;
  std::vector<int64_t> round_trips_ns_;
  std::string failure_;
  uint64_t wanted_ = options_.messages;
  bool going_on_ = options_.keep_going;
  bool closing_ = false;
  bool ring_full_ = false;
  int64_t begin_ns_ = 0;
  int64_t last_event_ns_ = 0;
  int64_t shown_ns_ = 0;
};

int Main(const Options& options) {
  const auto remote = ParseIp(options.remote);
  if (!remote) {
    std::fprintf(stderr, "pony-echo-client: --remote %s is no IPv4 address\n",
                 options.remote.c_str());
    return 2;
  }
  // A window of messages on their way out, of which some may wait to be acknowledged after their
  // echo came back, and one of receive buffers.
  const size_t window = size_t{options.connections} * options.outstanding * PONY_MAX_MESSAGE;
  const pony_options open{.socket_path = options.socket.c_str(),
                          .name = "pony-echo-client",
                          .region_bytes = 3 * window + PONY_MAX_MESSAGE};
  pony_session* session = nullptr;
  char error[256];
  if (pony_open(&open, &session, error, sizeof error) != 0) {
    std::fprintf(stderr, "pony-echo-client: %s\n", error);
    return 1;
  }
  const EchoReport report = EchoClient(options, session).Run(*remote);
  std::fputs(RenderEchoReport(report).c_str(), stdout);
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << EchoReportJson(report);
    if (!file.flush()) {
      std::fprintf(stderr, "pony-echo-client: cannot write %s\n", options.json.c_str());
      return 1;
    }
  }
  if (!report.failure.empty()) {
    std::fprintf(stderr, "pony-echo-client: %s\n", report.failure.c_str());
  }
  return report.Good() ? 0 : 1;
}

}  // namespace
}  // namespace farrier::examples

int main(int argc, char** argv) {
  farrier::examples::Options options;
  options.progress = isatty(STDOUT_FILENO) != 0;
  CLI::App app(
      "Sends messages to an echo server and checks every byte that comes back, in order "
      "per stream. Exit code 0 only if all were verified.");
  app.add_option("--socket", options.socket, "farrierd's app socket")->required();
  app.add_option("--remote", options.remote, "IPv4 address of the server's host")->required();
  app.add_option("--service", options.service)->required()->check(CLI::Range(1, 65535));
  app.add_option("--messages", options.messages, "over all connections")->capture_default_str();
  app.add_option("--connections", options.connections)
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--streams", options.streams, "per connection")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--min", options.min_bytes, "shortest message, bytes")
      ->check(CLI::Range(8u, PONY_MAX_MESSAGE))
      ->capture_default_str();
  app.add_option("--max", options.max_bytes, "longest message, bytes; lengths are log-uniform")
      ->check(CLI::Range(8u, PONY_MAX_MESSAGE))
      ->capture_default_str();
  app.add_option("--outstanding", options.outstanding, "messages under way per connection")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of lengths and contents")->capture_default_str();
  app.add_option("--timeout", options.timeout_s, "give up after so many seconds without an event")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--json", options.json, "file to write the results to");
  app.add_flag("--keep-going", options.keep_going, "go on beyond --messages until SIGUSR1");
  app.add_flag("--progress", options.progress, "show progress although stdout is no terminal");
  CLI11_PARSE(app, argc, argv);
  if (options.min_bytes > options.max_bytes) {
    std::fprintf(stderr, "pony-echo-client: --min %u is more than --max %u\n", options.min_bytes,
                 options.max_bytes);
    return 2;
  }
  farrier::examples::CatchSignals();
  return farrier::examples::Main(options);
}
