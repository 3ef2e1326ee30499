#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hw/driver/card_csr_window.h"
#include "hw/driver/card_info.h"
#include "hw/driver/card_port.h"
#include "pony/engine.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/session.h"
#include "tests/simulator/sim_card.h"
#include "tests/simulator/sim_group.h"

namespace farrier::sim {

// What every process of a host's daemon is started with.
struct DaemonOptions {
  pony::EngineOptions engine;    // of engine 0; id, udp_port, epoch and seed follow from it
  uint32_t rx_buffers = 128;     // per queue
  uint32_t queues = 2;           // per engine, on a card with RSS
  uint32_t quota_cells = 512;    // per engine
  uint32_t tx_quota_cells = 60;  // per engine: less than a flow's window, so that it runs out
  std::optional<runtime::GroupOptions> group;  // of its engines; none: any, by the seed
  ThreadTimes times;
};

// The host around a daemon's processes.
class DaemonObserver {
 public:
  virtual ~DaemonObserver() = default;
  // Engine `engine` of a process on `function`, which believes that it has `generation`, is about
  // to be polled.
  virtual void BeforePoll(int function, uint32_t engine, uint16_t generation) = 0;
  virtual void AfterPoll(uint32_t engine) = 0;
  // What a group of engines must not do.
  virtual void GroupFailed(const std::string& what) = 0;
};

// The engines of one incarnation of farrierd: real ones, on real driver ports of one function of
// the card. Its destruction is the death of the process: what is left is in the card and in the
// sessions' memory.
class Daemon {
 public:
  // Opens the function; nothing is attached or polled yet. `card` and `observer` outlive it.
  Daemon(EventQueue& queue, Random random, const DaemonOptions& options, SimCard& card,
         int function, DaemonObserver& observer);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // First start, or restart after a crash: sets up the card, takes every row, whatever a
  // predecessor left in it, and polls empty engines.
  absl::Status Boot();

  // Polls the engine as it is; its row is ATTACHED to this function with `generation`.
  void Run(uint32_t engine, uint16_t generation);
  // The same, but the engine begins empty, with another epoch. Its sessions are forgotten.
  void RunEmpty(uint32_t engine, uint16_t generation);
  void Stop(uint32_t engine) { group_.Remove(*slots_[engine].engine); }
  bool running(uint32_t engine) const { return !frozen_ && group_.Has(*slots_[engine].engine); }

  // Has its engines scheduled in another way, by chance, from soon on.
  void Reconfigure() { group_.Reconfigure(SimGroup::Draw(random_)); }

  // The process gets no CPU time between the two.
  void Freeze();
  void Thaw();

  absl::Status AddSession(uint32_t engine, const std::shared_ptr<Session>& session);
  // A session whose state comes by Restore.
  absl::Status AdoptSession(uint32_t engine, const std::shared_ptr<Session>& session);
  void RemoveSession(uint32_t session);
  std::vector<std::shared_ptr<Session>> sessions(uint32_t engine) const;

  void LookAtFds() { group_.LookAtFds(); }

  int function() const { return function_; }
  uint32_t engines() const { return static_cast<uint32_t>(slots_.size()); }
  runtime::OwnerId owner(uint32_t engine) const {
    return static_cast<runtime::OwnerId>(engine + 1);
  }
  // The engine's row when its queues are those of this process.
  regs::SwitchWord Row(uint32_t engine, regs::OwnerState state, uint16_t generation) const;
  // Polling the engine has been given the row's generation; 0 before.
  uint16_t generation(uint32_t engine) const { return slots_[engine].generation; }
  pony::PonyEngine& engine(uint32_t engine) { return *slots_[engine].engine; }
  const SimGroup& group() const { return group_; }
  const driver::CardPort& port(uint32_t engine) const { return *slots_[engine].port; }
  driver::CsrWindow& window() { return window_; }

 private:
  struct Slot {
    uint16_t generation = 0;
    std::unique_ptr<driver::CardPort> port;
    std::unique_ptr<pony::PonyEngine> engine;
  };
  struct Served {
    uint32_t engine;
    std::shared_ptr<Session> session;
  };

  void MakeEngine(uint32_t engine);
  // Helps ports whose departure reports got lost, as farrierd does.
  void SyncCells();
  absl::Status SetUpCard();

  EventQueue& queue_;
  Random random_;
  const DaemonOptions options_;
  SimCard& card_;
  const int function_;
  DaemonObserver& observer_;
  driver::CardCsrWindow window_;
  const driver::CardInfo info_;
  const uint32_t queues_;                // per engine
  std::map<uint32_t, Served> sessions_;  // by id; ahead of the engines, so that it outlives them
  std::vector<Slot> slots_;
  bool frozen_ = false;
  SimGroup group_;
  Timer sync_cells_;
};

}  // namespace farrier::sim
