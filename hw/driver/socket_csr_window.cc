#include "hw/driver/socket_csr_window.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "hw/regs/registers.h"

namespace farrier::driver {
namespace {

absl::Status Failed(const std::string& path, const char* what) {
  return absl::UnavailableError(
      absl::StrFormat("card's CSR socket %s: %s: %s", path, what, strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketCsrWindow>> SocketCsrWindow::Connect(
    const std::string& path, std::chrono::milliseconds timeout) {
  std::unique_ptr<SocketCsrWindow> window(new SocketCsrWindow(path, timeout));
  if (auto status = window->Open(); !status.ok()) return status;
  return window;
}

SocketCsrWindow::~SocketCsrWindow() { Close(); }

absl::Status SocketCsrWindow::Open() {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  if (path_.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("card's CSR socket %s: the path has %d characters, at most %d are possible",
                        path_, path_.size(), sizeof(address.sun_path) - 1));
  }
  path_.copy(address.sun_path, path_.size());
  fd_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return Failed(path_, "socket");
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
    const auto status = Failed(path_, "connect (is farrier-card running?)");
    Close();
    return status;
  }
  return absl::OkStatus();
}

void SocketCsrWindow::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::StatusOr<uint32_t> SocketCsrWindow::Read(uint32_t offset) {
  return Access({.op = regs::kCsrOpRead, .offset = offset});
}

absl::Status SocketCsrWindow::Write(uint32_t offset, uint32_t value) {
  return Access({.op = regs::kCsrOpWrite, .offset = offset, .value = value}).status();
}

absl::StatusOr<uint32_t> SocketCsrWindow::Access(const regs::CsrRequest& request) {
  if (fd_ < 0) {
    if (auto status = Open(); !status.ok()) return status;
  }
  auto value = Exchange(request);
  if (!value.ok() && !absl::IsInvalidArgument(value.status())) Close();
  return value;
}

absl::StatusOr<uint32_t> SocketCsrWindow::Exchange(const regs::CsrRequest& request) {
  // A request in flight at a time, so a send buffer that is full is the card's death.
  if (send(fd_, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request)) {
    return Failed(path_, "send");
  }
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait = {.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = poll(&wait, 1, std::max<int>(0, left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return Failed(path_, "poll");
    if (ready > 0) break;
    return absl::DeadlineExceededError(
        absl::StrFormat("card's CSR socket %s: no answer within %d ms (offset %#x)", path_,
                        timeout_.count(), request.offset));
  }
  regs::CsrAnswer answer;
  const ssize_t size = recv(fd_, &answer, sizeof(answer), MSG_TRUNC);
  if (size < 0) return Failed(path_, "recv");
  if (size == 0) {
    return absl::UnavailableError(
        absl::StrFormat("card's CSR socket %s: the card closed the connection", path_));
  }
  if (size != sizeof(answer) || answer.magic != regs::kCsrSocketMagic ||
      answer.offset != request.offset) {
    return absl::UnavailableError(
        absl::StrFormat("card's CSR socket %s: an answer of %d bytes that does not belong to the "
                        "request (offset %#x)",
                        path_, size, request.offset));
  }
  if (answer.status != regs::kCsrStatusOk) {
    return absl::InvalidArgumentError(
        absl::StrFormat("card refuses CSR offset %#x: it must be a multiple of 4 below %#x",
                        request.offset, regs::kWindowBytes));
  }
  return answer.value;
}

}  // namespace farrier::driver
