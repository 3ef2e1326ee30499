#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"
#include "host/unique_fd.h"

namespace farrier::host {

// Says to other processes on this machine that this one drives a function of a card, for as long as
// it lives: the kernel releases it, however the process ends. A byte for each function is locked in
// the file "functions.lock" in the card's directory.
class FunctionLock {
 public:
  // Waits up to `patience` for a process that is ending. kAlreadyExists, with the function.
  static absl::StatusOr<FunctionLock> Take(const std::string& directory, uint32_t function,
                                           runtime::Nanoseconds patience);

  // Whether another process drives this function of the card.
  absl::StatusOr<bool> HeldByAnother(uint32_t function) const;

 private:
  explicit FunctionLock(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
};

}  // namespace farrier::host
