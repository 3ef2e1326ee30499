// farrierd: the daemon.

#include <fcntl.h>
#include <signal.h>
#include <spdlog/cfg/env.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "host/card_link.h"
#include "host/config.h"
#include "host/daemon.h"
#include "host/engine_groups.h"
#ifdef FARRIER_TEST_FAULTS
#include "host/testing/faulty_engine.h"
#endif

namespace farrier::host {
namespace {

#ifdef FARRIER_TEST_FAULTS
// At a step of a hand-over, ends this process; or the first time that it comes, stops it or breaks
// its faulty engine. Not in a build that is shipped.
void Fault(const std::string& step) {
  const char* die = std::getenv("FARRIER_TEST_DIE_AT");
  if (die != nullptr && step == die) raise(SIGKILL);
  static bool done = false;
  for (const auto& [variable, signal] :
       {std::pair{"FARRIER_TEST_HANG_AT", SIGSTOP}, std::pair{"FARRIER_TEST_THROW_AT", SIGUSR1},
        std::pair{"FARRIER_TEST_SPIN_AT", SIGUSR2}}) {
    const char* at = std::getenv(variable);
    if (at != nullptr && step == at && !std::exchange(done, true)) raise(signal);
  }
}
const StepHook kStepHook = Fault;
const EngineWrapper kEngineWrapper = FaultyEngine::Wrap;
#else
const StepHook kStepHook;
const EngineWrapper kEngineWrapper;
#endif

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "farrierd: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Check(const std::string& config_path, const Config& config) {
  std::vector<std::string> notes;
  const std::vector<absl::Status> problems = CardProblems(config, notes);
  for (const absl::Status& problem : problems) {
    std::fprintf(stderr, "farrierd: card: %s\n", std::string(problem.message()).c_str());
  }
  for (const std::string& note : notes) std::printf("card: %s\n", note.c_str());
  const absl::StatusOr<runtime::CpuTopology> topology = runtime::ReadCpuTopology("");
  if (!topology.ok()) return Fail(topology.status());
  const std::vector<absl::Status> groups = GroupProblems(config, *topology);
  for (const absl::Status& problem : groups) Fail(problem);
  if (!problems.empty() || !groups.empty()) return 1;
  std::printf("%s: good\n", config_path.c_str());
  return 0;
}

// The process's end, with its exit code; does not return where destructors must not run.
int End(std::unique_ptr<Daemon>& daemon, const absl::Status& status, bool dpdk_stays) {
  const int code = status.ok() ? 0 : Fail(status);
  if (daemon->stuck()) {
    std::fflush(nullptr);
    _exit(code);
  }
  daemon.reset();
  if (dpdk_stays) {  // no static is destroyed: its interrupt thread still runs
    std::fflush(nullptr);
    std::_Exit(code);
  }
  return code;
}

int Run(const std::string& config_path, bool check, int handover_fd) {
  // Of all threads, also of those that libraries start: the control thread takes them by signalfd.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // Run from a descriptor, the name would be its number.
  prctl(PR_SET_NAME, "farrierd");
  spdlog::set_default_logger(spdlog::stderr_color_mt("farrierd"));
  spdlog::cfg::load_env_levels();

  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Create({.version = FARRIER_VERSION,
                      .open_card = OpenCardLink,
                      .wrap_engine = kEngineWrapper,
                      .on_step = kStepHook,
                      .ready = [] {
                        std::printf("farrierd: ready\n");
                        std::fflush(stdout);
                      }});
  if (handover_fd >= 0) {
    fcntl(handover_fd, F_SETFD, FD_CLOEXEC);
    UniqueFd channel(handover_fd);
    if (!daemon.ok()) return Fail(daemon.status());
    return End(*daemon, (*daemon)->RunSuccessor(std::move(channel)), /*dpdk_stays=*/false);
  }
  absl::StatusOr<Config> config = LoadConfig(config_path);
  if (!config.ok()) return Fail(config.status());
  if (check) return Check(config_path, *config);
  if (!daemon.ok()) return Fail(daemon.status());
  const bool dpdk_stays = config->card().has_embedded();
  return End(*daemon, (*daemon)->RunFresh(*std::move(config)), dpdk_stays);
}

int Main(int argc, char** argv) {
  CLI::App app("Farrier's networking daemon: serves applications over a Farrier card.", "farrierd");
  app.set_version_flag("--version", FARRIER_VERSION);
  std::string config;
  bool check = false;
  int handover_fd = -1;
  CLI::Option* config_option =
      app.add_option("--config", config, "Configuration: a JSON file, see docs/architecture.md")
          ->type_name("FILE");
  app.add_flag("--check", check, "Only check the configuration, and a card on the FPGA")
      ->needs(config_option);
  app.add_option("--handover-fd", handover_fd, "Given by a farrierd that is being upgraded")
      ->excludes(config_option)
      ->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);
  if (config.empty() && handover_fd < 0) {
    std::fprintf(stderr, "farrierd: --config FILE is missing; see farrierd --help\n");
    return 2;
  }
  return Run(config, check, handover_fd);
}

}  // namespace
}  // namespace farrier::host

int main(int argc, char** argv) { return farrier::host::Main(argc, argv); }
