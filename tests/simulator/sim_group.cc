#include "tests/simulator/sim_group.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engines/runtime/placement.h"

namespace farrier::sim {

using runtime::Engine;
using runtime::EngineSlot;
using runtime::GroupMode;
using runtime::GroupOptions;

namespace {

constexpr size_t kCores = 4;  // threads of a group that does not say how many
constexpr Nanoseconds kInspectEvery = 10 * kMillisecond;  // as EngineGroup's watchdog

}  // namespace

struct SimGroup::Member {
  Member(EventQueue& queue, Random random, const ThreadTimes& times, Engine& engine,
         int engine_weight, SimEngine::Hooks hooks)
      : sim(queue, std::move(random), times, engine, std::move(hooks)),
        mailbox(runtime::Mailbox::Create(queue).value()),
        slot(std::string(engine.kind()), sim, *mailbox, engine_weight),
        weight(engine_weight),
        way(queue, [this] { Arrive(); }) {}

  void Arrive() {
    arrived = true;
    sim.set_thread(thread);
    thread->Push(slot);
  }

  SimEngine sim;
  std::unique_ptr<runtime::Mailbox> mailbox;
  EngineSlot slot;
  const int weight;
  SimThread* thread = nullptr;  // that has it or is to get it
  bool arrived = false;         // there
  Timer way;                    // to it
};

SimGroup::SimGroup(EventQueue& queue, Random random, const SimGroupOptions& options, Fail fail)
    : queue_(queue),
      random_(std::move(random)),
      options_(options),
      fail_(std::move(fail)),
      control_(queue, [this] { StepControl(); }),
      watch_(queue, [this] { CheckForgotten(); }),
      watchdog_(queue, [this] { Inspect(); }) {
  formation_ = Form(options.group);
}

SimGroup::~SimGroup() = default;

GroupOptions SimGroup::Draw(Random& random) {
  constexpr GroupMode kModes[] = {GroupMode::kDedicating, GroupMode::kSpreading,
                                  GroupMode::kCompacting};
  GroupOptions options{.mode = kModes[random.Uniform(0, 2)]};
  options.threads = static_cast<int>(random.Uniform(1, 3));
  options.delay_target = random.LogUniform(10 * kMicrosecond, 500 * kMicrosecond);
  options.max_spin = random.Chance(0.5) ? 0 : random.Uniform(0, 20 * kMicrosecond);
  return options;
}

// ---- Threads.

SimThread& SimGroup::AddThread(Formation& formation) {
  const GroupOptions& options = formation.options;
  formation.threads.push_back(std::make_unique<SimThread>(
      queue_, Random(random_.Bits()),
      SimThread::Options{.times = options_.times,
                         .sleeps = options.mode != GroupMode::kDedicating,
                         .max_spin = options.max_spin,
                         .poll_limit = options.poll_limit,
                         .hand_on =
                             [this, &formation](EngineSlot& slot, size_t peer) {
                               const Nanoseconds now = SimThread::running()->cpu().Now();
                               Send(MemberOf(slot), *formation.threads[peer], now);
                             },
                         .may_stay =
                             [this](const EngineSlot& slot) {
                               return watchdog_.pending() && MemberOf(slot).sim.stays();
                             },
                         .hang_limit = options.hang_limit}));
  return *formation.threads.back();
}

std::unique_ptr<SimGroup::Formation> SimGroup::Form(const GroupOptions& options) {
  auto formation = std::make_unique<Formation>(Formation{.options = options});
  if (options.mode == GroupMode::kSpreading) return formation;  // threads come with their engines
  const size_t count = options.threads > 0 ? options.threads : kCores;
  std::vector<const runtime::WorkerFigures*> figures;
  for (size_t i = 0; i < count; ++i) figures.push_back(&AddThread(*formation).core().figures());
  if (options.mode == GroupMode::kCompacting) {
    formation->compaction = std::make_unique<runtime::Compaction>(options.delay_target);
    for (size_t i = 0; i < count; ++i) {
      formation->threads[i]->core().SetPeers(figures, i, *formation->compaction);
    }
  }
  return formation;
}

// A thread for an engine, made if need be. As EngineGroup::Place.
SimThread& SimGroup::Place() {
  std::vector<runtime::ThreadPlace> places;
  for (const std::unique_ptr<SimThread>& thread : formation_->threads) {
    runtime::ThreadPlace& place = places.emplace_back();
    place.stuck = thread->quarantined();
    for (const std::unique_ptr<Member>& member : members_) {
      if (member->thread == thread.get()) place.weight += member->weight;
    }
  }
  const size_t index = runtime::PlaceEngine(formation_->options.mode, places);
  return index == places.size() ? AddThread(*formation_) : *formation_->threads[index];
}

// ---- Engines.

SimGroup::Member* SimGroup::Find(const Engine& engine) const {
  for (const std::unique_ptr<Member>& member : members_) {
    if (&member->sim.engine() == &engine) return member.get();
  }
  return nullptr;
}

SimGroup::Member& SimGroup::MemberOf(const EngineSlot& slot) const {
  return **std::find_if(members_.begin(), members_.end(),
                        [&](const auto& member) { return &member->slot == &slot; });
}

void SimGroup::Add(Engine& engine, int weight, std::function<void()> before_poll,
                   std::function<void()> after_poll) {
  members_.push_back(
      std::make_unique<Member>(queue_, Random(random_.Bits()), options_.times, engine, weight,
                               SimEngine::Hooks{.before_poll = std::move(before_poll),
                                                .after_poll = std::move(after_poll),
                                                .fail = fail_}));
  Member& member = *members_.back();
  member.mailbox->Open();
  Send(member, Place(), queue_.Now());
  WatchFrom(queue_.Now());
}

void SimGroup::Send(Member& member, SimThread& to, Nanoseconds when) {
  if (member.thread != nullptr) {
    member.slot.sent_at = when;
    member.thread->Take(member.slot);
    ++migrations_;
  }
  Hand(member, to, when);
}

void SimGroup::Hand(Member& member, SimThread& to, Nanoseconds when) {
  member.sim.set_thread(nullptr);
  member.thread = &to;
  member.arrived = false;
  member.way.Set(when + random_.Uniform(0, options_.times.slowest_hand_over));
}

void SimGroup::TakeFromItsThread(Member& member) {
  if (member.arrived) member.thread->Take(member.slot);
  member.way.Cancel();
}

void SimGroup::Remove(const Engine& engine) {
  Member* const member = Find(engine);
  if (member == nullptr) return;
  TakeFromItsThread(*member);
  member->mailbox->Close();
  if (posted_to_ == member) {
    member->mailbox->Collect();
    posted_to_ = nullptr;
    control_.SetNoLaterThan(queue_.Now());
  }
  std::erase(to_move_, &engine);
  std::erase_if(members_, [&](const auto& each) { return each.get() == member; });
}

void SimGroup::Stay(const Engine& engine, const LongPoll& poll) {
  Find(engine)->sim.Stay(poll);
  watchdog_.SetNoLaterThan(queue_.Now() + kInspectEvery);
  Wake(engine);
}

// As EngineGroup::Inspect.
void SimGroup::Inspect() {
  // Rescue may add threads.
  for (size_t i = 0; i < formation_->threads.size(); ++i) {
    SimThread& thread = *formation_->threads[i];
    std::vector<EngineSlot*> others;
    if (thread.quarantined()) {
      others = thread.TakePushed();
    } else if (thread.Quarantine(others)) {
      ++quarantines_;
    }
    Rescue(others);
  }
  watchdog_.Set(queue_.Now() + kInspectEvery);
}

// As EngineGroup::Rescue.
void SimGroup::Rescue(const std::vector<EngineSlot*>& slots) {
  if (slots.empty()) return;
  SimThread* to = formation_->options.mode == GroupMode::kCompacting ? &Place() : nullptr;
  if (to == nullptr || to->quarantined()) to = &AddThread(*formation_);
  for (EngineSlot* slot : slots) Hand(MemberOf(*slot), *to, queue_.Now());
}

void SimGroup::Wake(const Engine& engine) {
  Member* const member = Find(engine);
  if (member == nullptr) return;
  member->sim.Want(queue_.Now());
  WatchFrom(queue_.Now());
  if (member->arrived) member->thread->Wake();
}

void SimGroup::LookAtFds() {
  for (const std::unique_ptr<Member>& member : members_) {
    for (int fd : member->sim.ReadableFds()) {
      member->sim.Want(queue_.Now());
      WatchFrom(queue_.Now());
      if (member->arrived) member->thread->WakeBy(fd);
    }
  }
}

void SimGroup::Freeze() {
  frozen_ = true;
  watch_.Cancel();
  ForEachThread([](SimThread& thread) { thread.Freeze(); });
}

void SimGroup::Thaw() {
  frozen_ = false;
  thawed_at_ = queue_.Now();
  ForEachThread([](SimThread& thread) { thread.Thaw(); });
  control_.Set(queue_.Now() + random_.Uniform(0, options_.times.slowest_wake));
  WatchFrom(queue_.Now());
}

void SimGroup::ForEachThread(absl::FunctionRef<void(SimThread&)> what) const {
  for (const auto* formation : {retired_.get(), formation_.get()}) {
    if (formation == nullptr) continue;
    for (const std::unique_ptr<SimThread>& thread : formation->threads) what(*thread);
  }
}

// ---- Control.

void SimGroup::Reconfigure(const GroupOptions& options) {
  wanted_.push_back(options);
  if (!moving_) control_.SetNoLaterThan(queue_.Now());
}

// As EngineGroup::Reconfigure, where each wait is the end of a step.
void SimGroup::StepControl() {
  if (frozen_) return;
  if (posted_to_ != nullptr) {
    if (!posted_to_->mailbox->Collect()) return;
    posted_to_ = nullptr;
  }
  if (!moving_) {
    if (wanted_.empty()) return;
    moving_ = true;
    retired_ = std::exchange(formation_, Form(wanted_.front()));
    wanted_.pop_front();
    for (const std::unique_ptr<Member>& member : members_) {
      to_move_.push_back(&member->sim.engine());
    }
  }
  if (!to_move_.empty()) return PostMove();
  EndRetired();
  moving_ = false;
  ++reconfigurations_;
  if (!wanted_.empty()) control_.Set(queue_.Now());
}

void SimGroup::PostMove() {
  posted_to_ = Find(*to_move_.front());
  posted_at_ = queue_.Now();
  to_move_.pop_front();
  if (!posted_to_->mailbox->Post(move_closure_).ok()) return fail_("a mailbox is not free");
  WatchFrom(posted_at_);
  if (posted_to_->arrived) posted_to_->thread->Posted();
}

// On the engine's thread, between two of its polls.
void SimGroup::Move() {
  Send(*posted_to_, Place(), SimThread::running()->cpu().Now());
  control_.Set(queue_.Now() + random_.Uniform(kMicrosecond, options_.times.slowest_wake));
}

void SimGroup::EndRetired() {
  for (const std::unique_ptr<SimThread>& thread : retired_->threads) {
    retired_cpu_ += thread->cpu().CpuTime();
    for (const std::unique_ptr<Member>& member : members_) {
      if (member->thread == thread.get()) fail_("an engine is left on a thread that ends");
    }
  }
  retired_.reset();
}

// ---- What must hold.

void SimGroup::WatchFrom(Nanoseconds wanted) {
  if (frozen_ || wanted == kNever) return;
  watch_.SetNoLaterThan(std::max(wanted, thawed_at_) + options_.patience);
}

void SimGroup::CheckForgotten() {
  const auto check = [&](Nanoseconds since, const char* what) {
    if (since == kNever) return;
    const Nanoseconds waits = queue_.Now() - std::max(since, thawed_at_);
    if (waits < options_.patience) return WatchFrom(since);
    fail_(absl::StrCat(what, " for ", waits / kMicrosecond, " us"));
  };
  for (const std::unique_ptr<Member>& member : members_) {
    // Until it has come out there is nothing to be said of its input.
    const Nanoseconds since = member->sim.stays() ? queue_.Now() : member->sim.wanted();
    check(since, "an engine that has something to do is not polled");
  }
  check(posted_to_ == nullptr ? kNever : posted_at_, "a mailbox is not looked into");
}

// ---- Figures.

const EngineSlot& SimGroup::slot(const Engine& engine) const { return Find(engine)->slot; }

size_t SimGroup::thread_of(const Engine& engine) const {
  const SimThread* const thread = Find(engine)->thread;
  const auto& threads = formation_->threads;
  return std::find_if(threads.begin(), threads.end(),
                      [&](const auto& each) { return each.get() == thread; }) -
         threads.begin();
}

Nanoseconds SimGroup::CpuTime() const {
  Nanoseconds sum = retired_cpu_;
  ForEachThread([&](SimThread& thread) { sum += thread.cpu().CpuTime(); });
  return sum;
}

uint64_t SimGroup::Digest() const {
  uint64_t digest = migrations_ + (reconfigurations_ << 32);
  const auto mix = [&](uint64_t value) { digest = Random::Mix(digest ^ value); };
  mix(static_cast<uint64_t>(CpuTime()));
  mix(static_cast<uint64_t>(options().mode));
  for (const std::unique_ptr<Member>& member : members_) {
    mix(member->slot.polls_total);
    mix(member->slot.inputs_total);
  }
  return digest;
}

}  // namespace farrier::sim
