#include "engines/runtime/cpu_topology.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace farrier::runtime {
namespace {

// Linux is built for 8192 at most; bounds what a malformed list may ask for.
constexpr int kMaxCpus = 8192;
constexpr int kMaxNodes = 1024;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat(path, " cannot be read"));
  return text.str();
}

absl::StatusOr<std::vector<int>> ReadCpuList(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<int>> cpus = ParseCpuList(*text);
  if (!cpus.ok()) return absl::DataLossError(absl::StrCat(path, ": ", cpus.status().message()));
  return cpus;
}

// As ReadCpuList; a kernel that does not have the file has no CPUs of that kind.
absl::StatusOr<std::vector<int>> ReadOptionalCpuList(const std::string& path) {
  absl::StatusOr<std::vector<int>> cpus = ReadCpuList(path);
  if (absl::IsNotFound(cpus.status())) return std::vector<int>();
  return cpus;
}

// Of the main thread: /proc/self is the process', not the calling thread's.
absl::StatusOr<std::vector<int>> ReadAffinity(const std::string& root) {
  const std::string path = absl::StrCat(root, "/proc/self/status");
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (absl::ConsumePrefix(&line, "Cpus_allowed_list:")) return ParseCpuList(line);
  }
  return absl::DataLossError(absl::StrCat(path, " has no Cpus_allowed_list"));
}

bool Contains(const std::vector<int>& sorted, int cpu) {
  return std::binary_search(sorted.begin(), sorted.end(), cpu);
}

}  // namespace

absl::StatusOr<CpuTopology> ReadCpuTopology(const std::string& root) {
  CpuTopology topology;
  absl::StatusOr<std::vector<int>> online =
      ReadCpuList(absl::StrCat(root, "/sys/devices/system/cpu/online"));
  if (!online.ok()) return online.status();
  absl::StatusOr<std::vector<int>> affinity = ReadAffinity(root);
  if (!affinity.ok()) return affinity.status();
  // The kernel keeps CPUs in the affinity that are not there (yet).
  std::set_intersection(affinity->begin(), affinity->end(), online->begin(), online->end(),
                        std::back_inserter(topology.allowed));
  if (topology.allowed.empty()) {
    return absl::DataLossError(absl::StrCat(root, "/proc/self/status allows CPUs ",
                                            FormatCpuList(*affinity), ", of which none is online"));
  }
  std::set<int> isolated;
  for (const char* const file :
       {"/sys/devices/system/cpu/isolated", "/sys/fs/cgroup/cpuset.cpus.isolated"}) {
    absl::StatusOr<std::vector<int>> cpus = ReadOptionalCpuList(absl::StrCat(root, file));
    if (!cpus.ok()) return cpus.status();
    isolated.insert(cpus->begin(), cpus->end());
  }
  topology.isolated.assign(isolated.begin(), isolated.end());

  for (const int cpu : *online) topology.node_of[cpu] = 0;
  const std::string nodes_folder = absl::StrCat(root, "/sys/devices/system/node");
  absl::StatusOr<std::vector<int>> nodes =
      ReadOptionalCpuList(absl::StrCat(nodes_folder, "/online"));
  if (!nodes.ok()) return nodes.status();
  for (const int node : *nodes) {
    absl::StatusOr<std::vector<int>> cpus =
        ReadOptionalCpuList(absl::StrCat(nodes_folder, "/node", node, "/cpulist"));
    if (!cpus.ok()) return cpus.status();
    for (const int cpu : *cpus) {
      if (Contains(*online, cpu)) topology.node_of[cpu] = node;
    }
  }
  return topology;
}

absl::StatusOr<std::vector<int>> ChooseCpus(const CpuTopology& topology,
                                            const std::vector<int>& wanted, int node) {
  if (!wanted.empty()) {
    std::set<int> seen;
    for (const int cpu : wanted) {
      if (!topology.node_of.contains(cpu)) {
        std::vector<int> online;
        for (const auto& [each, _] : topology.node_of) online.push_back(each);
        return absl::InvalidArgumentError(
            absl::StrCat("CPU ", cpu, " is not there: online are ", FormatCpuList(online)));
      }
      if (!Contains(topology.allowed, cpu)) {
        return absl::InvalidArgumentError(
            absl::StrCat("CPU ", cpu, " is not for this process: its affinity and cpuset allow ",
                         FormatCpuList(topology.allowed)));
      }
      if (!seen.insert(cpu).second) {
        return absl::InvalidArgumentError(absl::StrCat("CPU ", cpu, " is named twice"));
      }
    }
    return wanted;
  }
  std::vector<int> cpus;
  std::set_difference(topology.allowed.begin(), topology.allowed.end(), topology.isolated.begin(),
                      topology.isolated.end(), std::back_inserter(cpus));
  if (cpus.empty()) cpus = topology.allowed;
  std::vector<int> near;
  std::copy_if(cpus.begin(), cpus.end(), std::back_inserter(near), [&](int cpu) {
    const auto it = topology.node_of.find(cpu);
    return it != topology.node_of.end() && it->second == node;
  });
  return near.empty() ? cpus : near;
}

absl::StatusOr<std::vector<int>> ParseCpuList(absl::string_view list) {
  std::set<int> cpus;
  list = absl::StripAsciiWhitespace(list);
  if (list.empty()) return std::vector<int>();
  // Digits alone: SimpleAtoi would also take signs and spaces.
  const auto parse = [](absl::string_view text, int* cpu) {
    return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
           absl::SimpleAtoi(text, cpu) && *cpu < kMaxCpus;
  };
  for (const absl::string_view range : absl::StrSplit(list, ',')) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(range, absl::MaxSplits('-', 1));
    int first = 0, last = 0;
    const bool single = range.find('-') == absl::string_view::npos;
    if (!parse(ends.first, &first) || !parse(single ? ends.first : ends.second, &last) ||
        first > last) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", range, "\" in \"", list,
                       "\" is neither a CPU nor a range of them, as in \"0-3,8,10-11\""));
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
  }
  return std::vector<int>(cpus.begin(), cpus.end());
}

std::string FormatCpuList(const std::vector<int>& cpus) {
  const std::set<int> sorted(cpus.begin(), cpus.end());
  std::vector<std::string> ranges;
  for (auto it = sorted.begin(); it != sorted.end();) {
    const int first = *it;
    int last = first;
    while (++it != sorted.end() && *it == last + 1) last = *it;
    ranges.push_back(first == last ? absl::StrCat(first) : absl::StrCat(first, "-", last));
  }
  return absl::StrJoin(ranges, ",");
}

absl::Status SetAffinity(pid_t tid, const std::vector<int>& cpus) {
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= kMaxCpus) {
      return absl::InvalidArgumentError(absl::StrCat("there is no CPU ", cpu));
    }
  }
  const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
      CPU_ALLOC(kMaxCpus), [](cpu_set_t* each) { CPU_FREE(each); });
  const size_t size = CPU_ALLOC_SIZE(kMaxCpus);
  CPU_ZERO_S(size, set.get());
  for (const int cpu : cpus) CPU_SET_S(static_cast<size_t>(cpu), size, set.get());
  if (sched_setaffinity(tid, size, set.get()) == 0) return absl::OkStatus();
  const std::string what = absl::StrCat("binding thread ", tid, " to CPUs ", FormatCpuList(cpus));
  switch (errno) {
    case EINVAL:
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": none of them is online and in the process' cpuset"));
    case EBUSY:
      return absl::FailedPreconditionError(absl::StrCat(
          what, ": it has SCHED_DEADLINE, which the kernel gives to threads of all CPUs alone"));
    default:
      return absl::ErrnoToStatus(errno, what);
  }
}

absl::Status PreferMemoryOfNode(int node) {
  if (node < 0 || node >= kMaxNodes) {
    return absl::InvalidArgumentError(absl::StrCat("there is no NUMA node ", node));
  }
  constexpr int kWordBits = sizeof(unsigned long) * CHAR_BIT;
  unsigned long nodes[kMaxNodes / kWordBits] = {};
  nodes[node / kWordBits] = 1UL << (node % kWordBits);
  // The kernel counts one bit less than it is told.
  if (syscall(SYS_set_mempolicy, MPOL_PREFERRED, nodes, kMaxNodes + 1) == 0 || errno == ENOSYS) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("preferring memory of NUMA node ", node));
}

}  // namespace farrier::runtime
