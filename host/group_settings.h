#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "engines/runtime/group_options.h"
#include "host/config.pb.h"

namespace farrier::host {

// Sets what is optional and absent to its default.
void SetGroupDefaults(GroupConfig& group);

// What a group's settings mean to one of `engines` engines. InvalidArgument names every field that
// makes no sense, on any machine; whether its cores are there only the machine can tell.
absl::StatusOr<runtime::GroupOptions> GroupOptionsOf(const GroupConfig& group, uint32_t engines);

}  // namespace farrier::host
