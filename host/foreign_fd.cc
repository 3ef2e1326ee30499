#include "host/foreign_fd.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace farrier::host {
namespace {

constexpr size_t kMostFds = 253;  // in one message: SCM_MAX_FD of the kernel

void* CloseAll(void* fds) {
  delete static_cast<std::vector<UniqueFd>*>(fds);
  return nullptr;
}

}  // namespace

bool IsMemoryFile(int fd) { return fcntl(fd, F_GET_SEALS) >= 0; }

void CloseForeign(std::vector<UniqueFd> fds) {
  std::erase_if(fds, [](const UniqueFd& fd) { return IsMemoryFile(fd.get()); });
  if (fds.empty()) return;
  auto* waiting = new std::vector<UniqueFd>(std::move(fds));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, CloseAll, waiting) != 0) {
    for (UniqueFd& fd : *waiting) static_cast<void>(fd.release());
    delete waiting;
  }
  pthread_attr_destroy(&attributes);
}

ssize_t ReceiveForeign(int socket, absl::Span<uint8_t> data, int& flags,
                       std::vector<UniqueFd>& fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(kMostFds * sizeof(int))];
  iovec part{.iov_base = data.data(), .iov_len = data.size()};
  msghdr message{
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  const ssize_t bytes = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (bytes < 0) return bytes;
  flags = message.msg_flags;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return bytes;
}

void HangUp(int socket) {
  shutdown(socket, SHUT_RDWR);  // nothing more comes: what there is can be taken to its end
  for (;;) {
    uint8_t byte;
    int flags = 0;
    std::vector<UniqueFd> fds;
    const ssize_t bytes = ReceiveForeign(socket, {&byte, 1}, flags, fds);
    // A message may be empty and carry descriptors: only none of either is the end.
    if (bytes < 0 ? errno != EINTR : bytes == 0 && fds.empty()) return;
    CloseForeign(std::move(fds));
  }
}

}  // namespace farrier::host
