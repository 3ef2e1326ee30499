#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulator/app.h"
#include "tests/simulator/daemon.h"
#include "tests/simulator/hand_over.h"
#include "tests/simulator/sim_card.h"

namespace farrier::sim {

struct HostOptions {
  std::string name;
  DaemonOptions daemon;
  SessionOptions session;
  HandOver::Options hand_over;
  Nanoseconds blackout_limit = kSecond;             // the old process' patience with one engine
  Nanoseconds slowest_restart = 20 * kMillisecond;  // of a daemon that has died
};

// How hand-overs have ended on a host.
struct UpgradeCounts {
  int completed = 0;   // the old process says so
  int given_up = 0;    // the old process goes on
  int taken_over = 0;  // the new process goes on without the old one's consent
  std::string last_failure;
};

// A simulated machine: a card, the processes of a daemon, one after another or, during a hand-over,
// two at a time, and the sockets between them and the apps. It watches that no process polls an
// engine whose row is not its own.
class SimHost final : public SessionService, private DaemonObserver, private HandOverHost {
 public:
  enum class Which { kOld, kNew };

  // `wire` is where the card sends to; it and everything else referred to outlive the host.
  SimHost(EventQueue& queue, Random random, Verdict& verdict, const HostOptions& options,
          const SimCard::Factory& make_card, FrameSink* wire);
  ~SimHost() override;

  // Starts the daemon, as the service manager does: soon, and again whenever there is none.
  void Boot();

  // False if there is no daemon at work, or an upgrade is under way.
  bool StartUpgrade();
  bool upgrading() const { return processes_.size() > 1; }

  // The process dies now. kNew: only during an upgrade; kOld: also the only one there is. False
  // if there is none.
  bool Kill(Which which);

  // The process schedules its engines in another way from soon on. False if there is none.
  bool Reconfigure(Which which);

  // The process gets no CPU time for a while. False if there is none.
  bool Freeze(Which which, Nanoseconds duration);

  SimCard& card() { return card_; }
  const std::string& name() const { return options_.name; }
  // The daemon at work; null while there is none.
  Daemon* daemon();
  // Null if there is none.
  Daemon* process(Which which);
  const UpgradeCounts& upgrades() const { return upgrades_; }
  uint32_t engines() const { return options_.daemon.engine.engines; }
  // Times that the engine has begun anew since its first start: its apps' connections were lost.
  int restarts(uint32_t engine) const { return starts_[engine] - 1; }
  // For people: where the processes and the rows stand.
  std::string Describe();

  // SessionService.
  std::shared_ptr<Session> Open(App& app) override;
  void Close(App& app, uint32_t session) override;
  void Rung() override;

 private:
  class Peer;
  // Destroyed from the bottom up.
  struct Process {
    int id = 0;
    std::unique_ptr<Daemon> daemon;
    std::unique_ptr<upgrade::PeerProcess> peer;
    std::unique_ptr<HandOver> hand_over;
    bool serves = false;
    bool frozen = false;
  };
  // An app's connection to the daemon, whichever process reads it.
  struct Socket {
    App* app;
    uint32_t engine;
    bool closed_by_app = false;
  };

  // DaemonObserver.
  void BeforePoll(int function, uint32_t engine, uint16_t generation) override;
  void AfterPoll(uint32_t engine) override;
  void GroupFailed(const std::string& what) override { Fail(what); }

  // HandOverHost.
  std::shared_ptr<Session> FindSession(uint32_t id) override;
  void Serves(Daemon& daemon, bool serves) override;
  void EngineMoved(Daemon& daemon, uint32_t engine) override;
  void SessionsLost(uint32_t engine) override;

  Process& StartProcess(int function);
  void StartDaemon();
  std::unique_ptr<HandOver> MakeHandOver(Process& process, int peer, bool old,
                                         std::unique_ptr<SimChannel> channel);
  void HandOverDone(int id, bool old, upgrade::Outcome outcome);
  // The process is no more, whatever the reason.
  void End(int id);
  Process* Find(int id);
  Process* Find(Which which);
  Process* Serving();
  // Lets the serving process see the sockets that apps have closed.
  void ServeClosed();
  void Fail(const std::string& what);

  EventQueue& queue_;
  Random random_;
  Verdict& verdict_;
  const HostOptions options_;
  SimCard card_;
  std::map<int, std::unique_ptr<Process>> processes_;  // by id, oldest first
  int next_process_ = 1;
  std::map<uint32_t, Socket> sockets_;                   // by session
  std::map<uint32_t, std::shared_ptr<Session>> memory_;  // by session; what descriptors refer to
  uint32_t next_session_ = 1;
  std::vector<int> starts_;
  UpgradeCounts upgrades_;
  bool old_done_ = false;  // the old side of the last hand-over has come to its end
  Timer boot_;
  Lifetime life_;
};

}  // namespace farrier::sim
