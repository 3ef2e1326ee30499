#include "hw/driver/card_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace farrier::driver {
namespace {

constexpr absl::Duration kRetry = absl::Milliseconds(20);

}  // namespace

absl::StatusOr<CardLock> CardLock::Take(const std::filesystem::path& directory,
                                        const std::string& device, absl::Duration patience) {
  std::error_code none;
  std::filesystem::create_directories(directory, none);
  const std::filesystem::path path = directory / ("farrier-card-" + device);
  runtime::UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) {
    return absl::PermissionDeniedError(
        absl::StrCat(path.string(), ": ", std::strerror(errno), "; run as root"));
  }
  const absl::Time deadline = absl::Now() + patience;
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return absl::UnavailableError(absl::StrCat(path.string(), ": ", std::strerror(errno)));
    }
    if (absl::Now() >= deadline) {
      std::string holder;
      std::getline(std::ifstream(path), holder);
      return absl::UnavailableError(absl::StrCat("process ", holder, " is setting up the card ",
                                                 device, " (", path.string(),
                                                 "); wait or stop it"));
    }
    absl::SleepFor(kRetry);
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd.get(), 0) != 0 ||
      pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return absl::UnavailableError(absl::StrCat(path.string(), ": ", std::strerror(errno)));
  }
  return CardLock(std::move(fd));
}

}  // namespace farrier::driver
