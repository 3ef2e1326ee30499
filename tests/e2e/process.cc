#include "tests/e2e/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace farrier::e2e {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(5);

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Children that a Process stands for. One thread.
std::set<pid_t>& Started() {
  static std::set<pid_t> started;
  return started;
}

// Children that none stands for: the successors of some that were.
std::vector<pid_t> Strays() {
  std::vector<pid_t> strays;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "children");
    for (pid_t pid; in >> pid;) {
      if (!Started().contains(pid)) strays.push_back(pid);
    }
  }
  return strays;
}

}  // namespace

absl::StatusOr<Process> Process::Start(const Command& command) {
  std::vector<std::string> argv = command.argv;
  if (!command.network_namespace.empty()) {
    argv.insert(argv.begin(), {"ip", "netns", "exec", command.network_namespace});
  }
  std::vector<std::string> env;
  for (char** e = environ; *e != nullptr; ++e) env.emplace_back(*e);
  for (const auto& [key, value] : command.env) env.push_back(absl::StrCat(key, "=", value));
  std::vector<char*> argv_c, env_c;
  for (auto& a : argv) argv_c.push_back(a.data());
  for (auto& e : env) env_c.push_back(e.data());
  argv_c.push_back(nullptr);
  env_c.push_back(nullptr);

  const int log = open(command.log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return absl::ErrnoToStatus(errno, absl::StrCat("log ", command.log.string()));
  const auto log_start = std::filesystem::file_size(command.log);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    setpgid(0, 0);  // the terminal's Ctrl-C is for the parent, which then ends us in order
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvpe(argv_c[0], argv_c.data(), env_c.data());
    dprintf(STDERR_FILENO, "%s: %s\n", argv_c[0], strerror(errno));
    _exit(127);
  }
  close(log);
  if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
  Started().insert(pid);
  return Process(pid, command.log, log_start);
}

Process::Process(Process&& other) noexcept { *this = std::move(other); }

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    if (pid_ > 0) Stop(absl::ZeroDuration());
    pid_ = std::exchange(other.pid_, -1);
    exit_code_ = other.exit_code_;
    log_ = std::move(other.log_);
    log_start_ = other.log_start_;
  }
  return *this;
}

Process::~Process() {
  if (pid_ > 0) Stop(absl::ZeroDuration());
}

bool Process::Running() { return !Wait(absl::ZeroDuration()).ok(); }

absl::StatusOr<int> Process::Wait(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (!exit_code_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = ExitCode(status);
      Started().erase(pid_);
      break;
    }
    if (absl::Now() >= end) {
      return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " still runs"));
    }
    absl::SleepFor(kLook);
  }
  return *exit_code_;
}

absl::Status Process::WaitForOutput(const std::string& text, absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (true) {
    const bool running = Running();  // before the look: what it wrote last counts
    if (Output().find(text) != std::string::npos) return absl::OkStatus();
    if (!running) {
      return absl::AbortedError(absl::StrCat("ended with code ", *exit_code_, " before writing \"",
                                             text, "\":\n", Output()));
    }
    if (absl::Now() >= end) {
      return absl::DeadlineExceededError(absl::StrCat(
          "did not write \"", text, "\" in ", absl::FormatDuration(timeout), ":\n", Output()));
    }
    absl::SleepFor(kLook);
  }
}

void Process::Signal(int signal) {
  if (!exit_code_) kill(pid_, signal);
}

int Process::Stop(absl::Duration patience) {
  if (patience > absl::ZeroDuration()) {
    Signal(SIGTERM);
    if (auto code = Wait(patience); code.ok()) return *code;
  }
  Signal(SIGKILL);
  return Wait(absl::InfiniteDuration()).value();
}

std::string Process::Output() const {
  std::ifstream in(log_);
  in.seekg(static_cast<std::streamoff>(log_start_));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

absl::StatusOr<Finished> RunToEnd(Command command, absl::Duration timeout) {
  const bool temporary = command.log.empty();
  if (temporary) {
    std::string path = std::filesystem::temp_directory_path() / "farrier-run-XXXXXX";
    const int fd = mkstemp(path.data());
    if (fd < 0) return absl::ErrnoToStatus(errno, path);
    close(fd);
    command.log = path;
  }
  absl::StatusOr<Finished> finished;
  if (auto process = Process::Start(command); !process.ok()) {
    finished = process.status();
  } else if (auto code = process->Wait(timeout); !code.ok()) {
    finished = absl::DeadlineExceededError(
        absl::StrCat(absl::StrJoin(command.argv, " "), ": still running after ",
                     absl::FormatDuration(timeout), "\n", process->Output()));
  } else {
    finished = Finished{*code, process->Output()};
  }
  if (temporary) std::filesystem::remove(command.log);
  return finished;
}

void AdoptOrphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

absl::Status StopAdopted(pid_t pid) {
  if (kill(pid, SIGTERM) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("process ", pid));
  const absl::Time end = absl::Now() + absl::Seconds(5);
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (absl::Now() >= end) {
      return absl::DeadlineExceededError(absl::StrCat("process ", pid, " ignored SIGTERM"));
    }
    absl::SleepFor(kLook);
  }
  if (ExitCode(status) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("process ", pid, " ended with code ", ExitCode(status)));
}

int KillStrays() {
  int killed = 0;
  for (auto strays = Strays(); !strays.empty(); strays = Strays()) {
    for (const pid_t pid : strays) {
      if (waitpid(pid, nullptr, WNOHANG) == pid) continue;  // had ended by itself
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      ++killed;
    }
  }
  return killed;
}

}  // namespace farrier::e2e
