#include "engines/runtime/sleeping_group.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engines/runtime/fd_waiter.h"

namespace farrier::runtime {
namespace {

// How long a busy thread may go without taking its CPU time.
constexpr Nanoseconds kAccountEvery = kMillisecond;

struct Member {
  Engine* engine;
  Mailbox* mailbox;
  EngineUsage usage;
  Nanoseconds in_poll = 0;  // wall time since the last accounting
};

class SleepingGroup final : public EngineGroup {
 public:
  SleepingGroup(SleepingGroupOptions options, std::unique_ptr<Mailbox> control)
      : options_(std::move(options)), control_(std::move(control)) {}
  ~SleepingGroup() override;

  absl::Status Start();
  absl::Status Add(Engine& engine, Mailbox& mailbox) override;
  absl::Status Remove(Engine& engine) override;
  absl::StatusOr<EngineUsage> Usage(const Engine& engine) override;

 private:
  // On the group's thread.
  void Run();
  bool PollAll();
  void Sleep();
  void Account();
  std::vector<Member>::iterator Find(const Engine& engine);
  absl::Status Answer(absl::FunctionRef<absl::Status()> question);

  const SleepingGroupOptions options_;
  const std::unique_ptr<Mailbox> control_;
  std::thread thread_;

  // Of the group's thread alone.
  bool stop_ = false;
  std::vector<Member> members_;
  Nanoseconds now_ = 0;  // read once per round
  FdWaiter waiter_;
  std::vector<WaitFd> wait_fds_;
  WaitSet wait_set_;
  Nanoseconds accounted_at_ = 0;
  Nanoseconds accounted_cpu_ = 0;
};

absl::Status SleepingGroup::Start() {
  std::promise<absl::Status> started;
  thread_ = std::thread([this, &started] {
    pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
    const absl::Status status =
        options_.on_thread_start ? options_.on_thread_start() : absl::OkStatus();
    if (status.ok()) control_->Open();
    started.set_value(status);
    if (!status.ok()) return;
    Run();
    if (options_.on_thread_end) options_.on_thread_end();
  });
  return started.get_future().get();
}

SleepingGroup::~SleepingGroup() {
  if (!thread_.joinable()) return;
  // Waits for ever: an engine that hangs here must not outlive what it works on.
  (void)control_->Run([this] { stop_ = true; }, kNever);
  thread_.join();
}

// Runs `question` on the group's thread and returns what it says.
absl::Status SleepingGroup::Answer(absl::FunctionRef<absl::Status()> question) {
  absl::Status answer;
  const absl::Status asked = control_->Run([&] { answer = question(); }, options_.control_timeout);
  return asked.ok() ? answer : asked;
}

absl::Status SleepingGroup::Add(Engine& engine, Mailbox& mailbox) {
  return Answer([&]() -> absl::Status {
    if (Find(engine) != members_.end()) {
      return absl::AlreadyExistsError(
          absl::StrCat("engine is in group ", options_.name, " already"));
    }
    members_.push_back({.engine = &engine, .mailbox = &mailbox});
    mailbox.Open();
    return absl::OkStatus();
  });
}

absl::Status SleepingGroup::Remove(Engine& engine) {
  return Answer([&]() -> absl::Status {
    const auto member = Find(engine);
    if (member == members_.end()) {
      return absl::NotFoundError(absl::StrCat("engine is not in group ", options_.name));
    }
    member->mailbox->Close();
    members_.erase(member);
    return absl::OkStatus();
  });
}

absl::StatusOr<EngineUsage> SleepingGroup::Usage(const Engine& engine) {
  EngineUsage usage;
  const absl::Status status = Answer([&]() -> absl::Status {
    const auto member = Find(engine);
    if (member == members_.end()) {
      return absl::NotFoundError(absl::StrCat("engine is not in group ", options_.name));
    }
    Account();
    usage = member->usage;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return usage;
}

std::vector<Member>::iterator SleepingGroup::Find(const Engine& engine) {
  return std::find_if(members_.begin(), members_.end(),
                      [&](const Member& member) { return member.engine == &engine; });
}

void SleepingGroup::Run() {
  accounted_cpu_ = options_.cpu_clock->Now();
  // Spinning pays while input keeps coming soon after the last; sleeping in vain halves it.
  int spin_limit = options_.max_spins;
  int spins = 0;
  while (!stop_) {
    now_ = options_.clock->Now();
    if (PollAll()) {
      if (spins > 0) spin_limit = std::min(2 * spin_limit + 1, options_.max_spins);
      spins = 0;
    } else if (spins < spin_limit) {
      ++spins;
      sched_yield();
    } else {
      spin_limit = std::min(std::max(spin_limit / 2, 1), options_.max_spins);
      spins = 0;
      Sleep();
    }
    if (now_ - accounted_at_ >= kAccountEvery) Account();
  }
  for (Member& member : members_) member.mailbox->Close();
}

// One round; true if there was anything to do.
bool SleepingGroup::PollAll() {
  bool busy = false;
  if (control_->RunPending()) {
    waiter_.Forget();
    busy = true;
  }
  Nanoseconds before = now_;
  for (Member& member : members_) {
    if (member.mailbox->RunPending()) {
      waiter_.Forget();
      busy = true;
    }
    const int inputs = member.engine->Poll(now_, options_.budget);
    if (inputs > 0) busy = true;
    ++member.usage.polls;
    member.usage.inputs += inputs;
    if (members_.size() > 1) {
      const Nanoseconds after = options_.clock->Now();
      member.in_poll += after - before;
      before = after;
    }
  }
  return busy;
}

void SleepingGroup::Sleep() {
  wait_fds_.assign(1, {.fd = control_->wake_fd(), .edge_triggered = true});
  Nanoseconds deadline = kNever;
  for (Member& member : members_) {
    wait_set_.fds.clear();
    wait_set_.deadline = kNever;
    wait_set_.busy = false;
    member.engine->PrepareWait(now_, wait_set_);
    if (wait_set_.busy) return;
    deadline = std::min(deadline, wait_set_.deadline);
    wait_fds_.push_back({.fd = member.mailbox->wake_fd(), .edge_triggered = true});
    for (int fd : wait_set_.fds) wait_fds_.push_back({.fd = fd});
  }
  if (deadline == kNever) {
    waiter_.Wait(wait_fds_, kNever);
    return;
  }
  const Nanoseconds left = deadline - options_.clock->Now();
  if (left > 0) waiter_.Wait(wait_fds_, left);
}

// Shares the CPU time since the last accounting among the members.
void SleepingGroup::Account() {
  const Nanoseconds cpu = options_.cpu_clock->Now();
  const Nanoseconds used = cpu - accounted_cpu_;
  accounted_cpu_ = cpu;
  accounted_at_ = now_;
  Nanoseconds in_poll = 0;
  for (const Member& member : members_) in_poll += member.in_poll;
  for (Member& member : members_) {
    const double share =
        in_poll > 0 ? static_cast<double>(member.in_poll) / in_poll : 1.0 / members_.size();
    member.usage.cpu += static_cast<Nanoseconds>(used * share);
    member.in_poll = 0;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<EngineGroup>> StartSleepingGroup(SleepingGroupOptions options) {
  if (options.clock == nullptr || options.cpu_clock == nullptr) {
    return absl::InvalidArgumentError("an engine group needs clock and cpu_clock");
  }
  absl::StatusOr<std::unique_ptr<Mailbox>> control = Mailbox::Create(*options.clock);
  if (!control.ok()) return control.status();
  auto group = std::make_unique<SleepingGroup>(std::move(options), *std::move(control));
  if (const absl::Status status = group->Start(); !status.ok()) return status;
  return group;
}

}  // namespace farrier::runtime
