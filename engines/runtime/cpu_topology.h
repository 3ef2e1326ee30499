#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace farrier::runtime {

// CPUs by the kernel's number.
struct CpuTopology {
  std::vector<int> allowed;    // online, and the process' main thread may run on them; ascending
  std::vector<int> isolated;   // by isolcpus= or a cpuset's isolated partition; ascending
  std::map<int, int> node_of;  // of each online CPU its NUMA node; 0 where the machine does not say
};

// Reads /sys and /proc below `root` ("" = the machine's; tests give a folder). Call it before
// anything (DPDK's EAL does) binds the main thread. Fails if the lists of CPUs that are online and
// allowed are missing or make no sense.
absl::StatusOr<CpuTopology> ReadCpuTopology(const std::string& root);

// The CPUs that a group is to use. `wanted` empty: all that are allowed and not isolated (all
// allowed ones if there is no other), of NUMA node `node` if >= 0 and it has any, ascending. Else
// exactly those, in their order, which must be there and allowed (isolated ones are meant to be
// named): InvalidArgument says which is not, and what there is.
absl::StatusOr<std::vector<int>> ChooseCpus(const CpuTopology& topology,
                                            const std::vector<int>& wanted, int node);

// The kernel's notation of a set of CPUs, "0-3,8,10-11"; empty for none. Parsing sorts, and takes
// white space around the whole; InvalidArgument if malformed.
absl::StatusOr<std::vector<int>> ParseCpuList(absl::string_view list);
std::string FormatCpuList(const std::vector<int>& cpus);

// Restricts a thread of this machine (0: the calling one) to CPUs. A thread of SCHED_DEADLINE, or
// one that is to become one, takes none but all CPUs of its scheduling domain (ThreadClass): else
// FailedPrecondition. Any thread.
absl::Status SetAffinity(pid_t tid, const std::vector<int>& cpus);

// From now on the calling thread's memory is taken from NUMA node `node` while that has any left,
// else from others. Does nothing on a kernel without NUMA. InvalidArgument if there is no such
// node, PermissionDenied where a sandbox forbids it.
absl::Status PreferMemoryOfNode(int node);

}  // namespace farrier::runtime
