#include "host/tcp_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace farrier::host {

absl::StatusOr<TcpAddress> ParseTcpAddress(absl::string_view text) {
  const absl::Status failure = absl::InvalidArgumentError(
      "is no address with a port, in numbers; write one like \"127.0.0.1:9464\" or \"[::1]:9464\"");
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return failure;
  const absl::string_view digits = text.substr(colon + 1);
  uint32_t port = 0;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(digits, &port) || port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        "must end with a TCP port from 1 to 65535, as in \"127.0.0.1:9464\"");
  }
  absl::string_view host = text.substr(0, colon);
  const bool bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  const std::string name(host);
  if (name.find('\0') != std::string::npos) return failure;
  TcpAddress parsed;
  if (bracketed) {
    auto& ipv6 = reinterpret_cast<sockaddr_in6&>(parsed.address);
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(static_cast<uint16_t>(port));
    parsed.length = sizeof ipv6;
    if (inet_pton(AF_INET6, name.c_str(), &ipv6.sin6_addr) != 1) return failure;
  } else {
    auto& ipv4 = reinterpret_cast<sockaddr_in&>(parsed.address);
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(static_cast<uint16_t>(port));
    parsed.length = sizeof ipv4;
    if (inet_pton(AF_INET, name.c_str(), &ipv4.sin_addr) != 1) return failure;
  }
  return parsed;
}

absl::StatusOr<UniqueFd> ListenTcp(absl::string_view address) {
  const absl::StatusOr<TcpAddress> parsed = ParseTcpAddress(address);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(address, " ", parsed.status().message()));
  }
  UniqueFd fd(socket(parsed->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, absl::StrCat(address, ": socket"));
  // Connections that an earlier process closed do not stand in the way.
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&parsed->address), parsed->length) == 0 &&
      listen(fd.get(), SOMAXCONN) == 0) {
    return fd;
  }
  switch (const int error = errno) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(absl::StrCat(
          address, " is in use by another process; end that one or configure another port"));
    case EADDRNOTAVAIL:
      return absl::NotFoundError(
          absl::StrCat(address, " is no address of this machine; see: ip address"));
    case EACCES:
      return absl::PermissionDeniedError(absl::StrCat(
          "not allowed to listen at ", address, "; ports below 1024 need CAP_NET_BIND_SERVICE"));
    default:
      return absl::ErrnoToStatus(error, absl::StrCat("listening at ", address));
  }
}

}  // namespace farrier::host
