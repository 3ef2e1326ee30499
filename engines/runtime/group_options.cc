#include "engines/runtime/group_options.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace farrier::runtime {
namespace {

constexpr std::array<std::pair<GroupMode, std::string_view>, 3> kModes{{
    {GroupMode::kDedicating, "dedicating"},
    {GroupMode::kSpreading, "spreading"},
    {GroupMode::kCompacting, "compacting"},
}};

// The kernel's weights: a step of nice is a factor of 1.25 (sched(7), "The nice value").
int NiceOf(int weight) {
  const double steps = std::log(static_cast<double>(weight) / 100) / std::log(1.25);
  return std::clamp(-static_cast<int>(std::lround(steps)), -20, 19);
}

}  // namespace

std::string_view ToString(GroupMode mode) {
  for (const auto& [value, name] : kModes) {
    if (value == mode) return name;
  }
  return "?";
}

std::optional<GroupMode> GroupModeFromString(std::string_view text) {
  for (const auto& [value, name] : kModes) {
    if (name == text) return value;
  }
  return std::nullopt;
}

absl::Status Validate(const GroupOptions& options) {
  std::vector<std::string> wrong;
  const auto range = [&](const char* name, int64_t value, int64_t least, int64_t most,
                         const char* unit) {
    if (value >= least && value <= most) return;
    wrong.push_back(absl::StrCat(name, " is ", value, unit, ", and must be ", least, " to ", most));
  };
  range("threads", options.threads, 0, 64, "");
  range("cpu_percent", options.cpu_percent, 1, 95, "%");
  range("weight", options.weight, 1, 8000, "");
  range("delay_target", options.delay_target / kMicrosecond, 1, 1'000'000, " us");
  range("max_spin", options.max_spin / kMicrosecond, 0, 10'000, " us");
  range("idle_exit", options.idle_exit.value_or(0) / kMicrosecond, 0, 1'000'000, " us");
  range("poll_limit", options.poll_limit / kMicrosecond, 10, 10'000'000, " us");
  range("hang_limit", options.hang_limit / kMillisecond, 20, 60'000, " ms");
  if (options.mode == GroupMode::kDedicating && options.thread_class &&
      *options.thread_class != ThreadClass::kNice) {
    wrong.push_back(absl::StrCat("thread_class is ", std::string(ToString(*options.thread_class)),
                                 ", and dedicating threads, which spin, can only be nice"));
  }
  if (wrong.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(wrong, "; "));
}

ThreadClassRequest ThreadClassOf(const GroupOptions& options) {
  const bool spins = options.mode == GroupMode::kDedicating;
  return {
      .best = spins ? ThreadClass::kNice : options.thread_class.value_or(ThreadClass::kDeadline),
      .percent = options.cpu_percent,
      .nice = NiceOf(options.weight)};
}

}  // namespace farrier::runtime
