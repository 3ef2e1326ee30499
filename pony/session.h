#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "pony/client/pony_abi.h"
#include "pony/engine.h"
#include "pony/sliding_window.h"

namespace farrier::pony {

class SessionRecord;

// InvalidArgument when the areas do not hold the rings.
absl::Status CheckSessionMemory(const SessionMemory& memory);

// One app: its rings, with the engine's own indices, and what belongs to it. Everything the app can
// write is copied once and believed never.
class Session {
 public:
  Session(uint32_t id, const SessionMemory& memory) : id_(id), memory_(memory) {}

  uint32_t id() const { return id_; }
  const SessionMemory& memory() const { return memory_; }

  // Copies the next command. False if there is none, if the app is behind with its completions, or
  // if it is fenced, be it for the index just read.
  bool NextCommand(PonyCommand& command);

  // Tells the app something, in order. What the ring has no room for waits here: no more commands
  // are taken meanwhile, so what waits is bounded by what the app has under way.
  void Complete(const PonyEvent& event);

  // Makes what was consumed and completed visible, and wakes the app if it asked for that. Returns
  // true if events that waited moved.
  bool Publish();

  // Says whether the app has to ring after a command.
  void WantDoorbell(bool want);
  // Takes the doorbell's count.
  void SilenceDoorbell();
  // Wakes the app whatever it said.
  void SignalCompletion();

  bool HasCommands() const;  // that NextCommand would not refuse for now
  bool stalled() const { return !pending_.empty(); }
  bool fenced() const { return fenced_; }
  void Fence();

  bool Holds(uint64_t offset, uint64_t length) const {
    return offset <= memory_.region_bytes && length <= memory_.region_bytes - offset;
  }

  // What belongs to it, kept by the engine.
  absl::btree_set<uint32_t> connections;
  std::set<uint16_t> services;
  uint32_t sends = 0;    // messages not yet acknowledged
  uint32_t buffers = 0;  // posted and not yet returned
  SessionWork work;
  bool dirty = true;
  std::string unknown_fields;

  void Save(SessionRecord& record) const;
  bool Load(const SessionRecord& record);

 private:
  void Flush();

  const uint32_t id_;
  const SessionMemory memory_;
  uint32_t command_head_ = 0;
  uint32_t completion_tail_ = 0;
  uint32_t completion_head_ = 0;  // as last read; only grows
  bool commands_consumed_ = false;
  bool events_stored_ = false;
  bool fenced_ = false;
  SlidingWindow<PonyEvent> pending_;
};

}  // namespace farrier::pony
