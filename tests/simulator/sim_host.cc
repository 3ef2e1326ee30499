#include "tests/simulator/sim_host.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "upgrade/new_side.h"
#include "upgrade/old_side.h"

namespace farrier::sim {

// The other process, as one process of a hand-over knows it: by its pidfd.
class SimHost::Peer final : public upgrade::PeerProcess {
 public:
  Peer(SimHost& host, int id) : host_(host), id_(id) {}
  void Kill() override {
    const Nanoseconds delay = host_.random_.Uniform(kMicrosecond, kMillisecond);
    host_.life_.After(delay, [host = &host_, id = id_] { host->End(id); });
  }
  bool HasExited() override { return host_.Find(id_) == nullptr; }

 private:
  SimHost& host_;
  const int id_;
};

SimHost::SimHost(EventQueue& queue, Random random, Verdict& verdict, const HostOptions& options,
                 const SimCard::Factory& make_card, FrameSink* wire)
    : queue_(queue),
      random_(std::move(random)),
      verdict_(verdict),
      options_(options),
      card_(queue, random_.Fork("card"), make_card, wire),
      starts_(options.daemon.engine.engines, 0),
      boot_(queue, [this] { StartDaemon(); }),
      life_(queue) {}

SimHost::~SimHost() = default;

void SimHost::Fail(const std::string& what) {
  verdict_.Fail(absl::StrCat("host ", options_.name, ": ", what));
}

void SimHost::Boot() { boot_.Set(queue_.Now() + random_.Uniform(0, kMillisecond)); }

SimHost::Process& SimHost::StartProcess(int function) {
  auto process = std::make_unique<Process>();
  process->id = next_process_++;
  process->daemon = std::make_unique<Daemon>(queue_, Random(random_.Bits()), options_.daemon, card_,
                                             function, static_cast<DaemonObserver&>(*this));
  return *(processes_[process->id] = std::move(process));
}

void SimHost::StartDaemon() {
  Process& process = StartProcess(static_cast<int>(random_.Uniform(0, 1)));
  if (auto status = process.daemon->Boot(); !status.ok()) {
    Fail(absl::StrCat("the daemon does not start: ", status.ToString()));
    return;
  }
  for (int& starts : starts_) ++starts;
  process.serves = true;
}

std::unique_ptr<HandOver> SimHost::MakeHandOver(Process& process, int peer, bool old,
                                                std::unique_ptr<SimChannel> channel) {
  process.peer = std::make_unique<Peer>(*this, peer);
  std::unique_ptr<upgrade::Side> side;
  if (old) {
    upgrade::OldSideOptions options{.build = absl::StrCat("build ", process.id)};
    options.blackout_limit = options_.blackout_limit;
    for (uint32_t engine = 0; engine < engines(); ++engine) {
      auto& spec = options.engines.emplace_back();
      spec.set_kind("pony");
      spec.set_owner(static_cast<uint32_t>(process.daemon->owner(engine)));
    }
    side = upgrade::MakeOldSide(std::move(options));
  } else {
    side = upgrade::MakeNewSide({.build = absl::StrCat("build ", process.id)});
  }
  return std::make_unique<HandOver>(
      queue_, Random(random_.Bits()), options_.hand_over, *process.daemon,
      static_cast<HandOverHost&>(*this), std::move(side), std::move(channel), *process.peer,
      [this, id = process.id, old](upgrade::Outcome outcome) { HandOverDone(id, old, outcome); });
}

bool SimHost::StartUpgrade() {
  Process* old_process = Serving();
  if (old_process == nullptr || upgrading()) return false;
  old_done_ = false;
  auto [old_end, new_end] = SimChannel::MakePair(queue_, Random(random_.Bits()));
  Process& new_process = StartProcess(1 - old_process->daemon->function());
  old_process->hand_over = MakeHandOver(*old_process, new_process.id, true, std::move(old_end));
  new_process.hand_over = MakeHandOver(new_process, old_process->id, false, std::move(new_end));
  return true;
}

void SimHost::HandOverDone(int id, bool old, upgrade::Outcome outcome) {
  const bool goes_on = (outcome == upgrade::Outcome::kCompleted) != old;
  Process& process = *Find(id);
  if (old) {
    old_done_ = true;
    ++(goes_on ? upgrades_.given_up : upgrades_.completed);
    upgrades_.last_failure = process.hand_over->side().report().failure();
  } else if (goes_on && !old_done_ && Find(Which::kOld) == &process) {
    ++upgrades_.taken_over;  // the old process has died
  }
  if (goes_on && old) Serves(*process.daemon, true);  // as before
  if (goes_on && !process.serves) {
    Fail(absl::StrCat("process ", id, " goes on and serves nobody"));
  }
  life_.After(random_.Uniform(kMicrosecond, kMillisecond),
              [this, id, goes_on, hand_over = process.hand_over.get()] {
                Process* process = Find(id);
                if (process == nullptr) return;
                if (!goes_on) return End(id);
                // Unless the next one has begun already.
                if (process->hand_over.get() == hand_over) process->hand_over.reset();
              });
}

void SimHost::End(int id) {
  if (processes_.erase(id) == 0) return;
  if (processes_.size() == 1) {
    // What the attachments of the hand-over referred to is the survivor's, or nobody's.
    std::erase_if(memory_, [&](const auto& entry) { return !sockets_.contains(entry.first); });
  }
  if (!processes_.empty()) return;
  for (uint32_t engine = 0; engine < engines(); ++engine) SessionsLost(engine);
  boot_.Set(queue_.Now() + random_.Uniform(kMillisecond, options_.slowest_restart));
}

SimHost::Process* SimHost::Find(int id) {
  const auto found = processes_.find(id);
  return found == processes_.end() ? nullptr : found->second.get();
}

SimHost::Process* SimHost::Find(Which which) {
  if (processes_.empty()) return nullptr;
  if (which == Which::kOld) return processes_.begin()->second.get();
  return processes_.size() > 1 ? processes_.rbegin()->second.get() : nullptr;
}

SimHost::Process* SimHost::Serving() {
  for (auto& [id, process] : processes_) {
    if (process->serves) return process.get();
  }
  return nullptr;
}

Daemon* SimHost::daemon() {
  Process* process = Serving();
  return process == nullptr ? nullptr : process->daemon.get();
}

Daemon* SimHost::process(Which which) {
  Process* process = Find(which);
  return process == nullptr ? nullptr : process->daemon.get();
}

bool SimHost::Kill(Which which) {
  Process* process = Find(which);
  if (process == nullptr) return false;
  End(process->id);
  return true;
}

bool SimHost::Reconfigure(Which which) {
  Process* process = Find(which);
  if (process == nullptr) return false;
  process->daemon->Reconfigure();
  return true;
}

bool SimHost::Freeze(Which which, Nanoseconds duration) {
  Process* process = Find(which);
  if (process == nullptr || process->frozen) return false;
  process->frozen = true;
  process->daemon->Freeze();
  if (process->hand_over != nullptr) process->hand_over->Freeze();
  life_.After(duration, [this, id = process->id] {
    Process* process = Find(id);
    if (process == nullptr) return;
    process->frozen = false;
    process->daemon->Thaw();
    if (process->hand_over != nullptr) process->hand_over->Thaw();
  });
  return true;
}

std::shared_ptr<Session> SimHost::Open(App& app) {
  Process* process = Serving();
  if (process == nullptr || process->frozen || !process->daemon->running(app.engine())) {
    return nullptr;
  }
  const uint32_t id = next_session_++;
  auto session = std::make_shared<Session>(id, options_.session);
  if (auto status = process->daemon->AddSession(app.engine(), session); !status.ok()) {
    Fail(absl::StrCat("the engine refuses a session: ", status.ToString()));
    return nullptr;
  }
  sockets_[id] = {&app, app.engine()};
  memory_[id] = session;
  if (process->hand_over != nullptr) process->hand_over->SessionAdded(app.engine(), id);
  return session;
}

void SimHost::Close(App&, uint32_t session) {
  const auto found = sockets_.find(session);
  if (found == sockets_.end()) return;
  found->second.closed_by_app = true;
  life_.After(random_.Uniform(kMicrosecond, 200 * kMicrosecond), [this] { ServeClosed(); });
}

void SimHost::ServeClosed() {
  Process* process = Serving();
  if (process == nullptr || process->frozen) return;
  for (auto it = sockets_.begin(); it != sockets_.end();) {
    const auto& [id, socket] = *it;
    if (!socket.closed_by_app || !process->daemon->running(socket.engine)) {
      ++it;
      continue;
    }
    process->daemon->RemoveSession(id);
    if (!upgrading()) memory_.erase(id);
    it = sockets_.erase(it);
  }
}

void SimHost::Rung() {
  for (auto& [id, process] : processes_) process->daemon->LookAtFds();
}

void SimHost::BeforePoll(int function, uint32_t engine, uint16_t generation) {
  const auto row = regs::SwitchWord::Unpack(card_.ReadCsr(regs::kRegOwnerSwitch(engine + 1)));
  if (row.generation == generation && static_cast<int>(row.function) == function) return;
  Fail(absl::StrCat("engine ", engine, " is polled with generation ", generation, " on function ",
                    function, ", but its row has generation ", row.generation, " on function ",
                    row.function));
}

void SimHost::AfterPoll(uint32_t engine) {
  for (const auto& [id, socket] : sockets_) {
    if (socket.engine == engine && memory_.at(id)->signalled()) socket.app->Wake();
  }
}

std::shared_ptr<Session> SimHost::FindSession(uint32_t id) {
  const auto found = memory_.find(id);
  return found == memory_.end() ? nullptr : found->second;
}

void SimHost::Serves(Daemon& daemon, bool serves) {
  for (auto& [id, process] : processes_) {
    if (process->daemon.get() == &daemon) process->serves = serves;
  }
  ServeClosed();
}

void SimHost::EngineMoved(Daemon&, uint32_t) {
  life_.After(0, [this] { ServeClosed(); });
}

void SimHost::SessionsLost(uint32_t engine) {
  if (!processes_.empty()) ++starts_[engine];
  for (auto it = sockets_.begin(); it != sockets_.end();) {
    if (it->second.engine != engine) {
      ++it;
      continue;
    }
    if (!it->second.closed_by_app) {
      life_.After(random_.Uniform(kMicrosecond, 100 * kMicrosecond),
                  [app = it->second.app] { app->Hangup(); });
    }
    if (!upgrading()) memory_.erase(it->first);
    it = sockets_.erase(it);
  }
}

std::string SimHost::Describe() {
  std::string text = absl::StrCat(options_.name, ":");
  for (const auto& [id, process] : processes_) {
    absl::StrAppend(&text, " process ", id, " on function ", process->daemon->function(),
                    process->serves ? " serves" : "", process->frozen ? " frozen" : "",
                    process->hand_over != nullptr ? " handing over" : "", ";");
  }
  for (uint32_t engine = 0; engine < engines(); ++engine) {
    const auto row = regs::SwitchWord::Unpack(card_.ReadCsr(regs::kRegOwnerSwitch(engine + 1)));
    absl::StrAppend(&text, " row ", engine + 1, " state ", row.state, " function ", row.function,
                    " generation ", row.generation, ";");
  }
  return absl::StrCat(text, " upgrades ", upgrades_.completed, " completed, ", upgrades_.given_up,
                      " given up (", upgrades_.last_failure, ")\n");
}

}  // namespace farrier::sim
