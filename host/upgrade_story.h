#pragma once

#include <string>
#include <vector>

#include "host/control.pb.h"
#include "upgrade/messages.pb.h"

namespace farrier::host {

// Turns the old side's report of a hand-over, as it fills, into what farrierctl is told.
class UpgradeStory {
 public:
  // What is new in `report` since the last call.
  std::vector<UpgradePhase> Continue(const upgrade::Report& report);

 private:
  UpgradePhase Phase(const upgrade::Report& report, int64_t at, std::string name,
                     std::string detail) const;

  bool ready_ = false;
  bool restored_ = false;
  std::vector<upgrade::EngineReport::Fate> fates_;
};

// An engine's move, as the finished report has it. `held`: packets the card parked meanwhile.
EngineMoved Moved(const upgrade::EngineReport& report, uint32_t engine, uint64_t held);

// The times and versions of a finished hand-over; pids, functions and engines are the caller's.
UpgradeResult Result(const upgrade::Report& report);

// Classes of UpgradeHistory.blackouts, in ms: Snap's median is 250, and what is above 2,500 was
// rolled back.
inline constexpr double kBlackoutLimitsMs[] = {1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500};

// Adds a hand-over that was completed, as either side reports it.
void AddCompleted(const upgrade::Report& report, UpgradeHistory& history);

}  // namespace farrier::host
