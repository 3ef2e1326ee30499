#include "host/unix_socket.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace farrier::host {
namespace {

absl::StatusOr<sockaddr_un> Address(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", path,
                                                   "\" cannot be a socket's path; use 1 to ",
                                                   sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::Status Errno(int error, absl::string_view what) { return absl::ErrnoToStatus(error, what); }

}  // namespace

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, int type, mode_t mode) {
  absl::StatusOr<sockaddr_un> address = Address(path);
  if (!address.ok()) return address.status();
  const auto* name = reinterpret_cast<const sockaddr*>(&*address);
  struct stat existing;
  if (lstat(path.c_str(), &existing) == 0) {
    if (!S_ISSOCK(existing.st_mode)) {
      return absl::AlreadyExistsError(
          absl::StrCat(path, " exists and is no socket; remove it or configure another path"));
    }
    UniqueFd probe(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (connect(probe.get(), name, sizeof(*address)) == 0 || errno == EAGAIN) {
      return absl::AlreadyExistsError(absl::StrCat("another process serves ", path,
                                                   " already; stop it or configure another path"));
    }
    unlink(path.c_str());
  }
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Errno(errno, "socket");
  // The file gets the socket's mode at bind: no moment at which it is open to others.
  if (fchmod(fd.get(), mode) != 0) return Errno(errno, absl::StrCat(path, ": fchmod"));
  if (bind(fd.get(), name, sizeof(*address)) != 0) {
    const int error = errno;
    return Errno(error, absl::StrCat("cannot make the socket ", path,
                                     error == ENOENT ? " (its directory does not exist)" : ""));
  }
  if (chmod(path.c_str(), mode) != 0) return Errno(errno, absl::StrCat(path, ": chmod"));
  if (listen(fd.get(), SOMAXCONN) != 0) return Errno(errno, absl::StrCat(path, ": listen"));
  return fd;
}

absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path, int type) {
  absl::StatusOr<sockaddr_un> address = Address(path);
  if (!address.ok()) return address.status();
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Errno(errno, "socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0) {
    return fd;
  }
  switch (const int error = errno) {
    case ENOENT:
      return absl::NotFoundError(absl::StrCat(
          "no socket at ", path,
          "; is farrierd running, and is this its controlSocket? Give it with --socket"));
    case ECONNREFUSED:
      return absl::UnavailableError(
          absl::StrCat("nobody serves ", path, " any more; start farrierd again"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat("not allowed to open ", path, "; run this as root or as farrierd's user"));
    default:
      return Errno(error, absl::StrCat("connecting to ", path));
  }
}

absl::StatusOr<ucred> PeerCredentials(int fd) {
  ucred peer;
  socklen_t length = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return Errno(errno, "SO_PEERCRED");
  }
  return peer;
}

}  // namespace farrier::host
