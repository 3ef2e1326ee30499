#include "host/successor.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "absl/strings/str_cat.h"

namespace farrier::host {

absl::StatusOr<Successor> Successor::Start(const UniqueFd& binary, const std::string& name,
                                           const std::vector<std::string>& arguments) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  UniqueFd ours(pair[0]);
  // Above 3, so that no descriptor of the actions below is in the way of another.
  UniqueFd theirs(fcntl(pair[1], F_DUPFD_CLOEXEC, 10));
  close(pair[1]);
  UniqueFd program(fcntl(binary.get(), F_DUPFD_CLOEXEC, 10));
  if (!theirs.valid() || !program.valid()) return absl::ErrnoToStatus(errno, "F_DUPFD_CLOEXEC");

  std::vector<char*> argv = {const_cast<char*>(name.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  // DPDK opens descriptors without close-on-exec; inherited, they would pile up from upgrade to
  // upgrade.
  close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
  pid_t pid = -1;
  const std::string path = absl::StrCat("/proc/self/fd/", program.get());
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat(name, " cannot be run"));
  // Debian 12 declares pidfd_open without extern "C".
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_error = errno;
  Successor successor(pid, std::move(pidfd), std::move(ours));
  if (!successor.pidfd_.valid()) return absl::ErrnoToStatus(pidfd_error, "pidfd_open");
  return successor;
}

Successor& Successor::operator=(Successor&& other) {
  if (this != &other) {
    Kill();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    channel_ = std::move(other.channel_);
  }
  return *this;
}

Successor::~Successor() { Kill(); }

bool Successor::HasEnded() const {
  pollfd wait{.fd = pidfd_.get(), .events = POLLIN};
  return poll(&wait, 1, 0) == 1;
}

void Successor::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);  // not reaped yet, so the number is still its own
  Reap();
}

std::string Successor::Reap() {
  if (pid_ < 0) return "is gone";
  int status = 0;
  pid_t waited;
  do {
    waited = waitpid(pid_, &status, 0);
  } while (waited < 0 && errno == EINTR);
  pid_ = -1;
  if (waited < 0) return "is gone";
  if (WIFSIGNALED(status)) return absl::StrCat("was killed by signal ", WTERMSIG(status));
  return absl::StrCat("ended with code ", WEXITSTATUS(status));
}

}  // namespace farrier::host
