#include "examples/app.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

namespace farrier::examples {
namespace {

volatile sig_atomic_t interrupted = 0;
volatile sig_atomic_t enough = 0;
sigset_t while_asleep;

}  // namespace

void CatchSignals() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Not urgent enough to interrupt a sleep: never blocked.
  struct sigaction finish {};
  finish.sa_handler = [](int) { enough = 1; };
  finish.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &finish, nullptr);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &while_asleep);
  sigdelset(&while_asleep, SIGINT);
  sigdelset(&while_asleep, SIGTERM);
}

bool Interrupted() { return interrupted != 0; }

bool Enough() { return enough != 0; }

void Wait(pony_session* session, int timeout_ms) {
  if (session != nullptr && pony_arm(session) != 1) return;
  pollfd wait{.fd = session != nullptr ? pony_fd(session) : -1, .events = POLLIN};
  const timespec timeout{.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1'000'000L};
  ppoll(&wait, 1, timeout_ms < 0 ? nullptr : &timeout, &while_asleep);
}

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::optional<uint32_t> ParseIp(const std::string& text) {
  in_addr address;
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

const char* StatusText(uint8_t status) {
  switch (status) {
    case PONY_OK:
      return "ok";
    case PONY_REFUSED:
      return "refused: nobody listens there";
    case PONY_UNREACHABLE:
      return "unreachable: no such host, or no answer in time";
    case PONY_RESET:
      return "reset: the peer's engine restarted or forgot the connection";
    case PONY_CLOSED:
      return "closed by the peer";
    case PONY_INVALID:
      return "invalid command";
    case PONY_IN_USE:
      return "in use: the service is taken";
    case PONY_NO_RESOURCES:
      return "no resources: too many connections or posted buffers";
    default:
      return "unknown status";
  }
}

}  // namespace farrier::examples
