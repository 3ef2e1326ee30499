#include "host/upgrade_story.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace farrier::host {
namespace {

using upgrade::EngineReport;

double Ms(int64_t from, int64_t to) {
  return from == 0 || to == 0 ? 0 : static_cast<double>(to - from) / 1e6;
}

std::string Tell(uint32_t engine, const EngineReport& report) {
  const double ms = Ms(report.hold_at(), report.running_at());
  switch (report.fate()) {
    case EngineReport::MOVED:
      return absl::StrFormat("engine %d has moved, blackout %.2f ms", engine, ms);
    case EngineReport::ROLLED_BACK:
      return absl::StrFormat("engine %d goes on here after %.2f ms", engine, ms);
    case EngineReport::RECOVERED:
      return absl::StrFormat("engine %d starts empty here: its state is lost", engine);
    case EngineReport::LOST:
      return absl::StrFormat("engine %d is somebody else's", engine);
    default:
      return absl::StrFormat("engine %d", engine);
  }
}

}  // namespace

UpgradePhase UpgradeStory::Phase(const upgrade::Report& report, int64_t at, std::string name,
                                 std::string detail) const {
  UpgradePhase phase;
  phase.set_at_ms(Ms(report.began_at(), at));
  phase.set_name(std::move(name));
  phase.set_detail(std::move(detail));
  return phase;
}

std::vector<UpgradePhase> UpgradeStory::Continue(const upgrade::Report& report) {
  std::vector<UpgradePhase> news;
  if (!ready_ && report.ready_at() != 0) {
    ready_ = true;
    news.push_back(Phase(report, report.ready_at(), "ready",
                         absl::StrCat("farrierd ", report.build_after(),
                                      " has opened the card and mapped the sessions")));
  }
  if (!restored_ && report.brownout_ended_at() != 0) {
    restored_ = true;
    uint64_t bytes = 0;
    for (const EngineReport& engine : report.engines()) bytes += engine.snapshot_bytes();
    news.push_back(
        Phase(report, report.brownout_ended_at(), "restored",
              absl::StrCat("snapshots of ", report.engines_size(), " engines, ", bytes, " bytes")));
  }
  fates_.resize(static_cast<size_t>(report.engines_size()), EngineReport::UNMOVED);
  for (int i = 0; i < report.engines_size(); ++i) {
    const EngineReport& engine = report.engines(i);
    if (std::exchange(fates_[static_cast<size_t>(i)], engine.fate()) == engine.fate()) continue;
    news.push_back(Phase(report, engine.running_at(),
                         engine.fate() == EngineReport::MOVED ? "moved" : "failed",
                         Tell(static_cast<uint32_t>(i), engine)));
  }
  return news;
}

EngineMoved Moved(const EngineReport& report, uint32_t engine, uint64_t held) {
  EngineMoved moved;
  moved.set_id(engine);
  moved.set_owner(engine + 1);
  moved.set_generation_before(report.generation_before());
  moved.set_generation_after((report.generation_before() + 1) & 0xFFF);
  moved.set_blackout_ms(Ms(report.hold_at(), report.running_at()));
  // Each step from where the one before it ended. Draining may end while the delta is on its way.
  const std::pair<const char*, int64_t> steps[] = {
      {"hold", report.held_at()},
      {"mark", report.marked_at()},
      {"stop", report.stopped_at()},
      {"delta", report.delta_at()},
      {"apply", std::max(report.applied_at(), report.delta_at())},
      {"drain", std::max(report.tx_drained_at(), report.applied_at())},
      {"commit", report.won_at()},
      {"run", report.running_at()}};
  int64_t from = report.hold_at();
  for (const auto& [name, at] : steps) {
    StepTime& step = *moved.add_steps();
    step.set_name(name);
    step.set_ms(Ms(from, at));
    if (at != 0) from = at;
  }
  moved.set_held_packets(held);
  moved.set_state_bytes(report.snapshot_bytes() + report.delta_bytes());
  moved.set_delta_bytes(report.delta_bytes());
  return moved;
}

UpgradeResult Result(const upgrade::Report& report) {
  UpgradeResult result;
  result.set_version_before(report.build_before());
  result.set_version_after(report.build_after());
  result.set_brownout_ms(Ms(report.began_at(), report.brownout_ended_at()));
  result.set_total_ms(Ms(report.began_at(), report.ended_at()));
  return result;
}

void AddCompleted(const upgrade::Report& report, UpgradeHistory& history) {
  history.set_completed(history.completed() + 1);
  history.set_last_brownout_ms(Ms(report.began_at(), report.brownout_ended_at()));
  // Of a build with other classes they cannot be gone on with.
  constexpr int kClasses = std::size(kBlackoutLimitsMs) + 1;
  if (history.blackouts_size() != kClasses) {
    history.mutable_blackouts()->Resize(0, 0);
    history.mutable_blackouts()->Resize(kClasses, 0);
    history.set_blackout_ms(0);
  }
  history.clear_last_blackout_ms();
  for (const EngineReport& engine : report.engines()) {
    const double ms = Ms(engine.hold_at(), engine.running_at());
    const bool moved = engine.fate() == EngineReport::MOVED && ms > 0;
    history.add_last_blackout_ms(moved ? ms : 0);
    if (!moved) continue;
    const auto limit =
        std::lower_bound(std::begin(kBlackoutLimitsMs), std::end(kBlackoutLimitsMs), ms);
    const auto index = static_cast<int>(limit - std::begin(kBlackoutLimitsMs));
    history.set_blackouts(index, history.blackouts(index) + 1);
    history.set_blackout_ms(history.blackout_ms() + ms);
  }
}

}  // namespace farrier::host
