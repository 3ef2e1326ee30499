#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/thread_class.h"

namespace farrier::runtime {

// How a group's engines get CPU time (Snap, SOSP 2019, section 2.4).
enum class GroupMode : uint8_t {
  kDedicating,  // threads bound to a core each, spinning; engines on one share it by weight
  kSpreading,   // a thread per engine, asleep while there is nothing to do
  kCompacting,  // as few threads as keep input from waiting longer than the target
};
std::string_view ToString(GroupMode mode);  // "dedicating", ...
inline bool Sleeps(GroupMode mode) { return mode != GroupMode::kDedicating; }
std::optional<GroupMode> GroupModeFromString(std::string_view text);

struct GroupOptions {
  GroupMode mode = GroupMode::kSpreading;
  std::vector<int> cores;  // to run on; empty: all that this process may use, but for isolated ones
  int node = -1;           // NUMA node whose cores and memory to use if `cores` is empty; -1: any
  // Dedicating: how many, compacting: at most; 0: one per core. Spreading: how many are kept, so
  // that adding an engine need not wait for a new one. At most 64.
  int threads = 0;
  // The best to ask for; none: deadline. Dedicating threads, which spin, are always nice: on a core
  // that is isolated they need no more, and elsewhere they would starve others.
  std::optional<ThreadClass> thread_class;
  // Of a core, that a thread may have in each millisecond under SCHED_DEADLINE. Where there is not
  // so much left for all threads, some get SCHED_FIFO.
  int cpu_percent = 90;
  // Share of a core that is contended for under class nice, against other groups: 100 is nice 0,
  // and five times as much is about nice -7. 1-8,000.
  int weight = 100;
  Nanoseconds delay_target = 200 * kMicrosecond;  // compacting
  // Of an idle thread before it sleeps, at most: about what sleeping and being woken costs.
  Nanoseconds max_spin = 10 * kMicrosecond;
  // Where threads sleep, while there is work: no core of this machine falls into an idle state that
  // takes longer to leave (IdleExitRequest); none: any will do. 0 keeps idle cores awake.
  std::optional<Nanoseconds> idle_exit;
  Nanoseconds poll_limit = 2 * kMillisecond;    // a longer poll is counted as an overrun
  Nanoseconds hang_limit = 200 * kMillisecond;  // a longer one is a hang: neighbours are moved away
};

// InvalidArgument: all that is out of range, with what would be right.
absl::Status Validate(const GroupOptions& options);

// What the threads of such a group ask for.
ThreadClassRequest ThreadClassOf(const GroupOptions& options);

}  // namespace farrier::runtime
