#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engines/runtime/unique_fd.h"

namespace farrier::driver {

// One process at a time opens and sets up a card. Held from the checks until the function's port is
// there; released with the object, and by the kernel when the process ends.
class CardLock {
 public:
  // `device` like "0000:81:00"; the lock is a file in `directory`, made if need be. Waits while
  // another process has it, up to `patience`: kUnavailable, naming that process.
  static absl::StatusOr<CardLock> Take(const std::filesystem::path& directory,
                                       const std::string& device, absl::Duration patience);

 private:
  explicit CardLock(runtime::UniqueFd fd) : fd_(std::move(fd)) {}

  runtime::UniqueFd fd_;
};

}  // namespace farrier::driver
