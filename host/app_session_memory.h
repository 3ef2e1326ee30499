#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/unique_fd.h"
#include "pony/engine.h"

namespace farrier::host {

// The memory and signals of one app session: what is behind pony::SessionMemory. Owns the
// descriptors and the mappings. One thread.
class AppSessionMemory {
 public:
  // In the order in which they travel.
  enum Fd { kRegion, kAppArea, kEngineArea, kDoorbell, kCompletion, kFds };
  using Fds = std::array<UniqueFd, kFds>;

  // For a new session: makes the areas and doorbells and maps everything. `region` is the app's,
  // and not believed: InvalidArgument with a sentence for the app if it is no memfd, not sealed
  // against shrinking, too small or read-only. It is sealed against further seals, or its owner
  // could keep a successor of this process from mapping it.
  static absl::StatusOr<std::unique_ptr<AppSessionMemory>> Make(UniqueFd region,
                                                                uint64_t region_bytes,
                                                                uint32_t ring_entries);

  // Of a session made by another farrierd: maps what it handed over. InvalidArgument if the pieces
  // do not fit the description.
  static absl::StatusOr<std::unique_ptr<AppSessionMemory>> Adopt(Fds fds, uint64_t region_bytes,
                                                                 uint32_t ring_entries);

  ~AppSessionMemory();
  AppSessionMemory(const AppSessionMemory&) = delete;
  AppSessionMemory& operator=(const AppSessionMemory&) = delete;

  const pony::SessionMemory& view() const { return view_; }
  int fd(Fd which) const { return fds_[which].get(); }

  // The app's end of the completion pair, of a session just made: to be sent and closed here, so
  // that the app sees the end of signals when the last farrierd closes the engine's.
  UniqueFd TakeAppCompletion() { return std::move(app_completion_); }

  // The engine area as the app gets it: it can be mapped, but not for writing.
  absl::StatusOr<UniqueFd> ReadOnlyEngineArea() const;

 private:
  explicit AppSessionMemory(Fds fds) : fds_(std::move(fds)) {}
  absl::Status Map(uint64_t region_bytes, uint32_t ring_entries);

  Fds fds_;
  UniqueFd app_completion_;
  pony::SessionMemory view_;
};

}  // namespace farrier::host
