#include "host/function_lock.h"

#include <fcntl.h>
#include <time.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace farrier::host {
namespace {

constexpr runtime::Nanoseconds kRetry = 20 * runtime::kMillisecond;

struct flock Byte(uint32_t function) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = function;
  lock.l_len = 1;
  return lock;
}

}  // namespace

absl::StatusOr<FunctionLock> FunctionLock::Take(const std::string& directory, uint32_t function,
                                                runtime::Nanoseconds patience) {
  const std::string path = directory + "/functions.lock";
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return absl::ErrnoToStatus(errno, path);
  for (runtime::Nanoseconds left = patience;; left -= kRetry) {
    // Of the open file, not of the process: another thread's close does not release it.
    struct flock lock = Byte(function);
    if (fcntl(file.get(), F_OFD_SETLK, &lock) == 0) return FunctionLock(std::move(file));
    if (errno != EAGAIN && errno != EACCES) return absl::ErrnoToStatus(errno, path);
    if (left <= 0) break;
    const timespec pause = {.tv_sec = 0, .tv_nsec = kRetry};
    nanosleep(&pause, nullptr);
  }
  return absl::AlreadyExistsError(absl::StrFormat(
      "function %c of the card at %s is driven by another process, which has %s locked; end that "
      "farrierd, or give this one another card",
      'A' + static_cast<char>(function), directory, path));
}

absl::StatusOr<bool> FunctionLock::HeldByAnother(uint32_t function) const {
  struct flock lock = Byte(function);
  if (fcntl(file_.get(), F_OFD_GETLK, &lock) != 0) {
    return absl::ErrnoToStatus(errno, "functions.lock");
  }
  return lock.l_type != F_UNLCK;
}

}  // namespace farrier::host
