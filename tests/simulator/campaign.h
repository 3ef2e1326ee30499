#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/simulator/world.h"

namespace farrier::sim {

// Runs `one` with the seeds first, first + 1, ... until one fails, which ends the test with a line
// that says how to replay it. `one` returns what went wrong, or nothing. With FARRIER_SEED=<number>
// in the environment runs that seed alone, with FARRIER_SEEDS=<count> as well that many from there
// on.
void ForEachSeed(uint64_t first, int count, const std::function<std::string(uint64_t)>& one);

// A campaign that never meets what it is about proves nothing: fails unless `count` > 0. A replay
// need not meet everything.
void ExpectMet(uint64_t count, const char* what);

// What most campaigns begin with: on every host an echo server and a client, each on a random
// engine; every client talks to `peers` other hosts.
struct Mesh {
  struct Pair {
    int client_host;
    uint32_t client_engine;
    int server_host;
    uint32_t server_engine;
    CheckingClient* client;
    size_t target;  // of the client
  };
  std::vector<Pair> pairs;

  Mesh(World& world, int peers, const Target& prototype);

  bool done(const World& world) const;

  // Fails if a connection was reset although neither of its engines has begun anew.
  void CheckUnharmed(World& world) const;
};

// Keeps at it until `host` has begun an upgrade, from `when` on.
void UpgradeAt(World& world, int host, Nanoseconds when);

// Where upgrades stood when groups were formed anew.
struct RemodesMet {
  uint64_t at_peace = 0;
  uint64_t brownout = 0;   // both processes are there, and nothing is held
  uint64_t held = 0;       // an engine's row is HELD, and the old process polls it
  uint64_t stopped = 0;    // HELD, and it does not any more
  uint64_t half_done = 0;  // one engine has moved and another has not

  // Fails unless all were met.
  void ExpectAll() const;
};

// Some processes of all hosts, old ones and new ones, form their groups anew at random moments
// until `end`. `met` outlives the world's run.
void PlanRemodes(World& world, Nanoseconds end, RemodesMet& met);

// The usual accidents of a bad network.
Faults BadNetwork();

}  // namespace farrier::sim
