#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "host/unique_fd.h"

namespace farrier::host {

// Closing the last descriptor of a file may wait: for a TCP peer as long as SO_LINGER says, for the
// server of a FUSE or NFS file for as long as that likes. So what an app sends is closed only as
// this header says. Nothing here waits for anybody.

// A file in memory (a memfd, or a file of tmpfs): closing it does not wait.
bool IsMemoryFile(int fd);

// Closes what an app sent: what might wait does so on a thread of its own, which ends with it. What
// no thread can be had for stays open.
void CloseForeign(std::vector<UniqueFd> fds);

// Takes one message from an app's socket, without waiting, with all descriptors in it: the kernel
// closes, on the thread that receives, those there is no room for. Returns and sets errno as
// recvmsg does; `flags`: what became of the message.
ssize_t ReceiveForeign(int socket, absl::Span<uint8_t> data, int& flags,
                       std::vector<UniqueFd>& fds);

// Ends a connection with an app, and takes what has not been read, so that closing `socket` does
// not wait. What was sent before is still read by the app.
void HangUp(int socket);

}  // namespace farrier::host
