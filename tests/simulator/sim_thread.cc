#include "tests/simulator/sim_thread.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

namespace farrier::sim {

using runtime::EngineSlot;
using runtime::WaitFd;
using runtime::WorkerCore;

namespace {

// Whether any is readable. One that is waited for by its edge is readable once, as with epoll.
bool AnyReadable(const std::vector<WaitFd>& fds) {
  if (fds.empty()) return false;
  std::vector<pollfd> entries;
  for (const WaitFd& each : fds) entries.push_back({.fd = each.fd, .events = POLLIN, .revents = 0});
  if (poll(entries.data(), entries.size(), 0) <= 0) return false;
  for (size_t i = 0; i < fds.size(); ++i) {
    eventfd_t value;
    if (entries[i].revents != 0 && fds[i].edge_triggered) eventfd_read(fds[i].fd, &value);
  }
  return true;
}

}  // namespace

void VirtualCpu::Charge(Nanoseconds cost, Nanoseconds interrupted) {
  busy_until_ = Now() + cost + interrupted;
  used_ += cost;
}

void VirtualCpu::StopSpin() {
  if (spins_since_ != kNever) used_ += queue_.Now() - std::exchange(spins_since_, kNever);
}

Nanoseconds VirtualCpu::CpuTime() const {
  return used_ + (spins_since_ == kNever ? 0 : queue_.Now() - spins_since_);
}

SimThread* SimThread::running_ = nullptr;

SimThread::SimThread(EventQueue& queue, Random random, Options options)
    : queue_(queue),
      random_(std::move(random)),
      options_(std::move(options)),
      cpu_(queue),
      core_({.cycles = &cpu_, .meter = &cpu_, .poll_limit = options_.poll_limit}, options_.sleeps,
            options_.max_spin),
      stuck_(options_.hang_limit),
      timer_(queue, [this] { Step(); }) {
  core_.loop().Begin(queue_.Now());
  state_ = State::kRounds;
  timer_.Set(queue_.Now() + random_.Uniform(kMicrosecond, options_.times.slowest_wake));
}

SimThread::~SimThread() {
  if (round_ == nullptr) return;
  ending_ = true;
  core_.StopMoving();
  GoOn();
}

void SimThread::Push(EngineSlot& slot) {
  pushed_.push_back(&slot);
  Wake();
}

void SimThread::Take(EngineSlot& slot) {
  if (std::erase(pushed_, &slot) != 0) return;
  if (state_ == State::kAsleep) {
    EndSleep();
    state_ = State::kRounds;
    if (!frozen_) timer_.SetNoLaterThan(queue_.Now());
  }
  core_.loop().Drop(slot);
  core_.Publish();
}

void SimThread::Wake() {
  if (frozen_) return;
  const ThreadTimes& times = options_.times;
  if (state_ == State::kAsleep) {
    timer_.SetNoLaterThan(queue_.Now() + random_.Uniform(kMicrosecond, times.slowest_wake));
  } else if (state_ == State::kResting) {
    // The rounds that were left out have found nothing until now.
    for (EngineSlot* slot : core_.loop().engines()) slot->polled_at = queue_.Now();
    timer_.SetNoLaterThan(queue_.Now() + random_.Uniform(0, times.poll_cost));
  }
}

void SimThread::WakeBy(int fd) {
  const bool waits =
      std::any_of(fds_.begin(), fds_.end(), [&](const WaitFd& each) { return each.fd == fd; });
  if (waits) Wake();
}

void SimThread::Posted() {
  mail_ = true;
  if (state_ == State::kResting || AnyReadable(fds_)) Wake();
}

void SimThread::Freeze() {
  frozen_ = true;
  timer_.Cancel();
  if (state_ == State::kResting) {
    cpu_.StopSpin();
    state_ = State::kRounds;
  }
}

void SimThread::Thaw() {
  frozen_ = false;
  // A sleeper is woken for nothing, maybe, as happens.
  timer_.Set(queue_.Now() + random_.Uniform(0, options_.times.slowest_wake));
}

void SimThread::Step() {
  switch (state_) {
    case State::kToRest:
      return Rest();
    case State::kToSleep:
      return Sleep();
    case State::kAsleep:
      EndSleep();
      break;
    case State::kResting:
      cpu_.StopSpin();
      break;
    case State::kInPoll:
      return GoOn();
    case State::kRounds:
      break;
  }
  Round();
}

void SimThread::Round() {
  const auto may_stay = [this](EngineSlot* slot) { return options_.may_stay(*slot); };
  const std::vector<EngineSlot*>& engines = core_.loop().engines();
  if (std::none_of(engines.begin(), engines.end(), may_stay) &&
      std::none_of(pushed_.begin(), pushed_.end(), may_stay)) {
    return WholeRound();
  }
  round_ = std::make_unique<Aside>([this] { WholeRound(); });
  GoOn();
}

void SimThread::GoOn() {
  round_->Resume();
  if (round_->ended()) round_.reset();
}

bool SimThread::Stay(const LongPoll& poll) {
  state_ = State::kInPoll;
  sleeps_in_poll_ = poll.how == LongPoll::How::kSleeps;
  if (sleeps_in_poll_) cpu_.Block();
  if (poll.how == LongPoll::How::kComputes) cpu_.Spin();
  timer_.Set(cpu_.Now() + poll.time);
  running_ = nullptr;
  round_->Pause();
  running_ = this;
  cpu_.StopSpin();
  return !ending_;
}

bool SimThread::Quarantine(std::vector<EngineSlot*>& others) {
  const runtime::PollGuard::Reading reading = core_.loop().guard().Read();
  const runtime::StuckDetector::Verdict verdict =
      stuck_.Check(queue_.Now(), reading, cpu_.CpuTime(), [this] { return sleeps_in_poll_; });
  return verdict != runtime::StuckDetector::Verdict::kFine && core_.Quarantine(reading, others);
}

// As Worker::Loop.
void SimThread::WholeRound() {
  const Nanoseconds now = queue_.Now();
  state_ = State::kRounds;
  mail_ = false;
  fds_.clear();
  running_ = this;
  cpu_.Charge(options_.times.round_cost);
  for (EngineSlot* slot : std::exchange(pushed_, {})) core_.loop().Adopt(*slot, now);
  core_.Publish();
  const WorkerCore::Next next = core_.Round(now, /*busy=*/false, options_.hand_on);
  if (core_.loop().guard().TakeSeized()) core_.EndQuarantine();
  running_ = nullptr;
  state_ = next == WorkerCore::Next::kRound  ? State::kRounds
           : next == WorkerCore::Next::kRest ? State::kToRest
                                             : State::kToSleep;
  timer_.Set(cpu_.Now());
}

// Goes on looking. What could make the next round find something is what a sleeper waits for.
void SimThread::Rest() {
  Nanoseconds deadline = core_.rests_until();
  bool busy = mail_ || !pushed_.empty();
  fds_.clear();
  for (EngineSlot* slot : core_.loop().engines()) {
    wait_.fds.clear();
    wait_.deadline = kNever;
    wait_.busy = false;
    slot->engine.PrepareWait(queue_.Now(), wait_);
    busy |= wait_.busy;
    deadline = std::min(deadline, wait_.deadline);
    for (int fd : wait_.fds) fds_.push_back({.fd = fd});
  }
  if (busy || AnyReadable(fds_)) return Round();
  state_ = State::kResting;
  cpu_.Spin();
  if (deadline != kNever) timer_.Set(deadline + random_.Uniform(0, options_.times.poll_cost));
}

// As Worker::Sleep.
void SimThread::Sleep() {
  const Nanoseconds now = queue_.Now();
  fds_.clear();
  Nanoseconds deadline = kNever;
  if (!core_.loop().PrepareSleep(now, fds_, deadline)) return Round();
  core_.loop().TakeFdsMayHaveChanged();
  cpu_.Block();
  core_.figures().asleep.store(true);
  core_.figures().sleeps.store(core_.figures().sleeps.load() + 1);
  state_ = State::kAsleep;
  if (deadline != kNever) {
    timer_.Set(deadline + random_.Uniform(0, options_.times.slowest_wake));
  }
  if (!pushed_.empty() || AnyReadable(fds_)) Wake();
}

void SimThread::EndSleep() {
  core_.figures().asleep.store(false);
  core_.loop().EndSleep(queue_.Now());
}

}  // namespace farrier::sim
