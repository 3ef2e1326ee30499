#pragma once

#include "engines/runtime/unique_fd.h"

namespace farrier::host {

using runtime::UniqueFd;

}  // namespace farrier::host
