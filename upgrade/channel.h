#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/unique_fd.h"
#include "upgrade/messages.pb.h"

namespace farrier::upgrade {

// What goes from one side to the other: a message, and descriptors that belong to it.
struct Parcel {
  Message message;
  std::vector<runtime::UniqueFd> fds;
};

// The way between the two sides: in order, nothing lost, and its end is noticed. One thread; no
// call blocks.
class Channel {
 public:
  virtual ~Channel() = default;

  // Sends, or queues what cannot be sent yet. Unavailable: the other side is gone. InvalidArgument:
  // too many fds. ResourceExhausted: too much is queued; the parcel was not taken and the hand-over
  // cannot go on.
  virtual absl::Status Post(Parcel parcel) = 0;

  // The next parcel, or nullopt if there is none now. Unavailable: the other side is gone and all
  // it sent was received. InvalidArgument: what came makes no sense; the channel is of no use any
  // more.
  virtual absl::StatusOr<std::optional<Parcel>> Receive() = 0;

  // Sends what is queued, as far as it goes. True if something stays: then hold back what is not
  // urgent.
  virtual bool Congested() = 0;
};

}  // namespace farrier::upgrade
