#include "hw/driver/eal.h"

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "hw/driver/pci_function.h"

namespace farrier::driver {
namespace {

constexpr char kPrefix[] = "farrier-";

// "0@(0,1)": one lcore that may run on every CPU this process may use. DPDK would pin it otherwise.
std::string UnpinnedLcore() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return absl::StrCat("0@(", absl::StrJoin(cpus, ","), ")");
}

// Runtime directories "farrier-<pid>" beside `own` whose process is no more.
void SweepStale(const std::filesystem::path& own) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(own.parent_path(), ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    pid_t pid = 0;
    const char* begin = name.c_str() + sizeof(kPrefix) - 1;
    const char* end = name.c_str() + name.size();
    if (std::from_chars(begin, end, pid).ptr != end || pid <= 0) continue;
    if (kill(pid, 0) < 0 && errno == ESRCH) std::filesystem::remove_all(entry.path(), ignored);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Eal>> Eal::Start(const EalOptions& options) {
  std::vector<std::string> arguments = {
      "farrier",
      absl::StrCat("--lcores=", UnpinnedLcore()),
      absl::StrCat("--file-prefix=", options.file_prefix.empty() ? absl::StrCat(kPrefix, getpid())
                                                                 : options.file_prefix),
      absl::StrCat("-m", options.memory_mb),
      "--no-shconf",
      absl::StrCat("--log-level=", options.verbose ? "notice" : "error"),
  };
  if (options.pci_function.empty()) {
    arguments.push_back("--no-pci");
  } else {
    arguments.insert(arguments.end(), {"-d", options.pci_driver, "-a", options.pci_function});
  }
  if (!options.huge_pages) arguments.push_back("--no-huge");
  if (!options.telemetry) arguments.push_back("--no-telemetry");
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::unique_ptr<Eal> eal(new Eal(std::move(arguments)));
  std::vector<char*> argv;
  for (auto& argument : eal->arguments_) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(argv.size()) - 1, argv.data()) < 0) {
    const int error = rte_errno;
    eal.release();  // nothing that could be cleaned up
    return absl::InternalError(absl::StrFormat("DPDK does not start with %d MB: %s",
                                               options.memory_mb, rte_strerror(error)));
  }
  const std::filesystem::path directory = rte_eal_get_runtime_dir();
  SweepStale(directory);
  // Without shared configuration only telemetry uses it; and a process that is killed cannot
  // remove it.
  std::error_code ignored;
  if (!options.telemetry) std::filesystem::remove_all(directory, ignored);
  return eal;
}

Eal::~Eal() {
  const std::filesystem::path directory = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

absl::StatusOr<uint16_t> AddPort(const std::string& devargs) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(devargs, absl::MaxSplits(',', 1));
  const auto& [name, args] = parts;
  if (name.empty() || name.size() >= RTE_ETH_NAME_MAX_LEN) {
    return absl::InvalidArgumentError(
        absl::StrFormat("DPDK port \"%s\": it must begin with a device's name of 1 to %d "
                        "characters, e.g. net_memif0,role=server,socket=/run/wire",
                        devargs, RTE_ETH_NAME_MAX_LEN - 1));
  }
  uint16_t port = 0;
  if (IsPciFunction(name)) {
    if (rte_eth_dev_get_port_by_name(name.c_str(), &port) == 0) return port;
    return absl::UnavailableError(
        absl::StrFormat("DPDK has no port %s: its driver did not take the PCI function", name));
  }
  const int error = rte_eal_hotplug_add("vdev", name.c_str(), args.c_str());
  if (error == -EEXIST) {
    return absl::AlreadyExistsError(absl::StrFormat("DPDK port %s exists", name));
  }
  if (error < 0 || rte_eth_dev_get_port_by_name(name.c_str(), &port) < 0) {
    return absl::UnavailableError(
        absl::StrFormat("DPDK cannot open the port \"%s\": %s", devargs, rte_strerror(-error)));
  }
  return port;
}

void RemovePort(uint16_t port) {
  rte_eth_dev_info info;
  const bool known = rte_eth_dev_info_get(port, &info) == 0;
  rte_eth_dev_stop(port);
  rte_eth_dev_close(port);
  if (known) rte_dev_remove(info.device);
}

}  // namespace farrier::driver
