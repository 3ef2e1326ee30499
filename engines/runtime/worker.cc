#include "engines/runtime/worker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engines/runtime/cpu_relax.h"
#include "engines/runtime/cpu_topology.h"

namespace farrier::runtime {
namespace {

// A core that others have had for more than this is shared: an idle spinner gives way.
constexpr double kShared = 0.05;

}  // namespace

absl::StatusOr<std::unique_ptr<Worker>> Worker::Create(WorkerOptions options) {
  if (options.clock == nullptr || options.loop.cycles == nullptr || options.loop.meter == nullptr) {
    return absl::InvalidArgumentError("a worker needs clock, cycles and meter");
  }
  absl::StatusOr<std::unique_ptr<Mailbox>> control = Mailbox::Create(*options.clock);
  if (!control.ok()) return control.status();
  return std::unique_ptr<Worker>(new Worker(std::move(options), *std::move(control)));
}

Worker::Worker(WorkerOptions options, std::unique_ptr<Mailbox> control)
    : options_(std::move(options)),
      control_(std::move(control)),
      core_(options_.loop, options_.sleeps, options_.max_spin),
      loop_(core_.loop()) {}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  // Waits for ever: an engine that hangs here must not outlive what it works on.
  (void)control_->Run([this] { stop_ = true; }, kNever);
  thread_.join();
}

void Worker::SetPeers(const std::vector<Worker*>& peers, Compaction& compaction) {
  peers_ = peers;
  std::vector<const WorkerFigures*> figures;
  size_t self = 0;
  for (size_t i = 0; i < peers.size(); ++i) {
    figures.push_back(&peers[i]->figures());
    if (peers[i] == this) self = i;
  }
  core_.SetPeers(std::move(figures), self, compaction);
}

absl::Status Worker::Start() {
  std::promise<absl::Status> started;
  thread_ = std::thread([this, &started] {
    pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
    tid_ = static_cast<pid_t>(syscall(SYS_gettid));
    pthread_getcpuclockid(pthread_self(), &cpu_clock_);
    absl::Status status = options_.cpus.empty() ? absl::OkStatus() : SetAffinity(0, options_.cpus);
    if (status.ok() && options_.node >= 0) status = PreferMemoryOfNode(options_.node);
    if (status.ok() && options_.on_thread_start) status = options_.on_thread_start();
    if (status.ok()) {
      grant_ = SetThreadClass(0, options_.thread_class);
      loop_.Begin(now_ = options_.clock->Now());
      control_->Open();
    }
    started.set_value(status);
    if (!status.ok()) return;
    Loop();
    if (options_.on_thread_end) options_.on_thread_end();
  });
  absl::Status status = started.get_future().get();
  if (!status.ok()) thread_.join();
  return status;
}

void Worker::Push(EngineSlot& slot) {
  slot.worker.store(this);
  slot.next = pushed_.load(std::memory_order_relaxed);
  // Pushing and the wake pair with Sleep: at least one side sees the other.
  while (!pushed_.compare_exchange_weak(slot.next, &slot)) {
  }
  control_->Wake();
}

void Worker::Send(EngineSlot& slot, Worker& to) {
  slot.sent_at = options_.clock->Now();
  loop_.Drop(slot);
  to.Push(slot);
}

void Worker::Drop(EngineSlot& slot) { loop_.Drop(slot); }

std::vector<EngineSlot*> Worker::TakePushed() {
  std::vector<EngineSlot*> slots;
  for (EngineSlot* slot = pushed_.exchange(nullptr); slot != nullptr;) {
    slots.push_back(slot);
    slot = std::exchange(slot->next, nullptr);
  }
  return slots;
}

void Worker::AdoptPushed() {
  if (pushed_.load(std::memory_order_relaxed) == nullptr) return;
  for (EngineSlot* slot : TakePushed()) loop_.Adopt(*slot, now_);
  core_.Publish();
}

void Worker::Loop() {
  while (!stop_) {
    now_ = options_.clock->Now();
    bool busy = control_->RunPending();
    if (busy) waiter_.Forget();
    AdoptPushed();
    const WorkerCore::Next next = core_.Round(
        now_, busy, [this](EngineSlot& slot, size_t peer) { Send(slot, *peers_[peer]); });
    if (loop_.guard().TakeSeized()) OnSeized();
    switch (next) {
      case WorkerCore::Next::kRound:
        break;
      case WorkerCore::Next::kRest:
        Rest();
        break;
      case WorkerCore::Next::kSleep:
        Sleep();
        break;
    }
  }
  AdoptPushed();
  for (EngineSlot* slot : loop_.engines()) slot->mailbox.Close();
}

// Idle, but not to sleep. A thread that sleeps later does not yield: it would come last on its
// core, after some milliseconds, where one that wakes comes first. Nor does one of SCHED_DEADLINE:
// it would give up the rest of the period.
void Worker::Rest() {
  if (!options_.sleeps && grant_.obtained == ThreadClass::kNice && loop_.shared() > kShared) {
    sched_yield();
  } else {
    CpuRelax();
  }
}

void Worker::Sleep() {
  wait_fds_.assign(1, {.fd = control_->wake_fd(), .edge_triggered = true});
  Nanoseconds deadline = kNever;
  if (!loop_.PrepareSleep(now_, wait_fds_, deadline)) return;
  if (control_->PrepareSleep() && pushed_.load() == nullptr) {
    if (loop_.TakeFdsMayHaveChanged()) waiter_.Forget();
    const Nanoseconds left = deadline == kNever ? kNever : deadline - options_.clock->Now();
    if (left > 0) {
      WorkerFigures& figures = core_.figures();
      figures.asleep.store(true);
      waiter_.Wait(wait_fds_, left);
      figures.asleep.store(false);
      figures.sleeps.store(figures.sleeps.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
      if (options_.on_wake) options_.on_wake();
    }
  }
  control_->EndSleep();
  now_ = options_.clock->Now();
  loop_.EndSleep(now_);
}

bool Worker::Quarantine(const PollGuard::Reading& reading, std::vector<EngineSlot*>& others) {
  if (!core_.Quarantine(reading, others)) return false;
  SetThreadClass(tid_, {.best = ThreadClass::kNice, .nice = 19});
  return true;
}

// The engine that this thread was stuck in has come out.
void Worker::OnSeized() {
  // Not to SCHED_DEADLINE again: Linux (6.18) never runs a thread any more that left that class
  // while it was throttled and came back.
  ThreadClassRequest request = options_.thread_class;
  request.best = std::min(request.best, ThreadClass::kFifo);
  SetThreadClass(0, request);
  core_.EndQuarantine();
}

}  // namespace farrier::runtime
