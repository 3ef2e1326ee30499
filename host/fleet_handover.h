#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/event_loop.h"
#include "host/fleet.h"
#include "host/handover.pb.h"
#include "host/unique_fd.h"
#include "upgrade/engine_host.h"

namespace farrier::host {

// Kinds of state records, with their schemas: those that the engines of a configuration write, and
// those that this build restores. So a build that knows nothing of packet engines can be upgraded
// to as long as there are none.
std::map<std::string, uint32_t> WrittenKinds(const Config& config);
std::map<std::string, upgrade::VersionRange> RestorableKinds();

// What a hand-over asks of a farrierd, on either side: engines are the fleet's, engine i being the
// i-th of Welcome.engines. Control thread.
class FleetHandover final : public upgrade::EngineHost, public upgrade::RowAccess {
 public:
  // What the old process' daemon has beside its fleet.
  struct Belongings {
    int control_listener = -1;  // borrowed
    int metrics_listener = -1;  // the same; -1: it serves no metrics
    UpgradeHistory upgrades;
  };

  // The process that has the fleet. `stop_serving` is called when all engines have moved: nothing
  // is accepted any more on the listeners.
  static std::unique_ptr<FleetHandover> OfOld(Fleet& fleet, Belongings belongings,
                                              std::function<void()> stop_serving);

  // The process that is going to have it. `serve` is called when it does.
  static std::unique_ptr<FleetHandover> OfNew(EventLoop& loop, Fleet::CardOpener open_card,
                                              std::function<void()> serve);

  // Old: posts sessions that have been opened since the last time. Before each Step of the
  // driver, so that a session goes ahead of the records that speak of it.
  absl::Status SyncSessions(upgrade::Channel& channel);

  // Old: the hand-over came to nothing; sessions are opened again.
  void Abandon();

  // New: what `serve` finds.
  std::unique_ptr<Fleet> TakeFleet() { return std::move(own_fleet_); }
  UniqueFd TakeControlListener() { return std::move(control_listener_); }
  UniqueFd TakeMetricsListener() { return std::move(metrics_listener_); }  // may be none
  const UpgradeHistory& upgrades() const { return belongings_.upgrades; }  // before this one

  // Old, when all engines have moved: packets that the card parked meanwhile for this one.
  uint64_t held(uint32_t engine) const { return engine < held_.size() ? held_[engine] : 0; }

  // RowAccess.
  absl::StatusOr<upgrade::Row> Read(upgrade::EngineIndex engine) override;
  absl::Status Write(upgrade::EngineIndex engine, upgrade::RowState state,
                     uint16_t expected_generation) override;

  // EngineHost.
  absl::Status SendAttachments(bool last, upgrade::Channel& channel) override;
  absl::StatusOr<bool> TakeSnapshot(upgrade::EngineIndex engine, runtime::StateSink& sink) override;
  absl::StatusOr<bool> MarkSeen(upgrade::EngineIndex engine) override;
  absl::Status Stop(upgrade::EngineIndex engine) override;
  absl::Status TakeDelta(upgrade::EngineIndex engine, runtime::StateSink& sink) override;
  absl::StatusOr<bool> TxDrained(upgrade::EngineIndex engine) override;
  absl::Status Resume(upgrade::EngineIndex engine, uint16_t generation) override;
  void DropSnapshot(upgrade::EngineIndex engine) override;
  void Release(upgrade::EngineIndex engine) override;
  absl::Status Accept(const upgrade::Attachment& attachment,
                      std::vector<runtime::UniqueFd> fds) override;
  absl::StatusOr<bool> Prepare(const std::vector<upgrade::EngineSpec>& engines) override;
  absl::Status Restore(upgrade::EngineIndex engine, runtime::StateSource& source) override;
  absl::Status Start(upgrade::EngineIndex engine, uint16_t generation) override;
  void Serve() override;
  absl::Status StartFresh(upgrade::EngineIndex engine, uint16_t generation) override;

 private:
  FleetHandover() = default;
  absl::Status AcceptStart(const StartAttachment& start, std::vector<UniqueFd> fds);
  absl::Status AcceptSession(const SessionAttachment& session, std::vector<UniqueFd> fds);
  absl::Status AcceptRest(const RestAttachment& rest, std::vector<UniqueFd> fds);
  absl::Status CheckEngine(upgrade::EngineIndex engine) const;
  // Counted by the card so far.
  uint64_t CountHeld(uint32_t engine);

  // The fleet of either side; null on the new one until "host.start".
  Fleet* fleet_ = nullptr;

  Belongings belongings_;  // on the new side only the upgrades

  // Old.
  std::function<void()> stop_serving_;
  bool sync_sessions_ = false;  // between the first attachments and the last
  std::set<uint32_t> sessions_sent_;
  std::set<upgrade::EngineIndex> snapshots_done_;
  std::vector<uint64_t> held_;  // when the snapshots were done; in the end, how many since then

  // New.
  EventLoop* loop_ = nullptr;
  Fleet::CardOpener open_card_;
  std::function<void()> serve_;
  std::unique_ptr<Fleet> own_fleet_;
  UniqueFd control_listener_;
  UniqueFd app_listener_;
  UniqueFd metrics_listener_;
  uint32_t function_ = 0;
};

}  // namespace farrier::host
