#include "engines/runtime/thread_class.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace farrier::runtime {
namespace {

// The kernel's struct sched_attr, first version; sched_setattr(2). The C library has none.
struct SchedAttr {
  uint32_t size = sizeof(SchedAttr);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedAttr) == 48);

constexpr uint32_t kPolicyDeadline = 6;
// Always: a thread of SCHED_DEADLINE could not create threads without it, and no child is to
// inherit a class that it never asked for.
constexpr uint64_t kResetOnFork = 1;
constexpr uint64_t kReclaim = 2;  // GRUB: may use the bandwidth that others leave idle

// 0 or an errno.
int SetAttr(pid_t tid, SchedAttr attr) {
  attr.flags |= kResetOnFork;
  return syscall(SYS_sched_setattr, tid, &attr, 0) == 0 ? 0 : errno;
}

ThreadClass Current(pid_t tid) {
  SchedAttr attr;
  if (syscall(SYS_sched_getattr, tid, &attr, sizeof(attr), 0) != 0) return ThreadClass::kNice;
  switch (attr.policy) {
    case kPolicyDeadline:
      return ThreadClass::kDeadline;
    case SCHED_FIFO:
    case SCHED_RR:
      return ThreadClass::kFifo;
    default:
      return ThreadClass::kNice;
  }
}

// Gives back the bandwidth of a thread that is to leave SCHED_DEADLINE. Linux (6.18 at least) does
// that by itself for a thread that is awake, but leaves a sleeping one's bandwidth taken for good,
// until nobody gets any: so it is first made too small to count. A thread that leaves by itself is
// awake, and would be throttled half-way.
void GiveBackBandwidth(pid_t tid) {
  if (tid == 0 || tid == gettid() || Current(tid) != ThreadClass::kDeadline) return;
  constexpr uint64_t kLeastRuntime = 1024;
  constexpr uint64_t kLongestPeriod = 4 * kSecond;
  SetAttr(tid, {.policy = kPolicyDeadline,
                .runtime = kLeastRuntime,
                .deadline = kLongestPeriod,
                .period = kLongestPeriod});
}

// Whether the calling thread may give any class to any thread.
bool HasSysNice() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[CAP_TO_INDEX(CAP_SYS_NICE)].effective & CAP_TO_MASK(CAP_SYS_NICE)) != 0;
}

// Whether `tid` may not run on some of the CPUs that are online.
bool IsPinned(pid_t tid) {
  cpu_set_t cpus;
  if (sched_getaffinity(tid, sizeof(cpus), &cpus) != 0) return false;
  return CPU_COUNT(&cpus) < sysconf(_SC_NPROCESSORS_ONLN);
}

std::string NameOf(int error) {
  const char* const name = strerrorname_np(error);
  return name != nullptr ? name : absl::StrCat("error ", error);
}

// What stood in the way of SCHED_DEADLINE; empty if nothing did.
std::string TryDeadline(pid_t tid, const ThreadClassRequest& request) {
  if (request.period <= 0 || request.period > 4 * kSecond || request.percent < 1 ||
      request.percent > 100) {
    return absl::StrCat("asked for ", request.percent, "% of each ", request.period,
                        " ns: percent must be 1 to 100, the period 100 us to 4 s");
  }
  const auto period = static_cast<uint64_t>(request.period);
  SchedAttr attr{.policy = kPolicyDeadline,
                 .flags = kReclaim,
                 .runtime = period * static_cast<uint64_t>(request.percent) / 100,
                 .deadline = period,
                 .period = period};
  if (SetAttr(tid, attr) == 0) return "";
  attr.flags = 0;
  const int error = SetAttr(tid, attr);
  switch (error) {
    case 0:
      return "";
    case EBUSY:
      return absl::StrCat(
          "EBUSY, the CPUs' real-time bandwidth is taken: have fewer threads of "
          "this class, or a `percent` lower than ",
          request.percent);
    case EPERM:
      if (!HasSysNice()) return "EPERM, the right to it is missing: give CAP_SYS_NICE";
      if (IsPinned(tid)) {
        return "EPERM, the thread is bound to some of its CPUs: leave `cores` empty, the kernel "
               "wants all";
      }
      return "EPERM, though CAP_SYS_NICE is there and the thread is not bound: it counts outside "
             "of user namespaces alone, and kernel.sched_rt_runtime_us must not be 0";
    case EINVAL:
      return absl::StrCat("EINVAL, ", request.percent, "% of each ", request.period,
                          " ns: the period must be within kernel.sched_deadline_period_min_us "
                          "(100 us) and kernel.sched_deadline_period_max_us (4 s)");
    default:
      return absl::StrCat(NameOf(error), ", ", strerror(error));
  }
}

// What stood in the way of SCHED_FIFO; empty if nothing did.
std::string TryFifo(pid_t tid, const ThreadClassRequest& request) {
  const int error = SetAttr(
      tid, {.policy = SCHED_FIFO, .priority = static_cast<uint32_t>(request.fifo_priority)});
  switch (error) {
    case 0:
      return "";
    case EINVAL:
      return absl::StrCat("EINVAL, priority ", request.fifo_priority, " is not in 1 to 99");
    case EPERM:
      if (!HasSysNice()) {
        return absl::StrCat("EPERM, the right to it is missing: give CAP_SYS_NICE, or LimitRTPRIO=",
                            request.fifo_priority, " or more");
      }
      return "EPERM, though CAP_SYS_NICE is there: it counts outside of user namespaces alone, "
             "and the thread's control group must have a cpu.rt_runtime_us above 0";
    default:
      return absl::StrCat(NameOf(error), ", ", strerror(error));
  }
}

// What stood in the way of the nice value; empty if nothing did. The thread leaves the real-time
// classes even without the right to that value.
std::string TryNice(pid_t tid, const ThreadClassRequest& request) {
  const int error = SetAttr(tid, {.nice = request.nice});
  if (error == 0) return "";
  errno = 0;
  const int has = getpriority(PRIO_PROCESS, static_cast<id_t>(tid));
  if (errno == 0 && SetAttr(tid, {.nice = has}) == 0) {
    return absl::StrCat(NameOf(error), ", it stays ", has,
                        ": give CAP_SYS_NICE, or LimitNICE=", request.nice);
  }
  return absl::StrCat(NameOf(error), ", ", strerror(error));
}

}  // namespace

std::string_view ToString(ThreadClass thread_class) {
  switch (thread_class) {
    case ThreadClass::kNice:
      return "nice";
    case ThreadClass::kFifo:
      return "fifo";
    case ThreadClass::kDeadline:
      return "deadline";
  }
  return "?";
}

std::optional<ThreadClass> ThreadClassFromString(std::string_view name) {
  for (const ThreadClass each : {ThreadClass::kNice, ThreadClass::kFifo, ThreadClass::kDeadline}) {
    if (name == ToString(each)) return each;
  }
  return std::nullopt;
}

ThreadClassGrant SetThreadClass(pid_t tid, const ThreadClassRequest& request) {
  ThreadClassGrant grant;
  const auto refused = [&grant](absl::string_view what, absl::string_view why) {
    if (!why.empty()) absl::StrAppend(&grant.why, grant.why.empty() ? "" : "; ", what, ": ", why);
    return !why.empty();
  };
  bool granted = false;
  if (request.best >= ThreadClass::kDeadline) {
    granted = !refused("SCHED_DEADLINE", TryDeadline(tid, request));
  }
  if (!granted) GiveBackBandwidth(tid);
  if (!granted && request.best >= ThreadClass::kFifo) {
    granted = !refused("SCHED_FIFO", TryFifo(tid, request));
  }
  if (!granted) refused(absl::StrCat("nice ", request.nice), TryNice(tid, request));
  grant.obtained = Current(tid);
  return grant;
}

}  // namespace farrier::runtime
