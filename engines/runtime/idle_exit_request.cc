#include "engines/runtime/idle_exit_request.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace farrier::runtime {

void IdleExitRequest::Set(std::optional<Nanoseconds> limit) {
  if (limit == limit_) return;
  limit_ = limit;
  why_.clear();
  if (!limit) {
    request_.reset();
    return;
  }
  if (!request_.valid()) request_.reset(open(device_.c_str(), O_WRONLY | O_CLOEXEC));
  const auto microseconds = static_cast<int32_t>(*limit / kMicrosecond);
  if (request_.valid() &&
      write(request_.get(), &microseconds, sizeof(microseconds)) == sizeof(microseconds)) {
    return;
  }
  why_ = absl::StrCat(
      "idle cores are left as they are: ", absl::ErrnoToStatus(errno, device_).message(),
      "; it takes root, and a kernel with CPU idle management");
  request_.reset();
}

}  // namespace farrier::runtime
