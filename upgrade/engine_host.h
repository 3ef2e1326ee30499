#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/state.h"
#include "upgrade/channel.h"
#include "upgrade/events.h"

namespace farrier::upgrade {

// The owners' rows on the card, as one process reaches them.
class RowAccess {
 public:
  virtual ~RowAccess() = default;
  virtual absl::StatusOr<Row> Read(EngineIndex engine) = 0;
  // The switch word with this process' own function and queues. After an error it is not known
  // whether the card saw it.
  virtual absl::Status Write(EngineIndex engine, RowState state, uint16_t expected_generation) = 0;
};

// The process at the other end.
class PeerProcess {
 public:
  virtual ~PeerProcess() = default;
  virtual void Kill() = 0;  // SIGKILL; nothing if it has exited
  virtual bool HasExited() = 0;
};

// What a process does with its engines in a hand-over; farrierd, and the simulator's host, are one.
// Called by Driver on the control thread; a call may wait for an engine's thread (mailbox),
// no longer than that engine's poll takes. Engines are those of Welcome.engines.
class EngineHost {
 public:
  virtual ~EngineHost() = default;

  // Old side. Engines run in their groups.

  // Posts attachments. First (last = false) everything the new one needs to prepare; at the end,
  // when all engines have moved and the sockets are served no more, the rest. The host may post
  // others at any time in between: what an engine's records refer to must go before them.
  virtual absl::Status SendAttachments(bool last, Channel& channel) = 0;

  // A part of the snapshot; true = that was all (Engine::Snapshot, by mailbox).
  virtual absl::StatusOr<bool> TakeSnapshot(EngineIndex engine, runtime::StateSink& sink) = 0;

  // Polled: has MARK come on all queues?
  virtual absl::StatusOr<bool> MarkSeen(EngineIndex engine) = 0;

  // Out of its group. OK if it is so already.
  virtual absl::Status Stop(EngineIndex engine) = 0;

  // The stopped engine's Delta.
  virtual absl::Status TakeDelta(EngineIndex engine, runtime::StateSink& sink) = 0;

  // Polled, when stopped: has the card seen the last packet sent?
  virtual absl::StatusOr<bool> TxDrained(EngineIndex engine) = 0;

  // The row is ours again: packets carry `generation` from now on, and the engine is in its group
  // (again).
  virtual absl::Status Resume(EngineIndex engine, uint16_t generation) = 0;

  // The snapshot that was begun, or was whole, is not used: the engine need not remember for Delta.
  virtual void DropSnapshot(EngineIndex engine) = 0;

  // Another process has the engine. Nothing of it, least of all app memory, is touched any more;
  // but StartFresh may still come.
  virtual void Release(EngineIndex engine) = 0;

  // New side.

  // Takes one attachment over, in the order sent. An error gives the hand-over up.
  virtual absl::Status Accept(const Attachment& attachment, std::vector<runtime::UniqueFd> fds) = 0;

  // Polled: brings up ports and empty engines; true when they are ready for Restore.
  virtual absl::StatusOr<bool> Prepare(const std::vector<EngineSpec>& engines) = 0;

  // Records in the order written: those of the snapshot in as many calls as they come in, then
  // those of the delta in one.
  virtual absl::Status Restore(EngineIndex engine, runtime::StateSource& source) = 0;

  // The row is ours: packets carry `generation`, the restored engine runs, doorbells count as rung.
  virtual absl::Status Start(EngineIndex engine, uint16_t generation) = 0;

  // Becomes the daemon.
  virtual void Serve() = 0;

  // Both. Crash recovery: the row is ours, the state is lost. Whatever there is of this engine is
  // thrown away, and an empty one with a new epoch runs; its apps' connections are reset.
  virtual absl::Status StartFresh(EngineIndex engine, uint16_t generation) = 0;
};

}  // namespace farrier::upgrade
