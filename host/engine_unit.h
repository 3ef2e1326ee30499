#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/engine_group.h"
#include "engines/runtime/mailbox.h"
#include "host/hosted_engine.h"
#include "hw/driver/owner_port.h"

namespace farrier::host {

// Puts something around an engine that its group polls instead; nullptr: nothing. Empty but in
// tests.
using EngineWrapper =
    std::function<std::unique_ptr<runtime::Engine>(uint32_t id, runtime::Engine& engine)>;

// How an engine is called and placed.
struct EngineUnitOptions {
  uint32_t id = 0;
  std::string name;  // in its group
  int weight = 1;
};

// An engine of any kind with its port, its mailbox and its place in a group. Called from the
// control thread; the engine itself is only touched on its thread while it runs.
class EngineUnit {
 public:
  // An empty engine that does not run yet. `port` and `clock` outlive it; `group` is gone, or has
  // the engine no more, before it.
  static absl::StatusOr<std::unique_ptr<EngineUnit>> Create(
      EngineUnitOptions options, EngineMaker make, driver::OwnerPort& port,
      const runtime::Clock& clock, runtime::EngineGroup& group, EngineWrapper wrapper);
  ~EngineUnit();

  uint32_t id() const { return options_.id; }
  bool running() const { return running_; }
  driver::OwnerPort& port() { return port_; }
  uint16_t generation() const { return generation_; }

  // The owner's row was won with this generation: packets carry it from now on, and the engine
  // runs. `cells` as for OwnerPort::SetGeneration.
  absl::Status Start(uint16_t generation, std::optional<driver::TxCells> cells);

  // From now on the engine is in `group`, with `weight`; if it runs it goes on there, within some
  // hundred microseconds. After an error all is as it was.
  absl::Status MoveTo(runtime::EngineGroup& group, int weight);

  // Takes the engine off its thread, if it runs. An error: it is still there, since its thread
  // does not answer.
  absl::Status Stop();

  // The same for a hand-over. An error also if the engine has failed, and so has no state to hand
  // over.
  absl::Status StopWell();

  // Calls `closure` with the engine: on its thread between two polls if it runs, here if not.
  absl::Status With(absl::FunctionRef<void(HostedEngine&)> closure);

  // Why the running engine answers nothing: it hangs or has failed. With and, if it hangs, Stop
  // fail with that at once; OK: it is well.
  void SetTrouble(absl::Status trouble) { trouble_ = std::move(trouble); }
  const absl::Status& trouble() const { return trouble_; }

  // Whether all that a stopped engine sent has left for the card, whose last sequence seen is
  // `tx_seen`. Pushes what waited for room.
  bool TxDrained(uint32_t tx_seen);

  // Of a stopped engine: throws its state away. What it knew of sessions is gone.
  absl::Status Reset();

  // CPU time that the engine took in this process before it was added to its group, and its polls.
  runtime::Nanoseconds cpu_before() const { return cpu_before_; }
  uint64_t polls_before() const { return polls_before_; }

 private:
  EngineUnit(EngineUnitOptions options, EngineMaker make, driver::OwnerPort& port,
             runtime::EngineGroup& group, EngineWrapper wrapper);
  absl::Status Run();
  absl::Status Stop(bool must_be_well);
  runtime::Engine& polled() { return wrapped_ == nullptr ? engine_->engine() : *wrapped_; }

  EngineUnitOptions options_;
  const EngineMaker make_;
  driver::OwnerPort& port_;
  runtime::EngineGroup* group_;
  const EngineWrapper wrapper_;
  std::unique_ptr<runtime::Mailbox> mailbox_;
  std::unique_ptr<HostedEngine> engine_;
  std::unique_ptr<runtime::Engine> wrapped_;
  bool running_ = false;
  absl::Status trouble_;
  uint16_t generation_ = 0;
  runtime::Nanoseconds cpu_before_ = 0;
  uint64_t polls_before_ = 0;
};

}  // namespace farrier::host
