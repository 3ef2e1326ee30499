#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/engine.h"
#include "engines/runtime/mailbox.h"

namespace farrier::runtime {

// What an engine has cost since it was added to its group.
struct EngineUsage {
  Nanoseconds cpu = 0;  // of its thread, shared among the thread's engines by time spent in Poll
  uint64_t polls = 0;
  uint64_t inputs = 0;  // sum of what Poll returned
};

// Engines and the threads that run them. How many threads there are, where engines are placed and
// when a thread sleeps is the group's mode, one class each. Called from control threads; destroying
// the group removes its engines and ends its threads.
class EngineGroup {
 public:
  virtual ~EngineGroup() = default;

  // Begins to poll `engine` and opens its mailbox. Both stay the caller's and must live until
  // Remove.
  virtual absl::Status Add(Engine& engine, Mailbox& mailbox) = 0;

  // Stops polling `engine` and closes its mailbox. Once this has returned OK no thread of the group
  // touches either, nor any fd the engine waited on, and the caller may use the engine itself.
  // DeadlineExceeded: the engine's thread does not answer, and the engine is still in the group.
  virtual absl::Status Remove(Engine& engine) = 0;

  virtual absl::StatusOr<EngineUsage> Usage(const Engine& engine) = 0;
};

}  // namespace farrier::runtime
