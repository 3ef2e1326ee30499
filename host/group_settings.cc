#include "host/group_settings.h"

#include <algorithm>
#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "engines/runtime/cpu_topology.h"

namespace farrier::host {
namespace {

constexpr char kAllCores[] = "all";
constexpr char kBestClass[] = "best";
constexpr char kAnyIdleState[] = "any";

int Int(uint32_t value) { return static_cast<int>(std::min<uint32_t>(value, INT_MAX)); }

}  // namespace

void SetGroupDefaults(GroupConfig& group) {
  const runtime::GroupOptions defaults;
  const auto us = [](runtime::Nanoseconds time) {
    return static_cast<uint32_t>(time / runtime::kMicrosecond);
  };
  if (!group.has_mode()) group.set_mode(std::string(runtime::ToString(defaults.mode)));
  if (!group.has_cores() || group.cores().empty()) group.set_cores(kAllCores);
  if (!group.has_threads()) group.set_threads(0);
  if (!group.has_thread_class()) group.set_thread_class(kBestClass);
  if (!group.has_cpu_percent()) group.set_cpu_percent(90);
  if (!group.has_weight()) group.set_weight(defaults.weight);
  if (!group.has_delay_target_us()) group.set_delay_target_us(us(defaults.delay_target));
  if (!group.has_max_spin_us()) group.set_max_spin_us(us(defaults.max_spin));
  if (!group.has_poll_limit_us()) group.set_poll_limit_us(us(defaults.poll_limit));
  if (!group.has_hang_limit_ms()) {
    group.set_hang_limit_ms(static_cast<uint32_t>(defaults.hang_limit / runtime::kMillisecond));
  }
  if (!group.has_idle_exit_us()) group.set_idle_exit_us(kAnyIdleState);
}

absl::StatusOr<runtime::GroupOptions> GroupOptionsOf(const GroupConfig& given, uint32_t engines) {
  GroupConfig group = given;
  SetGroupDefaults(group);
  runtime::GroupOptions options;
  std::vector<std::string> wrong;
  if (const auto mode = runtime::GroupModeFromString(group.mode())) {
    options.mode = *mode;
  } else {
    wrong.push_back(absl::StrCat("mode is \"", group.mode(),
                                 "\", and must be \"dedicating\", \"spreading\" or "
                                 "\"compacting\""));
  }
  if (group.cores() != kAllCores) {
    if (auto cores = runtime::ParseCpuList(group.cores()); !cores.ok()) {
      wrong.push_back(absl::StrCat("cores: ", cores.status().message()));
    } else if (cores->empty()) {
      wrong.push_back("cores is empty, and must be a list like \"0-3,8\", or \"all\"");
    } else {
      options.cores = *std::move(cores);
    }
  }
  if (group.thread_class() != kBestClass) {
    options.thread_class = runtime::ThreadClassFromString(group.thread_class());
    if (!options.thread_class) {
      wrong.push_back(absl::StrCat("threadClass is \"", group.thread_class(),
                                   "\", and must be \"deadline\", \"fifo\", \"nice\" or "
                                   "\"best\""));
    }
  }
  if (group.idle_exit_us() != kAnyIdleState) {
    if (uint32_t us = 0; absl::SimpleAtoi(group.idle_exit_us(), &us)) {
      options.idle_exit = us * runtime::kMicrosecond;
    } else {
      wrong.push_back(absl::StrCat("idleExitUs is \"", group.idle_exit_us(),
                                   "\", and must be a number of microseconds, or \"any\""));
    }
  }
  if (group.has_numa_node()) options.node = Int(group.numa_node());
  options.threads = Int(group.threads());
  options.cpu_percent = Int(group.cpu_percent());
  options.weight = Int(group.weight());
  options.delay_target = group.delay_target_us() * runtime::kMicrosecond;
  options.max_spin = group.max_spin_us() * runtime::kMicrosecond;
  options.poll_limit = group.poll_limit_us() * runtime::kMicrosecond;
  options.hang_limit = group.hang_limit_ms() * runtime::kMillisecond;
  if (absl::Status valid = runtime::Validate(options); !valid.ok()) {
    wrong.push_back(absl::StrReplaceAll(valid.message(), {{"thread_class", "threadClass"},
                                                          {"cpu_percent", "cpuPercent"},
                                                          {"delay_target", "delayTargetUs"},
                                                          {"max_spin", "maxSpinUs"},
                                                          {"idle_exit", "idleExitUs"},
                                                          {"poll_limit", "pollLimitUs"},
                                                          {"hang_limit", "hangLimitMs"}}));
  }
  if (!wrong.empty()) return absl::InvalidArgumentError(absl::StrJoin(wrong, "; "));
  // One that is started or handed over finds its thread ready.
  if (options.mode == runtime::GroupMode::kSpreading) options.threads = Int(engines);
  return options;
}

}  // namespace farrier::host
