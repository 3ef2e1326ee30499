#include "hw/sim/csr_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "hw/regs/registers.h"

namespace farrier::sim {
namespace {

constexpr int kRequestsPerClient = 16;

// One more byte than a request, so that a longer datagram shows.
struct Incoming {
  regs::CsrRequest request;
  uint8_t excess;
};

regs::CsrAnswer AnswerTo(const regs::CsrRequest& request, bool whole, model::Card& card) {
  regs::CsrAnswer answer = {.status = regs::kCsrStatusBadRequest,
                            .offset = whole ? request.offset : 0};
  if (!whole || request.magic != regs::kCsrSocketMagic || request.offset % 4 != 0 ||
      request.offset >= regs::kWindowBytes) {
    return answer;
  }
  if (request.op == regs::kCsrOpRead) {
    answer.value = card.ReadCsr(request.offset);
  } else if (request.op == regs::kCsrOpWrite) {
    card.WriteCsr(request.offset, request.value);
    answer.value = request.value;
  } else {
    return answer;
  }
  answer.status = regs::kCsrStatusOk;
  return answer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CsrServer>> CsrServer::Listen(const std::string& path,
                                                             int epoll_fd) {
  const auto failed = [&](const char* what) {
    return absl::UnavailableError(
        absl::StrFormat("CSR socket %s: %s: %s", path, what, strerror(errno)));
  };
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("CSR socket %s: the path is longer than %d characters", path,
                        sizeof(address.sun_path) - 1));
  }
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  // A socket left by a card that was killed is replaced, one that is served is not.
  const bool served = connect(fd, generic, sizeof(address)) == 0 || errno == EAGAIN;
  close(fd);
  if (served) {
    return absl::AlreadyExistsError(absl::StrFormat("another card serves %s", path));
  }
  unlink(path.c_str());
  std::unique_ptr<CsrServer> server(new CsrServer(path, epoll_fd));
  server->listener_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (server->listener_ < 0) return failed("socket");
  if (bind(server->listener_, generic, sizeof(address)) < 0) return failed("bind");
  if (listen(server->listener_, 16) < 0) return failed("listen");
  epoll_event event = {.events = EPOLLIN, .data = {}};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, server->listener_, &event) < 0) return failed("epoll");
  return server;
}

CsrServer::~CsrServer() {
  for (const int fd : clients_) close(fd);
  if (listener_ < 0) return;
  close(listener_);
  unlink(path_.c_str());
}

size_t CsrServer::Serve(model::Card& card) {
  Accept();
  size_t answered = 0;
  std::erase_if(clients_, [&](int fd) {
    const int n = ServeClient(fd, card);
    if (n > 0) answered += n;
    if (n < 0) close(fd);
    return n < 0;
  });
  return answered;
}

void CsrServer::Accept() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    epoll_event event = {.events = EPOLLIN, .data = {}};
    if (clients_.size() >= kMaxClients || epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) < 0) {
      close(fd);
      continue;
    }
    clients_.push_back(fd);
  }
}

int CsrServer::ServeClient(int fd, model::Card& card) {
  for (int n = 0; n < kRequestsPerClient; ++n) {
    Incoming incoming;
    const ssize_t size = recv(fd, &incoming, sizeof(incoming), 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR ? n : -1;
    if (size == 0) {
      // The end, or an empty datagram: only the next recv tells, and an end stays one.
      char peek;
      if (recv(fd, &peek, 1, MSG_PEEK) == 0) return -1;
    }
    const auto answer = AnswerTo(incoming.request, size == sizeof(regs::CsrRequest), card);
    if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer)) return -1;
  }
  return kRequestsPerClient;
}

}  // namespace farrier::sim
