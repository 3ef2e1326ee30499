#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "host/unique_fd.h"

namespace farrier::host {

// Opens a program that farrierd may become: an absolute path to a regular, executable file that
// belongs to root or to farrierd's own user and that nobody else can write. Whoever runs the
// returned descriptor (by /proc/self/fd) runs what was checked, whatever the path means by then.
absl::StatusOr<UniqueFd> OpenTrustedBinary(const std::string& path);

}  // namespace farrier::host
