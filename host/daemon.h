#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/config.h"
#include "host/control_server.h"
#include "host/event_loop.h"
#include "host/fleet.h"
#include "host/fleet_handover.h"
#include "host/handover_run.h"
#include "host/metrics_server.h"
#include "host/successor.h"
#include "host/unique_fd.h"
#include "host/upgrade_job.h"
#include "host/upgrade_story.h"

namespace farrier::host {

struct DaemonOptions {
  std::string version;
  Fleet::CardOpener open_card;
  EngineWrapper wrap_engine;    // of a fresh start; empty but in tests
  StepHook on_step;             // of a hand-over, on either side; empty but in tests
  std::function<void()> ready;  // it serves
};

// farrierd: one process's life, from a fresh start or as a successor, until a signal or until it
// has been succeeded itself. Everything but ControlBackend runs on the thread that made it, in
// which SIGTERM and SIGINT are blocked, as in all others.
class Daemon final : public ControlBackend {
 public:
  static absl::StatusOr<std::unique_ptr<Daemon>> Create(DaemonOptions options);
  ~Daemon() override;

  // Takes the card and serves until the end. An error: it did not come to that.
  absl::Status RunFresh(Config config);

  // The same for the successor of the process at the other end of `channel`, which hands over all
  // that is needed.
  absl::Status RunSuccessor(UniqueFd channel);

  // ControlBackend, on gRPC's threads.
  absl::StatusOr<StatusReply> Status() override;
  absl::Status Upgrade(const UpgradeRequest& request,
                       std::function<void(const UpgradeProgress&)> progress) override;
  absl::StatusOr<GroupStatus> SetGroup(const GroupConfig& change) override;
  absl::StatusOr<GroupStatus> AddGroup(const GroupConfig& settings) override;
  absl::Status RemoveGroup(const std::string& name) override;
  absl::StatusOr<GroupStatus> PlaceEngine(const PlaceEngineRequest& request) override;

  // An engine hangs in a thread of its own, at the end: this must not be destroyed, and the process
  // is to end without any destructor.
  bool stuck() const { return stuck_; }

 private:
  enum class Stage {
    kStarting,
    kServing,    // it is the daemon
    kSucceeded,  // another process is: sockets and rows are that one's
    kEnding,
  };

  Daemon(DaemonOptions options, std::unique_ptr<EventLoop> loop);
  absl::Status WatchSignals();
  absl::Status Begin(Config config);
  void Serve();
  void AcceptControl();
  void KeepAlive();
  void Terminate();
  absl::Status Live();
  void RemoveSockets();
  StatusReply LoopStatus();
  // On the control thread, while this is the daemon; waits for the answer.
  absl::StatusOr<GroupStatus> AskFleet(std::function<absl::StatusOr<GroupStatus>(Fleet&)> question);
  bool EnginesAreMoving() const;

  // Asks the control thread, and then the card, whose failure goes to `card`. Unavailable: it is
  // ending, or, unless `also_in_blackout`, an upgrade moves engines. Other threads.
  absl::StatusOr<StatusReply> Inquire(bool also_in_blackout, absl::Status& card);

  // For Prometheus. ServeMetrics leaves it at a line in the log if it cannot.
  void ServeMetrics();
  absl::StatusOr<std::string> Metrics();

  // Being upgraded.
  absl::Status BeginUpgrade(const std::string& binary, std::shared_ptr<UpgradeJob> job);
  void TellProgress(const upgrade::Report& report);
  void EndUpgrade(upgrade::Outcome outcome);
  void TellSuccess(const upgrade::Report& report);

  // Succeeding.
  void EndSuccession(upgrade::Outcome outcome);

  const DaemonOptions options_;
  const std::unique_ptr<EventLoop> loop_;
  const runtime::Nanoseconds started_at_;
  Stage stage_ = Stage::kStarting;
  bool terminate_ = false;  // once no hand-over is under way
  bool stuck_ = false;
  absl::Status failure_;  // why it ends

  UniqueFd signals_;
  std::unique_ptr<Fleet> fleet_;
  UniqueFd control_listener_;
  std::unique_ptr<ControlServer> control_;
  UniqueFd metrics_listener_;  // until metrics_ has it
  std::unique_ptr<MetricsServer> metrics_;
  UpgradeHistory upgrades_;

  // A hand-over, on either side.
  std::unique_ptr<FleetHandover> handover_;
  std::unique_ptr<HandoverRun> run_;
  UniqueFd predecessor_;  // pidfd
  std::optional<Successor> successor_;
  std::shared_ptr<UpgradeJob> job_;
  UpgradeStory story_;
};

}  // namespace farrier::host
