#include "host/app_session_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pony/client/pony_rings.h"

namespace farrier::host {
namespace {

// Larger regions are faulted in as they are used: a few milliseconds of the control thread are all
// that a session may cost.
constexpr uint64_t kPopulateLimit = 64u << 20;

// Touching memory whose file was shortened kills the process, and pages of hugetlbfs may be
// missing at that moment: so only sealed memfds of ordinary pages.
absl::Status CheckMemfd(int fd, absl::string_view what, uint64_t bytes) {
  struct stat file;
  struct statfs system;
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || fstat(fd, &file) != 0 || fstatfs(fd, &system) != 0 ||
      system.f_type != TMPFS_MAGIC) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " must be a memfd of ordinary pages that can be sealed"));
  }
  if ((seals & F_SEAL_SHRINK) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " must be sealed with F_SEAL_SHRINK"));
  }
  if (static_cast<uint64_t>(file.st_size) < bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " has ", file.st_size, " bytes, not the ", bytes, " promised"));
  }
  return absl::OkStatus();
}

// A signal must not wait, whatever an app does to its end: only a socket can be written so.
absl::Status CheckCompletion(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) {
    return absl::InvalidArgumentError("the completion descriptor must be a stream socket");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint8_t*> MapShared(int fd, absl::string_view what, uint64_t bytes) {
  const int populate = bytes <= kPopulateLimit ? MAP_POPULATE : 0;
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | populate, fd, 0);
  if (mapped == MAP_FAILED) {
    const std::string sentence =
        absl::StrCat("the ", what, " of ", bytes, " bytes cannot be mapped for writing");
    return errno == ENOMEM ? absl::ResourceExhaustedError(sentence)
                           : absl::InvalidArgumentError(sentence);
  }
  return static_cast<uint8_t*>(mapped);
}

absl::StatusOr<UniqueFd> MakeArea(const char* name, uint32_t bytes) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid() || fchmod(fd.get(), 0600) != 0 || ftruncate(fd.get(), bytes) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("making the ", name));
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AppSessionMemory>> AppSessionMemory::Make(UniqueFd region,
                                                                         uint64_t region_bytes,
                                                                         uint32_t ring_entries) {
  if (absl::Status status = CheckMemfd(region.get(), "region", region_bytes); !status.ok()) {
    return status;
  }
  fcntl(region.get(), F_ADD_SEALS, F_SEAL_SEAL);  // fails if it is so already, or read-only
  absl::StatusOr<UniqueFd> app = MakeArea("farrier-app-area", pony_app_area_bytes(ring_entries));
  if (!app.ok()) return app.status();
  absl::StatusOr<UniqueFd> engine =
      MakeArea("farrier-engine-area", pony_engine_area_bytes(ring_entries));
  if (!engine.ok()) return engine.status();
  UniqueFd doorbell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!doorbell.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  int engine_end;
  int app_end;
  if (const int error = pony_completion_pair(&engine_end, &app_end); error != 0) {
    return absl::ErrnoToStatus(-error, "the completion sockets");
  }
  UniqueFd completion(engine_end);
  UniqueFd app_completion(app_end);
  auto made = Adopt({std::move(region), *std::move(app), *std::move(engine), std::move(doorbell),
                     std::move(completion)},
                    region_bytes, ring_entries);
  if (made.ok()) {
    (*made)->app_completion_ = std::move(app_completion);
    pony_format_app_area((*made)->view_.app_area, ring_entries);
    pony_format_engine_area((*made)->view_.engine_area, ring_entries);
  }
  return made;
}

absl::StatusOr<std::unique_ptr<AppSessionMemory>> AppSessionMemory::Adopt(Fds fds,
                                                                          uint64_t region_bytes,
                                                                          uint32_t ring_entries) {
  std::unique_ptr<AppSessionMemory> memory(new AppSessionMemory(std::move(fds)));
  if (absl::Status status = memory->Map(region_bytes, ring_entries); !status.ok()) return status;
  return memory;
}

absl::Status AppSessionMemory::Map(uint64_t region_bytes, uint32_t ring_entries) {
  struct Piece {
    Fd fd;
    absl::string_view what;
    uint64_t bytes;
    uint8_t** address;
  };
  view_.ring_entries = ring_entries;
  view_.app_area_bytes = pony_app_area_bytes(ring_entries);
  view_.engine_area_bytes = pony_engine_area_bytes(ring_entries);
  view_.region_bytes = region_bytes;
  view_.doorbell_fd = fd(kDoorbell);
  view_.completion_fd = fd(kCompletion);
  for (const Piece& piece :
       {Piece{kRegion, "region", view_.region_bytes, &view_.region},
        Piece{kAppArea, "app area", view_.app_area_bytes, &view_.app_area},
        Piece{kEngineArea, "engine area", view_.engine_area_bytes, &view_.engine_area}}) {
    absl::Status status = CheckMemfd(fd(piece.fd), piece.what, piece.bytes);
    if (!status.ok()) return status;
    absl::StatusOr<uint8_t*> mapped = MapShared(fd(piece.fd), piece.what, piece.bytes);
    if (!mapped.ok()) return mapped.status();
    *piece.address = *mapped;
  }
  return CheckCompletion(fd(kCompletion));
}

AppSessionMemory::~AppSessionMemory() {
  if (view_.region != nullptr) munmap(view_.region, view_.region_bytes);
  if (view_.app_area != nullptr) munmap(view_.app_area, view_.app_area_bytes);
  if (view_.engine_area != nullptr) munmap(view_.engine_area, view_.engine_area_bytes);
}

absl::StatusOr<UniqueFd> AppSessionMemory::ReadOnlyEngineArea() const {
  const std::string path = absl::StrCat("/proc/self/fd/", fd(kEngineArea));
  UniqueFd copy(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!copy.valid()) return absl::ErrnoToStatus(errno, path);
  return copy;
}

}  // namespace farrier::host
