#include "hw/driver/resource_csr_window.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hw/driver/shell_registers.h"
#include "hw/regs/registers.h"

namespace farrier::driver {
namespace {

constexpr uint32_t kAllOnes = 0xFFFFFFFF;
constexpr uint32_t kLeastBytes = Bar2::kCardOffset + regs::kWindowBytes;

absl::Status MapError(const std::filesystem::path& file, const char* what, int error) {
  const std::string why = absl::StrCat(file.string(), ": ", what, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(
          absl::StrCat(why, "; is the card's bitstream loaded? See lspci -d 10ee: and make flash"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat(why, "; run as root"));
    case EINVAL:
    case EBUSY:
      return absl::FailedPreconditionError(absl::StrCat(
          why, "; is a driver bound to the function? echo its address > driver/unbind"));
    default:
      return absl::UnavailableError(why);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bar2>> Bar2::Map(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_RDWR | O_SYNC | O_CLOEXEC);
  if (fd < 0) return MapError(file, "cannot be opened", errno);
  struct stat status {};
  const bool known = fstat(fd, &status) == 0;
  if (!known || status.st_size < kLeastBytes || status.st_size > kAllOnes) {
    close(fd);
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s has %d bytes, not %d or more: no OpenNIC shell with the card in it; load one with "
        "make flash",
        file.string(), known ? status.st_size : 0, kLeastBytes));
  }
  const auto size = static_cast<uint32_t>(status.st_size);
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int error = errno;
  close(fd);
  if (at == MAP_FAILED) return MapError(file, "cannot be mapped", error);
  return std::unique_ptr<Bar2>(new Bar2(static_cast<volatile uint32_t*>(at), size));
}

Bar2::~Bar2() { munmap(const_cast<uint32_t*>(words_), size_); }

ResourceCsrWindow::ResourceCsrWindow(std::filesystem::path file, std::unique_ptr<Bar2> bar)
    : file_(std::move(file)), bar_(std::move(bar)) {}

absl::StatusOr<std::unique_ptr<ResourceCsrWindow>> ResourceCsrWindow::Open(
    const std::filesystem::path& file) {
  auto bar = Bar2::Map(file);
  if (!bar.ok()) return bar.status();
  return std::unique_ptr<ResourceCsrWindow>(new ResourceCsrWindow(file, *std::move(bar)));
}

absl::StatusOr<uint32_t> ResourceCsrWindow::Read(uint32_t offset) {
  if (offset % 4 != 0 || offset >= regs::kWindowBytes) {
    return absl::InvalidArgumentError(absl::StrFormat("no register at 0x%x", offset));
  }
  if (offset == regs::kRegLink) return LinkUp(*bar_) ? 1 : 0;
  const uint32_t value = bar_->Read(Bar2::kCardOffset + offset);
  if (value == kAllOnes && bar_->Read(Bar2::kCardOffset + regs::kRegMagic) == kAllOnes) {
    return absl::UnavailableError(absl::StrCat(
        file_.string(),
        " reads all ones: the card has gone, or does not answer to memory accesses (setpci -s its "
        "address COMMAND=0002:0002)"));
  }
  return value;
}

absl::Status ResourceCsrWindow::Write(uint32_t offset, uint32_t value) {
  if (offset % 4 != 0 || offset >= regs::kWindowBytes) {
    return absl::InvalidArgumentError(absl::StrFormat("no register at 0x%x", offset));
  }
  bar_->Write(Bar2::kCardOffset + offset, value);
  return absl::OkStatus();
}

}  // namespace farrier::driver
