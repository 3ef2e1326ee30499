#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace farrier::runtime {

// One piece of an engine's state, opaque to whoever carries it.
struct StateRecord {
  std::string kind;     // whose, e.g. "pony.connection"
  uint32_t schema = 0;  // version of the encoding of `bytes`
  std::string bytes;    // Protocol Buffers; times absolute in CLOCK_MONOTONIC ns
};

// Where an engine writes its state. A later record of the same object replaces an earlier one; what
// names the object is inside `bytes`.
class StateSink {
 public:
  virtual ~StateSink() = default;
  virtual void Append(StateRecord record) = 0;
};

// Where an engine reads state from, in the order it was written.
class StateSource {
 public:
  virtual ~StateSource() = default;
  virtual std::optional<StateRecord> Next() = 0;
};

}  // namespace farrier::runtime
