#include "host/app_hello.h"

#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "host/foreign_fd.h"

namespace farrier::host {
namespace {

constexpr uint32_t kOldestAbi = 1;  // farrierd serves N and N-1
constexpr size_t kWelcomeFds = 4;

absl::Status CheckFields(const PonyHello& hello, uint64_t max_region_bytes) {
  if (hello.magic != PONY_ABI_MAGIC) {
    return absl::InvalidArgumentError(absl::StrCat("magic is 0x", absl::Hex(hello.magic),
                                                   "; this socket speaks libpony, 0x",
                                                   absl::Hex(PONY_ABI_MAGIC)));
  }
  if (hello.abi_oldest > hello.abi_version || hello.abi_version < kOldestAbi ||
      hello.abi_oldest > PONY_ABI_VERSION) {
    return absl::InvalidArgumentError(absl::StrCat("the app speaks ABI ", hello.abi_oldest, " to ",
                                                   hello.abi_version, ", this farrierd ",
                                                   kOldestAbi, " to ", PONY_ABI_VERSION));
  }
  if (!IsRingSize(hello.ring_entries)) {
    return absl::InvalidArgumentError(absl::StrCat("ring_entries is ", hello.ring_entries,
                                                   "; it must be a power of two, 16 to 65536"));
  }
  if (hello.region_bytes == 0 || hello.region_bytes > max_region_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("region_bytes is ", hello.region_bytes,
                                                   "; it must be 1 to ", max_region_bytes));
  }
  if (std::memchr(hello.name, 0, sizeof hello.name) == nullptr) {
    return absl::InvalidArgumentError("name must end with NUL within its 64 bytes");
  }
  return absl::OkStatus();
}

// What a HELLO of `bytes` bytes has to be.
absl::Status CheckHello(const PonyHello& hello, ssize_t bytes, int flags,
                        const std::vector<UniqueFd>& fds, uint64_t max_region_bytes) {
  if (bytes != sizeof hello || (flags & MSG_TRUNC) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("HELLO has ", bytes, (flags & MSG_TRUNC) != 0 ? " bytes and more" : " bytes",
                     "; it must have ", sizeof hello));
  }
  if (absl::Status status = CheckFields(hello, max_region_bytes); !status.ok()) return status;
  if (fds.size() != 1 || (flags & MSG_CTRUNC) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("HELLO carries ", (flags & MSG_CTRUNC) != 0 ? "more than " : "", fds.size(),
                     " descriptors; it must carry one, the region"));
  }
  if (!IsMemoryFile(fds[0].get())) {
    return absl::InvalidArgumentError("the region must be a memfd that can be sealed");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsRingSize(uint32_t entries) {
  return entries >= 16 && entries <= 65536 && std::has_single_bit(entries);
}

absl::StatusOr<AppHello> ReceiveHello(int socket, uint64_t max_region_bytes) {
  PonyHello hello;
  int flags = 0;
  std::vector<UniqueFd> fds;
  const ssize_t bytes = ReceiveForeign(
      socket, absl::MakeSpan(reinterpret_cast<uint8_t*>(&hello), sizeof hello), flags, fds);
  if (bytes < 0) {
    if (errno == EAGAIN || errno == EINTR) return absl::UnavailableError("no HELLO yet");
    return absl::CancelledError("the app hung up");
  }
  if (bytes == 0 && fds.empty()) return absl::CancelledError("the app hung up");
  if (absl::Status status = CheckHello(hello, bytes, flags, fds, max_region_bytes); !status.ok()) {
    CloseForeign(std::move(fds));
    return status;
  }
  AppHello checked{.abi_version = std::min(hello.abi_version, PONY_ABI_VERSION),
                   .ring_entries = hello.ring_entries,
                   .region_bytes = hello.region_bytes,
                   .name = hello.name,
                   .region = std::move(fds[0])};
  std::replace_if(
      checked.name.begin(), checked.name.end(),
      [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  return checked;
}

absl::Status SendWelcome(int socket, const PonyWelcome& welcome, absl::Span<const int> fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(kWelcomeFds * sizeof(int))] = {};
  iovec data{.iov_base = const_cast<PonyWelcome*>(&welcome), .iov_len = sizeof welcome};
  msghdr message{.msg_iov = &data, .msg_iovlen = 1};
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
  }
  if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    return absl::ErrnoToStatus(errno, "WELCOME");
  }
  return absl::OkStatus();
}

void SendRefusal(int socket, absl::string_view reason) {
  PonyWelcome welcome{.magic = PONY_ABI_MAGIC};
  reason.copy(welcome.error, sizeof welcome.error - 1);
  SendWelcome(socket, welcome, {}).IgnoreError();  // an app that does not listen has its reasons
}

}  // namespace farrier::host
