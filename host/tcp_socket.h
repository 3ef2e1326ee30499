#pragma once

#include <sys/socket.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/unique_fd.h"

namespace farrier::host {

// An IPv4 or IPv6 address with its TCP port.
struct TcpAddress {
  sockaddr_storage address{};
  socklen_t length = 0;
};

// "127.0.0.1:9464" or "[::1]:9464"; numbers only. The error says what would be right.
absl::StatusOr<TcpAddress> ParseTcpAddress(absl::string_view text);

// Listens at `address`, which reads as ParseTcpAddress wants (non-blocking, close-on-exec). The
// errors name it, and tell a user what to do.
absl::StatusOr<UniqueFd> ListenTcp(absl::string_view address);

}  // namespace farrier::host
