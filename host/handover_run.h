#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "host/event_loop.h"
#include "host/fleet_handover.h"
#include "host/unique_fd.h"
#include "upgrade/driver.h"
#include "upgrade/side.h"
#include "upgrade/socket_channel.h"

namespace farrier::host {

// Called with the name of each step that this process is about to take in a hand-over, e.g.
// "receive delta", "send committed", "write ATTACHED". For tests that end the process there.
using StepHook = std::function<void(const std::string& step)>;

// One side of a hand-over in the control thread's loop, until its outcome.
class HandoverRun {
 public:
  // `host` outlives this. `pidfd` is the other process's, borrowed. `progress` is called when
  // something may have changed, `done` once, last of all, from the loop; it may destroy this.
  struct Options {
    EventLoop* loop = nullptr;
    std::unique_ptr<upgrade::Side> side;
    FleetHandover* host = nullptr;
    UniqueFd channel;
    int pidfd = -1;
    std::function<void(const upgrade::Report&)> progress;
    std::function<void(upgrade::Outcome)> done;
    StepHook on_step;
  };

  // InvalidArgument if the channel is no SOCK_SEQPACKET socket.
  static absl::StatusOr<std::unique_ptr<HandoverRun>> Start(Options options);
  ~HandoverRun();
  HandoverRun(const HandoverRun&) = delete;
  HandoverRun& operator=(const HandoverRun&) = delete;

  const upgrade::Report& report() const { return options_.side->report(); }

 private:
  class Peer;
  class TracedChannel;
  class TracedRows;

  HandoverRun(Options options, std::unique_ptr<upgrade::SocketChannel> channel);
  void Pump();

  Options options_;
  std::unique_ptr<upgrade::SocketChannel> socket_;
  std::unique_ptr<Peer> peer_;
  std::unique_ptr<TracedChannel> channel_;
  std::unique_ptr<TracedRows> rows_;
  upgrade::Driver driver_;
  std::optional<EventLoop::TimerId> timer_;
};

}  // namespace farrier::host
