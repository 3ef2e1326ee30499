#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engines/elements/element.h"
#include "engines/elements/graph.h"
#include "engines/runtime/state.h"

namespace farrier::elements {

// The elements of a packet engine and what they hold, as records (state.proto). Packets are never
// changed while they are held, so each is written once; the delta has those that came since, and
// says for each element which are still held.
class PipelineState {
 public:
  // `graph` outlives this.
  explicit PipelineState(Graph& graph);

  // As runtime::Engine.
  bool Snapshot(runtime::StateSink& sink, int budget);
  void Delta(runtime::StateSink& sink);
  absl::Status Restore(runtime::StateSource& source);

 private:
  struct Member {
    Element* element;
    HoldingElement* holding = nullptr;  // the same, if it holds packets
    bool record_due = false;            // in this round
    std::string written;                // the last record
    uint64_t packets_from = 0;          // are not written yet
    uint64_t packets_to = 0;            // end of what this round writes before the delta
    // What a newer build said that this one does not know.
    std::string unknown_fields;
    std::map<std::string, uint64_t> unknown_counters;
  };
  struct Complete {
    Member* member;
    uint64_t first;
    uint64_t next;
  };

  void BeginRound();
  void SaveElement(runtime::StateSink& sink, Member& member, bool delta);
  // Writes the next held packet below `end`; false if there is none.
  static bool SavePacket(runtime::StateSink& sink, Member& member, uint64_t end);
  Member* Find(const std::string& name);
  absl::Status RestoreElement(const std::string& bytes, std::vector<Complete>& complete);
  absl::Status RestorePacket(const std::string& bytes);

  std::vector<Member> members_;
  bool round_open_ = false;  // between the first Snapshot and Delta
  bool writing_ = false;     // the round has more
  size_t at_ = 0;            // member
};

}  // namespace farrier::elements
