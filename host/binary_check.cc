#include "host/binary_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace farrier::host {

absl::StatusOr<UniqueFd> OpenTrustedBinary(const std::string& path) {
  if (path.empty() || path[0] != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("binary: \"", path, "\" must be an absolute path, starting with \"/\""));
  }
  if (path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("binary: the path contains a zero byte");
  }
  // Non-blocking, so that a FIFO cannot hang us.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("binary: ", path, " cannot be opened"));
  }
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return absl::ErrnoToStatus(errno, "fstat");
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("binary: ", path, " is no regular file"));
  }
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrCat("binary: ", path, " belongs to user ", info.st_uid,
                     " and must belong to root, or to farrierd's own user: chown root ", path));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("binary: ", path, " can be written by others: chmod go-w ", path));
  }
  if ((info.st_mode & S_IXUSR) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("binary: ", path, " is not executable: chmod +x ", path));
  }
  return fd;
}

}  // namespace farrier::host
