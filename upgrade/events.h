#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "engines/runtime/clock.h"
#include "upgrade/messages.pb.h"

namespace farrier::upgrade {

using runtime::Nanoseconds;

// Place of an engine in the hand-over (Welcome.engines).
using EngineIndex = uint32_t;

// Pieces of an engine's state, opaque.
using Records = google::protobuf::RepeatedPtrField<Record>;

// States of an owner's row on the card, as in the register map.
enum class RowState : uint8_t { kDetached = 0, kAttached = 1, kHeld = 2, kDrop = 3 };

// An owner's row as one process sees it.
struct Row {
  RowState state = RowState::kDetached;
  bool mine = false;        // it delivers to this process' function
  uint16_t generation = 0;  // 12 bits
};

// The generation that an accepted ATTACHED leaves behind.
constexpr uint16_t NextGeneration(uint16_t generation) { return (generation + 1) & 0xFFF; }

// What a side wants done; the event that answers is named behind the arrow. Whatever can fail may
// also be answered by Failed. What is done to engines is done in the order wanted (one control
// thread does it); the outcome of the rest, and what is awaited, comes when it comes.

// To the other side
struct Send {
  Message message;
};
// SIGKILL and await the exit → PeerExited
struct KillPeer {};
// → RowIs
struct ReadRow {
  EngineIndex engine;
};
// Writes the switch word for this process' own function and queues, and reads it back → RowIs
struct WriteRow {
  EngineIndex engine;
  RowState state;
  uint16_t expected_generation;
};

// Of the old side.
// What the new one needs to prepare, or the rest → AttachmentsSent
struct SendAttachments {
  bool last;
};
// A part, while the engine runs → SnapshotTaken
struct TakeSnapshot {
  EngineIndex engine;
};
// Until MARK was seen on all queues → MarkSeen
struct AwaitMark {
  EngineIndex engine;
};
// Out of its group → EngineStopped
struct StopEngine {
  EngineIndex engine;
};
// → DeltaTaken
struct TakeDelta {
  EngineIndex engine;
};
// Until the card saw the last packet sent → TxDrainedOut
struct AwaitTxDrained {
  EngineIndex engine;
};
// With its state, if stopped → EngineRuns
struct ResumeEngine {
  EngineIndex engine;
  uint16_t generation;
};
// No Delta is going to be asked for
struct DropSnapshot {
  EngineIndex engine;
};
// Another process has it: touch nothing of it any more
struct ReleaseEngine {
  EngineIndex engine;
};

// Of the new side.
// With the descriptors that came beside it
struct AcceptAttachment {
  Attachment attachment;
};
// Ready to restore → EnginesPrepared
struct PrepareEngines {
  std::vector<EngineSpec> engines;
};
// → Restored
struct Restore {
  EngineIndex engine;
  Records records;
};
// As restored → EngineRuns
struct StartEngine {
  EngineIndex engine;
  uint16_t generation;
};
// Be the daemon: serve sockets
struct Serve {};

// Of both: crash recovery. An empty engine with a new epoch, whatever was restored or is left →
// EngineRuns
struct StartFresh {
  EngineIndex engine;
  uint16_t generation;
};

using Action =
    std::variant<Send, KillPeer, ReadRow, WriteRow, SendAttachments, TakeSnapshot, AwaitMark,
                 StopEngine, TakeDelta, AwaitTxDrained, ResumeEngine, DropSnapshot, ReleaseEngine,
                 AcceptAttachment, PrepareEngines, Restore, StartEngine, Serve, StartFresh>;
using Actions = std::vector<Action>;

// What happened.

struct PeerSaid {
  Message message;
};
// End of file, or words that make no sense
struct PeerGone {};
// The process is no more
struct PeerExited {};
// Nullopt: the card could not be asked
struct RowIs {
  EngineIndex engine;
  std::optional<Row> row;
};
struct AttachmentsSent {};
struct SnapshotTaken {
  EngineIndex engine;
  Records records;
  bool last;
};
struct MarkSeen {
  EngineIndex engine;
};
struct EngineStopped {
  EngineIndex engine;
};
struct DeltaTaken {
  EngineIndex engine;
  Records records;
};
struct TxDrainedOut {
  EngineIndex engine;
};
struct EnginesPrepared {};
struct Restored {
  EngineIndex engine;
};
struct EngineRuns {
  EngineIndex engine;
};
// Nullopt: not about one engine
struct Failed {
  absl::Status status;
  std::optional<EngineIndex> engine;
};
// NextDeadline() has come
struct Timeout {};

using Event = std::variant<PeerSaid, PeerGone, PeerExited, RowIs, AttachmentsSent, SnapshotTaken,
                           MarkSeen, EngineStopped, DeltaTaken, TxDrainedOut, EnginesPrepared,
                           Restored, EngineRuns, Failed, Timeout>;

enum class Outcome {
  kUnderWay,
  kCompleted,  // old: its work is done, it may exit. New: it is the daemon.
  kGivenUp,    // old: it is the daemon as before. New: it has nothing and is to exit.
};

}  // namespace farrier::upgrade
