#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/unique_fd.h"

namespace farrier::host {

// A process that this one started to take its place. Killed and reaped by the destructor unless
// released. One thread.
class Successor {
 public:
  // Runs the program open as `binary`, shown as `name`, with `arguments` after its name. It has our
  // standard streams, and as descriptor 3 one end of a SOCK_SEQPACKET pair whose other end is
  // channel(), and nothing else of ours: every descriptor of this process becomes close-on-exec.
  static absl::StatusOr<Successor> Start(const UniqueFd& binary, const std::string& name,
                                         const std::vector<std::string>& arguments);

  Successor(Successor&& other)
      : pid_(std::exchange(other.pid_, -1)),
        pidfd_(std::move(other.pidfd_)),
        channel_(std::move(other.channel_)) {}
  Successor& operator=(Successor&& other);
  ~Successor();

  pid_t pid() const { return pid_; }

  // Readable when the process has ended.
  int pidfd() const { return pidfd_.get(); }

  // Our end; non-blocking. The caller may take it.
  UniqueFd& channel() { return channel_; }

  bool HasEnded() const;

  // SIGKILL, and waits for the end. What the process was doing to the card or to memory is over.
  void Kill();

  // How it ended, e.g. "was killed by signal 9"; waits if it still runs.
  std::string Reap();

  // From now on it lives by itself.
  void Release() { pid_ = -1; }

 private:
  Successor(pid_t pid, UniqueFd pidfd, UniqueFd channel)
      : pid_(pid), pidfd_(std::move(pidfd)), channel_(std::move(channel)) {}

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd channel_;
};

}  // namespace farrier::host
