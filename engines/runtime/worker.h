#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/compactor.h"
#include "engines/runtime/engine_slot.h"
#include "engines/runtime/fd_waiter.h"
#include "engines/runtime/mailbox.h"
#include "engines/runtime/poll_loop.h"
#include "engines/runtime/thread_class.h"
#include "engines/runtime/worker_core.h"

namespace farrier::runtime {

struct WorkerOptions {
  std::string name;              // of the thread; 15 characters are seen
  int number = 0;                // of the thread in its group
  const Clock* clock = nullptr;  // what engines are told
  PollLoopOptions loop;
  std::vector<int> cpus;  // the thread is bound to them; empty: it is not
  int node = -1;          // NUMA node to take memory from; -1: any
  ThreadClassRequest thread_class;
  bool sleeps = true;                             // when idle; false: it spins
  Nanoseconds max_spin = 0;                       // before it sleeps
  std::function<void()> on_wake;                  // on the thread, after each sleep; may be empty
  std::function<absl::Status()> on_thread_start;  // on the thread, first; may be empty
  std::function<void()> on_thread_end;            // on the thread, last
};

// A thread that polls engines. Engines come by Push, from any thread, and leave by Send, on the
// worker's own thread, for instance from a closure of the engine's mailbox.
class Worker {
 public:
  // InvalidArgument without what it needs; ResourceExhausted without fds.
  static absl::StatusOr<std::unique_ptr<Worker>> Create(WorkerOptions options);
  // Ends the thread once no engine is stuck in it; its engines' mailboxes are closed.
  ~Worker();

  // Compacting: `peers` in the order of their numbers, this one among them, and what they share.
  // Both outlive this. Before Start.
  void SetPeers(const std::vector<Worker*>& peers, Compaction& compaction);

  // Starts the thread; returns when it runs or failed to, as on_thread_start says.
  absl::Status Start();

  // From now on no engine is handed to a peer; one that is already may still be. Any thread.
  void StopMoving() { core_.StopMoving(); }

  // Hands an engine, which no thread has, to this worker. Any thread.
  void Push(EngineSlot& slot);

  // Hands an engine that this worker has to another; or to nobody. The worker's thread.
  void Send(EngineSlot& slot, Worker& to);
  void Drop(EngineSlot& slot);

  // Runs `closure` on the thread, between two rounds. As Mailbox::Run.
  absl::Status Run(absl::FunctionRef<void()> closure, Nanoseconds timeout) {
    return control_->Run(closure, timeout);
  }

  // Has the figures of its engines published anew. The worker's thread.
  void Account() { core_.Account(options_.clock->Now()); }

  // Watchdog. The thread has been in `reading` too long: takes its other engines away and, if the
  // thread may preempt others, takes that right from it until it comes out. False: it has come out.
  bool Quarantine(const PollGuard::Reading& reading, std::vector<EngineSlot*>& others);
  // What was pushed and not begun with.
  std::vector<EngineSlot*> TakePushed();
  bool quarantined() const { return figures().quarantined.load(std::memory_order_relaxed); }
  PollGuard& guard() { return loop_.guard(); }

  int number() const { return options_.number; }
  const WorkerOptions& options() const { return options_; }
  pid_t tid() const { return tid_; }
  const ThreadClassGrant& grant() const { return grant_; }
  const WorkerFigures& figures() const { return core_.figures(); }
  clockid_t cpu_clock() const { return cpu_clock_; }

 private:
  Worker(WorkerOptions options, std::unique_ptr<Mailbox> control);
  void Loop();
  void AdoptPushed();
  void Rest();
  void Sleep();
  void OnSeized();

  const WorkerOptions options_;
  const std::unique_ptr<Mailbox> control_;
  WorkerCore core_;
  PollLoop& loop_;  // the core's
  std::thread thread_;
  pid_t tid_ = 0;
  clockid_t cpu_clock_ = 0;
  ThreadClassGrant grant_;
  std::atomic<EngineSlot*> pushed_{nullptr};  // a stack

  // Of the thread alone.
  bool stop_ = false;
  Nanoseconds now_ = 0;  // read once per round
  FdWaiter waiter_;
  std::vector<WaitFd> wait_fds_;
  std::vector<Worker*> peers_;
};

}  // namespace farrier::runtime
