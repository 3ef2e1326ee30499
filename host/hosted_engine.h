#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "engines/runtime/engine.h"
#include "host/control.pb.h"
#include "host/engine_account.h"
#include "pony/engine.h"

namespace farrier::host {

// An engine of some kind, as a daemon has it: what it can be asked beside running and moving. All
// on the engine's thread while it runs.
class HostedEngine {
 public:
  virtual ~HostedEngine() = default;

  virtual runtime::Engine& engine() = 0;

  // For those that serve apps; nullptr for others.
  virtual pony::PonyEngine* pony() { return nullptr; }

  // What it has done since it was made; polls are left to its group.
  virtual EngineWork Work() = 0;
  // Of its own; an estimate.
  virtual uint64_t MemoryBytes() = 0;

  // Adds its counters.
  virtual void Describe(EngineStatus& status) = 0;
};

// Makes an empty engine, of a new epoch each time if it has such. Control thread.
using EngineMaker = std::function<absl::StatusOr<std::unique_ptr<HostedEngine>>()>;

}  // namespace farrier::host
