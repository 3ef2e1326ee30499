#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/app_sessions.h"
#include "host/card_link.h"
#include "host/card_upkeep.h"
#include "host/config.h"
#include "host/control.pb.h"
#include "host/engine_account.h"
#include "host/engine_groups.h"
#include "host/engine_unit.h"
#include "host/event_loop.h"
#include "hw/driver/lease.h"
#include "pony/service_directory.h"

namespace farrier::host {

// All that a daemon runs: its way to the card, its engines, the app sessions that they serve.
// Control thread.
class Fleet {
 public:
  // Opens cards; OpenCardLink outside of tests.
  using CardOpener =
      std::function<absl::StatusOr<std::unique_ptr<CardLink>>(const Config&, uint32_t function)>;

  // `config` is validated. `loop` outlives this.
  Fleet(EventLoop& loop, Config config, CardOpener open_card, EngineWrapper wrap_engine = {});
  ~Fleet();

  const Config& config() const { return config_; }
  AppSessions& sessions() { return sessions_; }
  CardLink& card() { return *card_; }
  size_t size() const { return EngineCount(config_); }
  EngineUnit& unit(uint32_t engine) { return *engines_[engine].unit; }

  // Opens the card's function and makes empty engines; takes no owner yet.
  absl::Status OpenCard(uint32_t function);

  // The right to write what is common to the card's hosts, whoever had it before.
  // FailedPrecondition if that is a process that lives, unless it `agrees`.
  absl::Status TakeLease(bool agrees);

  // A daemon's fresh start: takes the lease, sets the card up, takes every owner, whatever a dead
  // predecessor left, and runs all engines.
  absl::Status AttachAll();

  // Clean end: stops the engines and gives up the owners, and the lease, that are still this
  // process's. An error: an engine does not stop, and so nothing that it may touch, and this least
  // of all, may be freed any more.
  absl::Status DetachAll();

  // FailedPrecondition if the engine, or any, hangs or has failed.
  absl::Status EngineIsWell(uint32_t engine);
  absl::Status EnginesAreWell();

  // A hand-over decides about the rows, or does not any more.
  void set_handing_over(bool handing_over);
  bool handing_over() const { return handing_over_; }

  // Another process has all engines: the card is not to expect this one's heartbeat.
  void StopUpkeep();

  // A session that another daemon hands over; its engine's state comes later.
  absl::Status Import(AppSessionInfo info, std::vector<UniqueFd> fds);

  // The row was won: the engine runs with the state it has.
  absl::Status StartEngine(uint32_t engine, uint16_t generation);

  // The row was won but the state was lost: an empty engine of a new epoch runs, and the sessions
  // of the old one end.
  absl::Status StartFresh(uint32_t engine, uint16_t generation);

  // The engine goes on, and its state is not wanted any more; as soon as it answers.
  void DropSnapshot(uint32_t engine);

  // Another process has the engine; its memory is not touched any more.
  void ReleaseEngine(uint32_t engine);

  // Changes what `change` gives of the group that it names, as EngineGroups::Set; `config` says the
  // same from then on. Unavailable once another process has all engines.
  absl::StatusOr<GroupStatus> SetGroup(const GroupConfig& change);

  // Sets up one more group; what `settings` does not give is as in a configuration.
  // InvalidArgument; Unavailable while an upgrade is under way.
  absl::StatusOr<GroupStatus> AddGroup(const GroupConfig& settings);

  // As EngineGroups::Remove, and as AddGroup.
  absl::Status RemoveGroup(const std::string& name);

  // Moves an engine, known by its name or number, into a group; without a weight it keeps its own.
  // NotFound; FailedPrecondition if it hangs or has failed; Unavailable as above.
  absl::StatusOr<GroupStatus> PlaceEngine(const PlaceEngineRequest& request);

  // Asks an engine what it has done and charges its CPU time, as the groups told it last.
  void Account(uint32_t engine);
  // What engines and sessions have been charged with, for another process; and from one.
  std::vector<AccountRecord> Accounts() const;
  void LoadAccount(const AccountRecord& account);

  // All but the card's counters, which another thread may read by a window of its own.
  StatusReply Status();

 private:
  struct Slot {
    std::unique_ptr<EngineUnit> unit;
    bool released = false;
    EngineAccount account;
    uint64_t memory_bytes = 0;
    // Owed to an engine that does not answer:
    bool drop_snapshot = false;
    std::set<uint32_t> not_removed;  // sessions that ended meanwhile
    uint64_t restarts = 0;           // after it had failed
    std::optional<runtime::Nanoseconds> restarted_at;
    bool restarting = false;  // a timer will
  };

  EngineMaker MakerOf(uint32_t engine);
  // As EngineUnit::With, of an engine that is Pony's.
  absl::Status WithPony(uint32_t engine, absl::FunctionRef<void(pony::PonyEngine&)> closure);
  absl::Status AddSession(const AppSessionInfo& info, const pony::SessionMemory& memory);
  void RemoveSession(const AppSessionInfo& info);
  absl::Status Adopt(const AppSessionInfo& info);

  // What becomes of engines.
  absl::Status StartGroups();
  absl::Status NoUpgrade() const;
  void OnEngineEvent(const runtime::EngineEvent& event);
  void OnCondition(uint32_t engine, const std::string& detail);
  void CatchUp(uint32_t engine);
  void RestartSoon(uint32_t engine);
  absl::Status Restart(uint32_t engine);
  void Sample();

  void DescribeCard(CardStatus& card) const;
  void DescribeEngine(uint32_t engine, EngineStatus& status);

  EventLoop& loop_;
  Config config_;  // only its groups change
  const CardOpener open_card_;
  const EngineWrapper wrap_engine_;
  const runtime::Clock& clock_;
  std::unique_ptr<CardLink> card_;
  std::optional<driver::Lease> lease_;
  bool handing_over_ = false;
  // Sessions' memory outlives the engines that touch it.
  AppSessions sessions_;
  pony::ServiceDirectory services_;
  std::vector<Slot> engines_;
  std::unique_ptr<EngineGroups> groups_;
  std::unique_ptr<CardUpkeep> upkeep_;              // from the first engine that runs
  std::optional<EventLoop::TimerId> sample_timer_;  // from then on, too
  // What the loop was asked to do for this finds it gone.
  std::shared_ptr<Fleet*> self_ = std::make_shared<Fleet*>(this);
};

// Reads the counters of the card and of the owners of its engines into `status`.
absl::Status ReadCardCounters(driver::CsrWindow& window, StatusReply& status);

}  // namespace farrier::host
