#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/unique_fd.h"

namespace farrier::host {

// Listens at `path` (SOCK_STREAM or SOCK_SEQPACKET, non-blocking, close-on-exec); `mode` is the
// socket file's. A socket file that nobody answers at is replaced; one that somebody answers at is
// an error, as is any other kind of file.
absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, int type, mode_t mode);

// Connects to `path`, blocking. The errors tell a user what to do.
absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path, int type);

// Who is at the other end of a connected Unix socket, as of when it connected.
absl::StatusOr<ucred> PeerCredentials(int fd);

}  // namespace farrier::host
