#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pony/stats.h"
#include "tests/simulator/checking_client.h"
#include "tests/simulator/echo_app.h"
#include "tests/simulator/link.h"
#include "tests/simulator/sim_host.h"
#include "tests/simulator/switch.h"

namespace farrier::sim {

struct WorldOptions {
  int hosts = 4;
  uint32_t engines = 2;  // per host
  LinkOptions link;      // between each host and the switch, both directions
  DaemonOptions daemon;
  SessionOptions session;
  HandOver::Options hand_over;
  Nanoseconds blackout_limit = kSecond;  // the old process' patience with one engine
};

// Hosts around a switch, and the apps on them. Everything follows from the options and the seed.
class World {
 public:
  World(uint64_t seed, const WorldOptions& options);
  ~World();

  // Starts an echo server.
  EchoApp& AddEcho(int host, uint32_t engine, uint16_t service);
  // Starts a client.
  CheckingClient& AddClient(int host, uint32_t engine, std::vector<Target> targets);
  // An app of the caller's own kind: made with what App's constructor takes.
  template <typename Kind, typename... More>
  Kind& Add(int host, uint32_t engine, const std::string& name, More&&... more) {
    auto app = std::make_unique<Kind>(queue_, random_.Fork(name), verdict_, *hosts_[host],
                                      AppOptions{.name = name, .engine = engine},
                                      std::forward<More>(more)...);
    Kind& added = *app;
    apps_.push_back(std::move(app));
    added.Start();
    return added;
  }

  // Lets the world go on until `done`, or something fails, or `limit` of virtual time is over.
  // Whether it is done; if not, the verdict says why.
  bool Run(Nanoseconds limit, const std::function<bool()>& done);
  void RunFor(Nanoseconds time) { queue_.RunUntil(queue_.Now() + time); }

  // What must hold of every card and port at the end of whatever happened.
  void CheckCards();

  // Nothing is to be sent any more: lets the world go on and fails if it does not fall silent after
  // `settle`, longer than what has been lost last may take to be sent again, or if a group has not
  // become what it was to be.
  void CheckSilence(Nanoseconds settle = 3 * kSecond);

  static uint32_t Ip(int host) { return 0x0A000001 + static_cast<uint32_t>(host); }
  static Mac MacOf(int host) { return {0x02, 0, 0, 0, 0, static_cast<uint8_t>(host + 1)}; }

  EventQueue& queue() { return queue_; }
  Random& random() { return random_; }
  Verdict& verdict() { return verdict_; }
  SimHost& host(int host) { return *hosts_[host]; }
  Link& uplink(int host) { return *uplinks_[host]; }  // from the host to the switch
  int hosts() const { return static_cast<int>(hosts_.size()); }
  const std::vector<CheckingClient*>& clients() const { return clients_; }

  // Sums over all links, over all engines that run, over all cards.
  LinkCounters links() const;
  pony::EngineStats engines();
  uint64_t cards(regs::OwnerCounter counter);

  // A number that two runs share only if they went the same way.
  uint64_t Digest();
  std::string Describe();

 private:
  EventQueue queue_;
  Random random_;
  Verdict verdict_;
  Switch switch_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<Link*> uplinks_;  // by host
  std::vector<std::unique_ptr<SimHost>> hosts_;
  std::vector<std::unique_ptr<App>> apps_;
  std::vector<CheckingClient*> clients_;
};

}  // namespace farrier::sim
