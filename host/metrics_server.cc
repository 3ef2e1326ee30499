#include "host/metrics_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace farrier::host {
namespace {

using runtime::Nanoseconds;

// However often it is asked for: more would only cost the engines time.
constexpr Nanoseconds kFresh = 100 * runtime::kMillisecond;
constexpr Nanoseconds kLastWords = 500 * runtime::kMillisecond;
constexpr Nanoseconds kNoDescriptors = 100 * runtime::kMillisecond;  // until accept is tried again
constexpr size_t kMaxConnections = 32;                               // others wait in the queue
constexpr size_t kMaxHead = 8 << 10;

std::string Response(absl::string_view status, absl::string_view body,
                     absl::string_view more = "") {
  return absl::StrCat("HTTP/1.1 ", status,
                      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                      "Content-Length: ",
                      body.size(), "\r\nConnection: close\r\n", more, "\r\n", body);
}

bool HeadIsComplete(absl::string_view head) {
  return absl::StrContains(head, "\r\n\r\n") || absl::StrContains(head, "\n\n");
}

}  // namespace

struct MetricsServer::Connection {
  UniqueFd fd;
  Nanoseconds deadline = 0;
  std::string head;    // of the request, as far as it has come
  std::string answer;  // what is left of it
  bool answered = false;
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(MetricsServerOptions options) {
  UniqueFd wakeup(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  auto server =
      std::unique_ptr<MetricsServer>(new MetricsServer(std::move(options), std::move(wakeup)));
  server->thread_ = std::thread([raw = server.get()] { raw->Run(); });
  return server;
}

MetricsServer::MetricsServer(MetricsServerOptions options, UniqueFd wakeup)
    : options_(std::move(options)), wakeup_(std::move(wakeup)) {}

MetricsServer::~MetricsServer() {
  stopping_ = true;
  Wake();
  thread_.join();
}

void MetricsServer::Accept(bool accept) {
  accepting_ = accept;
  Wake();
}

void MetricsServer::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(wakeup_.get(), &one, sizeof one);
}

void MetricsServer::Run() {
  prctl(PR_SET_NAME, "metrics");
  Metrics();
  Nanoseconds end = runtime::kNever;
  std::vector<pollfd> polled;
  for (;;) {
    Nanoseconds now = options_.clock->Now();
    if (stopping_) {
      end = std::min(end, now + kLastWords);
      if (connections_.empty() || now >= end) return;
    }
    Nanoseconds next = end;
    polled.assign(1, {.fd = wakeup_.get(), .events = POLLIN});
    const bool accepts = accepting_ && !stopping_ && connections_.size() < kMaxConnections;
    if (accepts && now < accept_again_at_) next = std::min(next, accept_again_at_);
    if (accepts && now >= accept_again_at_) {
      polled.push_back({.fd = options_.listener.get(), .events = POLLIN});
    }
    for (const Connection& connection : connections_) {
      const bool writes = !connection.answer.empty();
      polled.push_back(
          {.fd = connection.fd.get(), .events = static_cast<short>(writes ? POLLOUT : POLLIN)});
      next = std::min(next, connection.deadline);
    }
    const Nanoseconds wait = std::max<Nanoseconds>(next - now, 0);
    const timespec timeout{.tv_sec = wait / runtime::kSecond, .tv_nsec = wait % runtime::kSecond};
    ppoll(polled.data(), polled.size(), next == runtime::kNever ? nullptr : &timeout, nullptr);

    uint64_t count;
    [[maybe_unused]] ssize_t taken = read(wakeup_.get(), &count, sizeof count);
    now = options_.clock->Now();
    connections_.remove_if([&](Connection& connection) {
      if (!Advance(connection) || now >= connection.deadline) return true;
      return stopping_ && connection.answered && connection.answer.empty();
    });
    // After the older connections, which may have made room.
    if (accepts && now >= accept_again_at_) AcceptAll();
  }
}

void MetricsServer::AcceptAll() {
  const Nanoseconds now = options_.clock->Now();
  while (accepting_ && connections_.size() < kMaxConnections) {
    UniqueFd fd(accept4(options_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno != EAGAIN) accept_again_at_ = now + kNoDescriptors;
      return;
    }
    connections_.push_back({.fd = std::move(fd), .deadline = now + options_.patience});
  }
}

bool MetricsServer::Advance(Connection& connection) {
  char bytes[4096];
  while (!connection.answered) {
    const ssize_t got = recv(connection.fd.get(), bytes, sizeof bytes, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    connection.head.append(bytes, static_cast<size_t>(got));
    if (!HeadIsComplete(connection.head) && connection.head.size() <= kMaxHead) continue;
    connection.answered = true;
    connection.answer = Answer(connection.head);
    connection.deadline = options_.clock->Now() + options_.patience;
  }
  while (!connection.answer.empty()) {
    const ssize_t sent =
        send(connection.fd.get(), connection.answer.data(), connection.answer.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    connection.answer.erase(0, static_cast<size_t>(sent));
    if (connection.answer.empty()) shutdown(connection.fd.get(), SHUT_WR);
  }
  // Until the client has closed its side: closing over unread input would reset the connection, and
  // the answer might be lost.
  ssize_t got;
  do {
    got = recv(connection.fd.get(), bytes, sizeof bytes, 0);
  } while (got > 0);
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

std::string MetricsServer::Answer(const std::string& head) {
  if (head.size() > kMaxHead) {
    return Response("431 Request Header Fields Too Large", "the request is too long\n");
  }
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::string_view(head).substr(0, head.find_first_of("\r\n")), ' ');
  if (words.size() != 3 || !absl::StartsWith(words[2], "HTTP/1.")) {
    return Response("400 Bad Request", "this is no HTTP/1 request\n");
  }
  if (words[1].substr(0, words[1].find('?')) != "/metrics") {
    return Response("404 Not Found", "the metrics are at /metrics\n");
  }
  if (words[0] != "GET") {
    return Response("405 Method Not Allowed", "use GET\n", "Allow: GET\r\n");
  }
  return Metrics();
}

std::string MetricsServer::Metrics() {
  const Nanoseconds now = options_.clock->Now();
  if (text_.empty() || now - text_at_ >= kFresh) {
    absl::StatusOr<std::string> text = options_.source();
    if (text.ok()) {
      text_ = *std::move(text);
      text_at_ = options_.clock->Now();
    } else if (!absl::IsUnavailable(text.status()) || text_.empty()) {
      return Response("503 Service Unavailable", absl::StrCat(text.status().message(), "\n"));
    }
  }
  return Response("200 OK", text_);
}

}  // namespace farrier::host
