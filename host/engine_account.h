#pragma once

#include <cstdint>
#include <map>

#include "engines/runtime/clock.h"
#include "host/handover.pb.h"
#include "pony/session.h"

namespace farrier::host {

// What an engine has handled, all counted up from its start.
struct EngineWork {
  uint64_t polls = 0;
  uint64_t packets = 0;  // also those that no session asked for: acks, hellos
  std::map<uint32_t, pony::SessionWork> sessions;
};

// Divides the CPU time of an engine among the sessions it works for, by what it handled for each.
// What it did for none, above all looking for work that was not there, stays its own. An estimate:
// the costs of a poll, a packet, a command and a byte relative to each other are fixed. What it
// adds up to is exact.
class EngineAccount {
 public:
  // The engine has taken `cpu` in all, and has handled `work`. Figures that have become less are of
  // another engine, which began at 0.
  void Note(runtime::Nanoseconds cpu, const EngineWork& work);

  // Charged to a session that was there at the last Note; else 0.
  runtime::Nanoseconds OfSession(uint32_t session) const;

  // Not charged to any session, also not to one that has ended.
  runtime::Nanoseconds own() const { return own_; }

  // What it says goes along when another process gets the engine: that one adds it to its own,
  // once. Fields of a newer build are kept and handed on.
  AccountRecord Save() const;
  void Load(const AccountRecord& predecessors);

  // The engine's CPU time in the processes before this one.
  runtime::Nanoseconds carried_cpu() const {
    return static_cast<runtime::Nanoseconds>(carried_.cpu_ns());
  }

 private:
  AccountRecord carried_;
  runtime::Nanoseconds cpu_ = 0;
  EngineWork work_;
  std::map<uint32_t, double> charged_;
  runtime::Nanoseconds own_ = 0;
};

}  // namespace farrier::host
