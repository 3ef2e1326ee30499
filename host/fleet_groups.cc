// Fleet: what control makes of its groups at run time. Its configuration always says what is.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "host/fleet.h"

namespace farrier::host {
namespace {

// As messages name what was asked for.
constexpr char kAsked[] = "what is asked for";

}  // namespace

absl::StatusOr<GroupStatus> Fleet::SetGroup(const GroupConfig& change) {
  bool all_released = true;
  for (const Slot& slot : engines_) all_released = all_released && slot.released;
  if (all_released) {
    return absl::UnavailableError(
        "another farrierd takes over, with the groups as they were; ask it again");
  }
  absl::StatusOr<GroupStatus> status = groups_->Set(change);
  const std::vector<GroupConfig> settings = groups_->Settings();
  *config_.mutable_groups() = {settings.begin(), settings.end()};
  return status;
}

// Which groups there are, and who is where, is told to a successor once, at the beginning.
absl::Status Fleet::NoUpgrade() const {
  if (!handing_over_) return absl::OkStatus();
  return absl::UnavailableError("an upgrade is under way; ask again when it is over");
}

absl::StatusOr<GroupStatus> Fleet::AddGroup(const GroupConfig& settings) {
  if (absl::Status may = NoUpgrade(); !may.ok()) return may;
  Config config = config_;
  *config.add_groups() = settings;
  if (absl::Status valid = ValidateConfig(config, kAsked); !valid.ok()) return valid;
  absl::StatusOr<GroupStatus> added = groups_->Add(*config.groups().rbegin());
  if (added.ok()) config_ = std::move(config);
  return added;
}

absl::Status Fleet::RemoveGroup(const std::string& name) {
  if (absl::Status may = NoUpgrade(); !may.ok()) return may;
  if (absl::Status removed = groups_->Remove(name); !removed.ok()) return removed;
  auto& groups = *config_.mutable_groups();
  groups.erase(std::find_if(groups.begin(), groups.end(),
                            [&](const GroupConfig& group) { return group.name() == name; }));
  spdlog::info("group {} is removed", name);
  return absl::OkStatus();
}

absl::StatusOr<GroupStatus> Fleet::PlaceEngine(const PlaceEngineRequest& request) {
  if (absl::Status may = NoUpgrade(); !may.ok()) return may;
  uint32_t engine = 0;
  std::string there;
  for (; engine < size(); ++engine) {
    const std::string name = EngineName(config_, engine);
    if (request.engine() == name || request.engine() == absl::StrCat(engine)) break;
    absl::StrAppend(&there, there.empty() ? "" : ", ", name);
  }
  if (engine == size()) {
    return absl::NotFoundError(
        absl::StrCat("there is no engine \"", request.engine(), "\"; there are: ", there));
  }
  if (absl::Status well = EngineIsWell(engine); !well.ok()) return well;
  const uint32_t weight =
      request.has_weight() ? request.weight() : static_cast<uint32_t>(groups_->weight(engine));
  Config config = config_;
  SetPlacement(config, engine, request.group(), weight);
  if (absl::Status valid = ValidateConfig(config, kAsked); !valid.ok()) return valid;
  absl::StatusOr<GroupStatus> placed = groups_->Move(
      engine, request.group(), static_cast<int>(weight),
      [&](runtime::EngineGroup& group, int as) { return unit(engine).MoveTo(group, as); });
  if (!placed.ok()) return placed;
  config_ = std::move(config);
  spdlog::info("engine {} is placed in group {}, weight {}", EngineName(config_, engine),
               request.group(), weight);
  return placed;
}

}  // namespace farrier::host
