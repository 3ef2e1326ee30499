#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/simulator/daemon.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/random.h"
#include "tests/simulator/sim_channel.h"
#include "upgrade/driver.h"
#include "upgrade/engine_host.h"
#include "upgrade/side.h"

namespace farrier::sim {

// What a process in a hand-over asks of its host.
class HandOverHost {
 public:
  virtual ~HandOverHost() = default;
  // A session's memory, as its descriptors would give it.
  virtual std::shared_ptr<Session> FindSession(uint32_t id) = 0;
  // The process serves the app socket and the sessions' sockets, or does not any more.
  virtual void Serves(Daemon& daemon, bool serves) = 0;
  // An engine runs in this process now.
  virtual void EngineMoved(Daemon& daemon, uint32_t engine) = 0;
  // These sessions' engine has begun anew: their sockets are closed.
  virtual void SessionsLost(uint32_t engine) = 0;
};

// One process' part in a hand-over: the real state machine and its real driver, carried out on
// virtual time with the process' engines. Destroying it is the process' death, or the end of its
// part.
class HandOver final : private upgrade::EngineHost, private upgrade::RowAccess {
 public:
  struct Options {
    Nanoseconds slowest_step = 50 * kMicrosecond;  // of the control thread
    double card_failure = 0.01;                    // chance that a row cannot be reached
    int snapshot_budget = 8;                       // records per part
    Nanoseconds slowest_prepare = 5 * kMillisecond;
  };

  // `done` is called once, when no action is going to follow. All references outlive this.
  HandOver(EventQueue& queue, Random random, const Options& options, Daemon& daemon,
           HandOverHost& host, std::unique_ptr<upgrade::Side> side,
           std::unique_ptr<SimChannel> channel, upgrade::PeerProcess& peer,
           std::function<void(upgrade::Outcome)> done);

  // The control thread gets no time between the two.
  void Freeze();
  void Thaw();

  // A session that the old process has added while the hand-over is under way.
  void SessionAdded(uint32_t engine, uint32_t session);

  const upgrade::Side& side() const { return *side_; }

 private:
  void Step();
  absl::Status PostSession(uint32_t engine, uint32_t session);

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

  // RowAccess.
  absl::StatusOr<upgrade::Row> Read(upgrade::EngineIndex engine) override;
  absl::Status Write(upgrade::EngineIndex engine, upgrade::RowState state,
                     uint16_t expected_generation) override;

  EventQueue& queue_;
  Random random_;
  const Options options_;
  Daemon& daemon_;
  HandOverHost& host_;
  std::unique_ptr<upgrade::Side> side_;
  std::unique_ptr<SimChannel> channel_;
  std::function<void(upgrade::Outcome)> done_;
  upgrade::Driver driver_;
  bool frozen_ = false;
  bool attachments_sent_ = false;
  Nanoseconds prepared_at_ = 0;
  Timer step_;
};

}  // namespace farrier::sim
