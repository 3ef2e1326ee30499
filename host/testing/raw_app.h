#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/unique_fd.h"
#include "host/unix_socket.h"
#include "pony/client/pony_abi.h"

namespace farrier::host::testing {

// An app without libpony, which can say anything.
class RawApp {
 public:
  explicit RawApp(const std::string& path) : RawApp(*ConnectUnix(path, SOCK_SEQPACKET)) {}
  explicit RawApp(UniqueFd socket) : socket_(std::move(socket)) {
    const timeval patience{.tv_sec = 10};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  static PonyHello Hello() {
    PonyHello hello{.magic = PONY_ABI_MAGIC,
                    .abi_version = PONY_ABI_VERSION,
                    .abi_oldest = PONY_ABI_VERSION,
                    .ring_entries = 16,
                    .region_bytes = 65536};
    std::strcpy(hello.name, "raw");
    return hello;
  }

  static UniqueFd Region(size_t bytes = 65536, unsigned seals = F_SEAL_SHRINK) {
    UniqueFd fd(memfd_create("region", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return {};
    if (seals != 0) fcntl(fd.get(), F_ADD_SEALS, seals);
    return fd;
  }

  bool Send(std::span<const uint8_t> bytes, const std::vector<int>& fds) {
    std::vector<uint64_t> control(CMSG_SPACE(fds.size() * sizeof(int)) / sizeof(uint64_t) + 1);
    iovec data{.iov_base = const_cast<uint8_t*>(bytes.data()), .iov_len = bytes.size()};
    msghdr message{.msg_iov = &data, .msg_iovlen = 1};
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
      cmsghdr* part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
    }
    return sendmsg(socket_.get(), &message, MSG_NOSIGNAL) >= 0;
  }

  bool Send(const PonyHello& hello, const std::vector<int>& fds) {
    return Send({reinterpret_cast<const uint8_t*>(&hello), sizeof hello}, fds);
  }

  // The answer, its descriptors in `fds`; nullopt: end of file, or something else than a WELCOME.
  std::optional<PonyWelcome> Receive() {
    PonyWelcome welcome{};
    alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
    iovec data{.iov_base = &welcome, .iov_len = sizeof welcome};
    msghdr message{.msg_iov = &data,
                   .msg_iovlen = 1,
                   .msg_control = control,
                   .msg_controllen = sizeof control};
    if (recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC) != sizeof welcome) return std::nullopt;
    if (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr) {
      for (size_t i = 0; i < (part->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
        fds.emplace_back(fd);
      }
    }
    return welcome;
  }

  // What farrierd answers to this HELLO: "" = welcome, or its error.
  std::string Try(const PonyHello& hello, const std::vector<int>& fds) {
    if (!Send(hello, fds)) return "cannot send";
    return Answer();
  }

  std::string Answer() {
    auto welcome = Receive();
    if (!welcome) return "hung up";
    return welcome->abi_version != 0 ? "" : welcome->error;
  }

  bool AtEnd() {
    char byte;
    return recv(socket_.get(), &byte, 1, 0) <= 0;
  }

  int socket() const { return socket_.get(); }
  std::vector<UniqueFd> fds;

 private:
  UniqueFd socket_;
};

}  // namespace farrier::host::testing
