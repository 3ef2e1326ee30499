#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engines/runtime/timer_wheel.h"
#include "pony/client/pony_abi.h"
#include "pony/connection.h"
#include "pony/engine.h"
#include "pony/engine_timer.h"
#include "pony/flow.h"
#include "pony/session.h"
#include "pony/sliding_window.h"
#include "pony/wire.h"

namespace farrier::pony {

inline constexpr uint32_t kMaxHelloBackoff = 10;

// What PonyEngine is made of; see there for the contract. One file per thing that happens:
//   engine_rx.cc           a packet comes in
//   engine_tx.cc           packets leave
//   engine_commands.cc     an app says something
//   engine_connections.cc  connections begin and end
//   engine_timers.cc       time passes
//   engine_state.cc        the engine moves
class EngineCore final : public TimerHandler {
 public:
  EngineCore(EngineOptions options, runtime::PacketPort* port);
  ~EngineCore();

  absl::Status AddSession(uint32_t id, const SessionMemory& memory, bool adopted);
  absl::Status RemoveSession(uint32_t id);

  const EngineStats& stats() const { return stats_; }
  size_t connections() const { return connections_.size(); }
  void VisitWork(absl::FunctionRef<void(uint32_t, const SessionWork&)> visit) const;
  uint64_t memory_bytes() const;
  uint32_t epoch() const { return epoch_; }

  int Poll(runtime::Nanoseconds now, int budget);
  void PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait);
  runtime::Nanoseconds OldestInput() const { return left_over_since_; }
  bool Snapshot(runtime::StateSink& sink, int budget);
  void Delta(runtime::StateSink& sink);
  absl::Status Restore(runtime::StateSource& source);

 private:
  // engine_rx.cc
  int ReceivePackets(int budget);
  void OnFrame(const runtime::Packet& packet);
  void OnHello(Flow& flow, const PacketHeader& header);
  void OnSequenced(Flow& flow, const PacketHeader& header, std::span<const uint8_t> payload);
  void OnConnect(Flow& flow, const PacketHeader& header);
  void Opened(Connection& connection, uint32_t peer_id);
  void OnRefuse(Flow& flow, const PacketHeader& header);
  void OnData(Flow& flow, const PacketHeader& header, std::span<const uint8_t> payload);
  void OnCredit(Flow& flow, const PacketHeader& header);
  void OnClose(Flow& flow, const PacketHeader& header);
  void OnAbort(Flow& flow, const PacketHeader& header);
  void OnAcked(const PacketContent& content);
  Connection* FindFor(Flow& flow, const PacketHeader& header);

  // engine_tx.cc
  int SendPackets(int budget);
  int SendAcks();
  bool TooFarAhead(Flow& flow);
  bool MakeNext(Flow& flow, runtime::Packet& packet);
  bool NextContent(Flow& flow, uint32_t max_payload, PacketContent& content);
  void MakeHello(Flow& flow, runtime::Packet& packet);
  void MakeSequenced(Flow& flow, const PacketContent& content, uint32_t sequence, bool first,
                     runtime::Packet& packet);
  void Finish(Flow& flow, PacketHeader& header, runtime::Packet& packet);

  // engine_commands.cc
  int TakeCommands(int budget);
  void Execute(Session& session, const PonyCommand& command);
  void Connect(Session& session, const PonyCommand& command);
  void Listen(Session& session, const PonyCommand& command);
  void PostReceive(Session& session, const PonyCommand& command);
  void Send(Session& session, const PonyCommand& command);
  void Close(Session& session, const PonyCommand& command);
  void Refuse(Session& session, const PonyCommand& command);
  Connection* FindFor(const Session& session, uint32_t connection);

  // engine_connections.cc
  Flow* FindOrMakeFlow(const FlowKey& key);  // nullptr: no such neighbour
  Connection& NewConnection(Session& session, Flow& flow);
  Connection* Find(uint32_t connection);
  void Wake(Connection& connection);  // it may have something to send
  void Activate(Flow& flow);          // it may have something to send
  void AnswerAbort(Flow& flow, uint32_t peer_connection);
  void CloseIfDone(Connection& connection);
  // Ends it: everything the app is waiting for comes back with `status`.
  void End(Connection& connection, PonyStatus status);
  void Erase(Connection& connection);
  void AbandonSession(Session& session);
  bool TakeService(uint16_t service, uint32_t session);  // false: somebody listens there
  void DropService(uint16_t service);
  void OnNewIncarnation(Flow& flow, uint32_t epoch);

  // engine_timers.cc
  void RunTimers(bool unread);
  bool PutOff(runtime::TimerWheel::Timer& timer);
  void SetTimeout(Flow& flow);
  void SetAck(Flow& flow);
  void SetAllTimers();
  void OnTimeout(Flow& flow) override;
  void OnAckDue(Flow& flow) override;
  void OnDeparture(Flow& flow) override;
  void OnConnectTimeout(Connection& connection) override;
  void AskAgain(Flow& flow);
  void GiveUp(Flow& flow);
  void OpenHello(Flow& flow);
  void Announce();
  uint64_t Random();

  // engine_state.cc
  void BeginRound();
  void SaveEngine(runtime::StateSink& sink);
  void SaveSession(runtime::StateSink& sink, Session& session);
  void SaveFlow(runtime::StateSink& sink, Flow& flow);
  void SaveConnection(runtime::StateSink& sink, Connection& connection);
  absl::Status RestoreEngine(const std::string& bytes);
  absl::Status RestoreSession(const std::string& bytes);
  absl::Status RestoreFlow(const std::string& bytes);
  absl::Status RestoreConnection(const std::string& bytes);

  const EngineOptions options_;
  runtime::PacketPort* const port_;
  uint32_t epoch_;
  uint64_t random_;
  uint32_t next_connection_ = 1;
  EngineStats stats_;
  runtime::Nanoseconds now_ = 0;  // of the present or the last Poll

  std::map<uint32_t, Neighbor> neighbors_;  // by IP
  std::map<uint32_t, Session> sessions_;
  std::map<uint16_t, uint32_t> services_;  // listeners: service to session
  absl::btree_map<FlowKey, std::unique_ptr<Flow>> flows_;
  absl::btree_map<uint32_t, std::unique_ptr<Connection>> connections_;

  SlidingWindow<Flow*> active_;  // may have something to send
  SlidingWindow<Flow*> owing_;   // owe an ack now

  runtime::TimerWheel wheel_;
  bool put_off_ = false;       // timeouts that come up now are put off ...
  bool some_put_off_ = false;  // ... and one was
  uint32_t timer_waits_ = 0;   // polls in a row that put some off
  uint32_t next_session_ = 0;  // whose turn it is to be heard
  bool asleep_ = true;         // doorbells may be armed
  bool started_ = false;       // polled since it was made
  bool restored_ = false;
  bool tx_blocked_ = false;  // the port had no room
  runtime::Nanoseconds stall_wait_ = 0;
  runtime::Nanoseconds left_over_since_ = runtime::kNever;

  // Scratch, so that the fast path does not allocate.
  std::array<runtime::Packet, 64> burst_;
  std::vector<PacketContent> acked_;
  std::vector<ReceivedMessage> delivered_;

  // Where the snapshot is: the kind that is being written, and the last key written.
  enum class Phase : uint8_t { kIdle, kSessions, kFlows, kConnections };
  Phase phase_ = Phase::kIdle;
  uint32_t snapshot_id_ = 0;
  FlowKey snapshot_flow_;
  bool round_open_ = false;  // from the first Snapshot to Delta
  // Gone since the round began.
  std::vector<uint32_t> removed_sessions_;
  std::vector<uint32_t> removed_connections_;
  // From a newer build, to be handed on.
  std::string unknown_fields_;
  std::map<std::string, uint64_t> foreign_counters_;
};

}  // namespace farrier::pony
