#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/control.pb.h"
#include "host/unique_fd.h"

namespace farrier::host {

// What the control plane asks of the daemon. Called on gRPC's threads, several at a time; may
// block.
class ControlBackend {
 public:
  virtual ~ControlBackend() = default;
  virtual absl::StatusOr<StatusReply> Status() = 0;

  // Returns when the upgrade is over; its result has been given to `progress` if it succeeded.
  // `progress` is called on one thread at a time and not after the return.
  virtual absl::Status Upgrade(const UpgradeRequest& request,
                               std::function<void(const UpgradeProgress&)> progress) = 0;

  // See the calls of the same name.
  virtual absl::StatusOr<GroupStatus> SetGroup(const GroupConfig& change) = 0;
  virtual absl::StatusOr<GroupStatus> AddGroup(const GroupConfig& settings) = 0;
  virtual absl::Status RemoveGroup(const std::string& name) = 0;
  virtual absl::StatusOr<GroupStatus> PlaceEngine(const PlaceEngineRequest& request) = 0;
};

// gRPC over connections that somebody else accepted. Who may do anything at all is decided by the
// connection's peer: root and this process's user are admins; to others every call is denied.
class ControlServer {
 public:
  explicit ControlServer(ControlBackend& backend);
  ~ControlServer();  // cuts all connections

  // Serves a connected Unix socket until the peer closes it. Any thread.
  void Serve(UniqueFd connection);

  // Lets calls finish for up to `grace_ms`, then cuts what is left. Any thread, once.
  void Shutdown(int grace_ms);

 private:
  struct Role;
  std::unique_ptr<Role> admin_;
  std::unique_ptr<Role> stranger_;
};

}  // namespace farrier::host
