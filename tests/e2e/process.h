#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace farrier::e2e {

// How to start a program.
struct Command {
  std::vector<std::string> argv;           // argv[0] is a path, or a name in PATH
  std::map<std::string, std::string> env;  // added to this process's
  std::filesystem::path log;               // receives stdout and stderr, appended
  std::string network_namespace;           // as of `ip netns`; empty = this one
};

// A child process with its output in a file. It dies with this process (PR_SET_PDEATHSIG) and,
// at the latest, with this object. One thread.
class Process {
 public:
  static absl::StatusOr<Process> Start(const Command& command);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  bool Running();

  // Waits until a line of the output, written since the start, contains `text`.
  absl::Status WaitForOutput(const std::string& text, absl::Duration timeout);

  // Waits for the end; the exit code, or 128 + signal.
  absl::StatusOr<int> Wait(absl::Duration timeout);

  void Signal(int signal);

  // SIGTERM, then, if that is not enough, SIGKILL. Returns what Wait does.
  int Stop(absl::Duration patience = absl::Seconds(5));

  // Everything written so far.
  std::string Output() const;

 private:
  Process(pid_t pid, std::filesystem::path log, uintmax_t log_start)
      : pid_(pid), log_(std::move(log)), log_start_(log_start) {}

  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  std::filesystem::path log_;
  uintmax_t log_start_ = 0;  // bytes that were in the log before
};

// Runs to the end; stdout and stderr together.
struct Finished {
  int exit_code = -1;
  std::string output;
};
absl::StatusOr<Finished> RunToEnd(Command command, absl::Duration timeout);

// Descendants that were orphaned (a farrierd's successor) become children of this process instead
// of init's, so that none can be left behind. Call once, early.
void AdoptOrphans();

// SIGTERM to an adopted child, and its end awaited; an error if it does not end well within 5 s.
absl::Status StopAdopted(pid_t pid);

// Kills and reaps every child that no Process stands for, that is, every adopted one; returns how
// many were still running.
int KillStrays();

}  // namespace farrier::e2e
