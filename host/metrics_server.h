#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"
#include "host/unique_fd.h"

namespace farrier::host {

struct MetricsServerOptions {
  UniqueFd listener;  // non-blocking; may be shared with other processes
  const runtime::Clock* clock = nullptr;

  // What to serve, in Prometheus' text format. Called on the server's thread, where it may block
  // for some seconds, at most once in 100 ms. Unavailable: now is no good moment, what was served
  // last is to be served again. Other errors are told to who asks, as HTTP 503.
  std::function<absl::StatusOr<std::string>()> source;

  // For a client to ask, and to take its answer.
  runtime::Nanoseconds patience = 5 * runtime::kSecond;
};

// GET /metrics by HTTP/1.1, one request per connection, on a thread of its own, which sleeps unless
// somebody asks. It asks `source` once at its start, so as to have something to serve. The
// listening socket is the caller's to make, so that a successor can go on with it: clients that
// connect while nobody accepts wait in its queue and are not refused.
class MetricsServer {
 public:
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(MetricsServerOptions options);

  // Answers those who have been accepted, for half a second at most.
  ~MetricsServer();

  // To be handed to a successor.
  int listener() const { return options_.listener.get(); }

  // Whether new connections are accepted; at first they are. Any thread; does not wait.
  void Accept(bool accept);

 private:
  struct Connection;

  MetricsServer(MetricsServerOptions options, UniqueFd wakeup);
  void Run();
  void AcceptAll();
  // False: it is over.
  bool Advance(Connection& connection);
  std::string Answer(const std::string& head);
  std::string Metrics();
  void Wake();

  const MetricsServerOptions options_;
  const UniqueFd wakeup_;
  std::atomic<bool> accepting_{true};
  std::atomic<bool> stopping_{false};

  // Of the thread.
  std::list<Connection> connections_;
  runtime::Nanoseconds accept_again_at_ = 0;
  std::string text_;  // that was served last
  runtime::Nanoseconds text_at_ = 0;

  std::thread thread_;
};

}  // namespace farrier::host
