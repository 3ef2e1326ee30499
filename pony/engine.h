#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engines/runtime/engine.h"
#include "engines/runtime/packet_port.h"
#include "pony/stats.h"
#include "pony/wire.h"

namespace farrier::pony {

class ServiceDirectory;

// A host that can be talked to. Static in this version: no ARP.
struct Neighbor {
  uint32_t ip = 0;  // as a number: 10.0.0.1 is 0x0A000001
  MacAddress mac{};
  uint16_t first_port = 0;  // UDP port of its engine 0; engine i has first_port + i
  uint16_t engines = 1;
};

struct EngineOptions {
  uint32_t id = 0;     // place among the daemon's engines
  uint32_t epoch = 1;  // drawn anew by each engine that starts empty; never 0
  uint32_t ip = 0;
  MacAddress mac{};
  uint16_t udp_port = 0;  // this engine's own
  uint16_t engines = 1;   // of this daemon; told to peers that look for a listener
  std::vector<Neighbor> neighbors;
  uint32_t mtu = 1500;   // bytes of IP packet
  uint32_t window = 64;  // packets in flight per flow
  // Departure times, for a card that keeps packets until then: a flow's rate, 0 for none, and how
  // far ahead of now a packet may be handed to the card. What is to leave later is made later.
  uint32_t pacing_mbps = 0;
  runtime::Nanoseconds departure_lead = 128 * runtime::kMicrosecond;
  runtime::Nanoseconds min_rto = 10 * runtime::kMillisecond;
  runtime::Nanoseconds max_rto = runtime::kSecond;
  runtime::Nanoseconds ack_delay =
      200 * runtime::kMicrosecond;  // longest wait of an ack for company
  runtime::Nanoseconds connect_timeout = 5 * runtime::kSecond;
  runtime::Nanoseconds give_up = 10 * runtime::kSecond;  // without any ack: the peer is gone
  uint64_t seed = 1;                                     // of everything random
  // Of this daemon's engines, outlives them; nullptr: this is its only one. Of two engines with one
  // id the earlier is gone before the later listens.
  ServiceDirectory* services = nullptr;
};

// The memory and doorbells of one app session, mapped into this process. Whoever made it maps and
// unmaps it and keeps it alive until RemoveSession has run. See pony/client/pony_abi.h.
struct SessionMemory {
  uint8_t* app_area = nullptr;  // written by the app: untrusted
  uint32_t app_area_bytes = 0;
  uint8_t* engine_area = nullptr;  // written by the engine
  uint32_t engine_area_bytes = 0;
  uint8_t* region = nullptr;  // written by both
  uint64_t region_bytes = 0;
  uint32_t ring_entries = 0;  // as agreed at set-up; the areas' headers are not believed
  int doorbell_fd = -1;       // eventfd, the app writes
  int completion_fd = -1;     // the engine's end of pony_completion_pair (pony_rings.h)
};

// What an engine has handled for a session in this process; counts up from 0. Packets are those of
// its connections, either way, with the bytes of messages that they carried.
struct SessionWork {
  uint64_t packets = 0;
  uint64_t commands = 0;
  uint64_t bytes = 0;
};

class EngineCore;

// Pony Express on one card queue: reliable messages between apps of this host and apps of its
// neighbours. One thread, as runtime::Engine says. Neither reads a clock nor draws randomness but
// from options.seed, so that a run is reproducible.
class PonyEngine final : public runtime::Engine {
 public:
  // `port` outlives the engine. An engine that is to be restored takes its epoch from the state.
  PonyEngine(EngineOptions options, runtime::PacketPort* port);
  ~PonyEngine() override;

  // A new session of an app: all indices zero. Ids are never used again. InvalidArgument when the
  // memory does not fit the ring, AlreadyExists. Engine's thread.
  absl::Status AddSession(uint32_t id, const SessionMemory& memory);

  // Registers the memory of a session whose state is going to come by Restore: before the
  // Restore call that brings its record. Neither this nor Restore touches the memory; the first
  // Poll does. If the session ended meanwhile, Restore drops it. Errors as AddSession.
  absl::Status AdoptSession(uint32_t id, const SessionMemory& memory);

  // Resets the session's connections and drops its listeners. Its memory is not touched after this
  // returns. NotFound.
  absl::Status RemoveSession(uint32_t id);

  // Since the first incarnation of this engine: carried along by upgrades. Engine's thread.
  const EngineStats& stats() const;

  // Open and opening connections. Engine's thread.
  size_t connections() const;

  // Calls `visit` with each session's id and what was handled for it. Engine's thread.
  void VisitWork(absl::FunctionRef<void(uint32_t, const SessionWork&)> visit) const;

  // Bytes of its own that it holds: flows, connections, sessions, but not the sessions' memory. An
  // estimate from their number. Engine's thread.
  uint64_t memory_bytes() const;

  // Changes by Restore. Engine's thread.
  uint32_t epoch() const;

  std::string_view kind() const override { return "pony"; }
  int Poll(runtime::Nanoseconds now, int budget) override;
  void PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait) override;
  runtime::Nanoseconds OldestInput(runtime::Nanoseconds now) override;

  // A round ends when it returns true, or by Delta: whoever abandons a round calls Delta with a
  // sink that forgets.
  bool Snapshot(runtime::StateSink& sink, int budget) override;
  void Delta(runtime::StateSink& sink) override;
  absl::Status Restore(runtime::StateSource& source) override;

 private:
  std::unique_ptr<EngineCore> core_;
};

}  // namespace farrier::pony
