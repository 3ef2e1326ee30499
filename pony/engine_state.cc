#include <algorithm>

#include "absl/strings/str_cat.h"
#include "pony/engine_core.h"
#include "pony/state.pb.h"

namespace farrier::pony {
namespace {

constexpr uint32_t kSchema = 1;
constexpr char kEngineKind[] = "pony.engine";
constexpr char kSessionKind[] = "pony.session";
constexpr char kFlowKind[] = "pony.flow";
constexpr char kConnectionKind[] = "pony.connection";

// `unknown` are fields that came with the object from a newer build; they go on with it.
void Append(runtime::StateSink& sink, const char* kind, const google::protobuf::Message& record,
            const std::string& unknown = {}) {
  sink.Append({kind, kSchema, record.SerializeAsString() + unknown});
}

template <typename Record>
absl::Status Parse(const std::string& bytes, Record& record, std::string& unknown) {
  if (!record.ParseFromString(bytes)) {
    return absl::DataLossError(absl::StrCat(Record::descriptor()->full_name(), " does not parse"));
  }
  Record::GetReflection()->GetUnknownFields(record).SerializeToString(&unknown);
  return absl::OkStatus();
}

absl::Status Contradiction(const char* kind, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(kind, " record contradicts itself: ", what));
}

void SaveContent(const PacketContent& content, SentPacketRecord& out) {
  out.set_type(static_cast<uint32_t>(content.type));
  out.set_peer_connection(content.peer_connection);
  out.set_argument(content.argument);
}

}  // namespace

void EngineCore::BeginRound() {
  phase_ = Phase::kSessions;
  snapshot_id_ = 0;
  snapshot_flow_ = {};
  round_open_ = true;
  removed_sessions_.clear();
  removed_connections_.clear();
  for (auto& [id, session] : sessions_) session.dirty = true;
  for (auto& [key, flow] : flows_) flow->dirty = true;
  for (auto& [id, connection] : connections_) connection->dirty = true;
}

bool EngineCore::Snapshot(runtime::StateSink& sink, int budget) {
  if (phase_ == Phase::kIdle) {
    BeginRound();
    SaveEngine(sink);
  }
  // The connections refer to the others, so they come last.
  for (int left = budget; left > 0; --left) {
    if (phase_ == Phase::kSessions) {
      auto it = sessions_.lower_bound(snapshot_id_);
      if (it == sessions_.end()) {
        phase_ = Phase::kFlows;
      } else {
        snapshot_id_ = it->first + 1;
        SaveSession(sink, it->second);
      }
    } else if (phase_ == Phase::kFlows) {
      auto it = flows_.upper_bound(snapshot_flow_);
      if (it == flows_.end()) {
        phase_ = Phase::kConnections;
        snapshot_id_ = 0;
      } else {
        snapshot_flow_ = it->first;
        SaveFlow(sink, *it->second);
      }
    } else {
      auto it = connections_.lower_bound(snapshot_id_);
      if (it == connections_.end()) {
        phase_ = Phase::kIdle;
        return true;
      }
      snapshot_id_ = it->first + 1;
      SaveConnection(sink, *it->second);
    }
  }
  return false;
}

void EngineCore::Delta(runtime::StateSink& sink) {
  // Without a round before it, this is everything.
  if (!round_open_) BeginRound();
  for (uint32_t id : removed_connections_) {
    ConnectionRecord record;
    record.set_id(id);
    record.set_removed(true);
    Append(sink, kConnectionKind, record);
  }
  for (uint32_t id : removed_sessions_) {
    SessionRecord record;
    record.set_id(id);
    record.set_removed(true);
    Append(sink, kSessionKind, record);
  }
  SaveEngine(sink);
  for (auto& [id, session] : sessions_) {
    if (session.dirty) SaveSession(sink, session);
  }
  for (auto& [key, flow] : flows_) {
    if (flow->dirty) SaveFlow(sink, *flow);
  }
  for (auto& [id, connection] : connections_) {
    if (connection->dirty) SaveConnection(sink, *connection);
  }
  phase_ = Phase::kIdle;
  round_open_ = false;
  removed_sessions_.clear();
  removed_connections_.clear();
}

void EngineCore::SaveEngine(runtime::StateSink& sink) {
  EngineRecord record;
  record.set_epoch(epoch_);
  record.set_next_connection(next_connection_);
  record.set_random(random_);
  stats_.ForEach(
      [&](const char* name, uint64_t value) { (*record.mutable_counters())[name] = value; });
  for (const auto& [name, value] : foreign_counters_) (*record.mutable_counters())[name] = value;
  Append(sink, kEngineKind, record, unknown_fields_);
}

void EngineCore::SaveSession(runtime::StateSink& sink, Session& session) {
  SessionRecord record;
  session.Save(record);
  Append(sink, kSessionKind, record, session.unknown_fields);
  session.dirty = false;
}

void EngineCore::SaveFlow(runtime::StateSink& sink, Flow& flow) {
  FlowRecord record;
  record.set_ip(flow.key.ip);
  record.set_port(flow.key.port);
  record.set_peer_epoch(flow.peer_epoch);
  record.set_hello_open(flow.hello.open);
  record.set_hello_due(flow.hello.due);
  record.set_hello_nonce(flow.hello.nonce);
  record.set_hello_deadline(flow.hello.deadline);
  record.set_hello_tries(flow.hello.tries);
  record.set_reply_due(flow.hello.reply_due);
  record.set_reply_nonce(flow.hello.reply_nonce);
  record.set_reply_epoch(flow.hello.reply_epoch);
  for (const PacketContent& content : flow.control) SaveContent(content, *record.add_control());
  flow.sender.Save(record);
  flow.receiver.Save(record);
  Append(sink, kFlowKind, record, flow.unknown_fields);
  flow.dirty = false;
}

void EngineCore::SaveConnection(runtime::StateSink& sink, Connection& connection) {
  ConnectionRecord record;
  record.set_id(connection.id);
  record.set_state(static_cast<uint32_t>(connection.state));
  record.set_session(connection.session->id());
  record.set_peer_id(connection.peer_id);
  record.set_remote_ip(connection.flow->key.ip);
  record.set_remote_port(connection.flow->key.port);
  record.set_service(connection.service);
  record.set_connect_tag(connection.connect_tag);
  record.set_close_tag(connection.close_tag);
  record.set_deadline(connection.deadline);
  record.set_target_engine(connection.target_engine);
  record.set_wanted(connection.wanted);
  record.set_advertised(connection.advertised);
  connection.out.Save(record);
  connection.in.Save(record);
  Append(sink, kConnectionKind, record, connection.unknown_fields);
  connection.dirty = false;
}

absl::Status EngineCore::Restore(runtime::StateSource& source) {
  restored_ = true;
  while (std::optional<runtime::StateRecord> record = source.Next()) {
    if (record->schema != kSchema) {
      return absl::UnimplementedError(absl::StrCat("record ", record->kind, " has schema ",
                                                   record->schema, "; known: ", kSchema));
    }
    absl::Status status;
    if (record->kind == kEngineKind) {
      status = RestoreEngine(record->bytes);
    } else if (record->kind == kSessionKind) {
      status = RestoreSession(record->bytes);
    } else if (record->kind == kFlowKind) {
      status = RestoreFlow(record->bytes);
    } else if (record->kind == kConnectionKind) {
      status = RestoreConnection(record->bytes);
    } else {
      status = absl::UnimplementedError(absl::StrCat("unknown kind of record: ", record->kind));
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status EngineCore::RestoreEngine(const std::string& bytes) {
  EngineRecord record;
  if (absl::Status status = Parse(bytes, record, unknown_fields_); !status.ok()) return status;
  if (record.epoch() == 0 || record.next_connection() == 0) {
    return Contradiction(kEngineKind, "no epoch, or no number for the next connection");
  }
  epoch_ = record.epoch();
  next_connection_ = record.next_connection();
  random_ = record.random();
  stats_.ForEach([&](const char* name, uint64_t& value) {
    auto it = record.counters().find(name);
    value = it == record.counters().end() ? 0 : it->second;
    record.mutable_counters()->erase(name);
  });
  foreign_counters_ = {record.counters().begin(), record.counters().end()};
  return absl::OkStatus();
}

absl::Status EngineCore::RestoreSession(const std::string& bytes) {
  SessionRecord record;
  std::string unknown;
  if (absl::Status status = Parse(bytes, record, unknown); !status.ok()) return status;
  auto it = sessions_.find(record.id());
  if (record.removed()) {
    // Its connections went before it. One that never came here is gone all the same.
    if (it == sessions_.end()) return absl::OkStatus();
    if (!it->second.connections.empty()) {
      return Contradiction(kSessionKind, "removed, but has connections");
    }
    for (uint16_t service : it->second.services) DropService(service);
    for (auto& [key, flow] : flows_) flow->ForgetSession(record.id());
    sessions_.erase(it);
    return absl::OkStatus();
  }
  if (it == sessions_.end()) {
    return absl::NotFoundError(
        absl::StrCat("state of session ", record.id(), ", whose memory was not registered"));
  }
  Session& session = it->second;
  for (uint16_t service : session.services) DropService(service);
  if (!session.Load(record)) return Contradiction(kSessionKind, "ring indices");
  for (uint16_t service : session.services) {
    // What the directory says is no matter: the app was told that it listens.
    if (!TakeService(service, session.id()) && !services_.emplace(service, session.id()).second) {
      return Contradiction(kSessionKind, absl::StrCat("service ", service, " has two listeners"));
    }
  }
  session.unknown_fields = std::move(unknown);
  return absl::OkStatus();
}

absl::Status EngineCore::RestoreFlow(const std::string& bytes) {
  FlowRecord record;
  std::string unknown;
  if (absl::Status status = Parse(bytes, record, unknown); !status.ok()) return status;
  Flow* flow = FindOrMakeFlow({record.ip(), static_cast<uint16_t>(record.port())});
  if (flow == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("flow to ", record.ip(), " port ", record.port(), ": no such neighbour"));
  }
  if (!flow->sender.Load(record)) return Contradiction(kFlowKind, "sender");
  if (!flow->receiver.Load(record)) return Contradiction(kFlowKind, "receiver");
  for (const SentPacketRecord& sent : record.sent()) {
    if (sent.length() > MaxPayload(options_.mtu)) {
      return Contradiction(kFlowKind, "a packet under way exceeds the MTU");
    }
  }
  flow->peer_epoch = record.peer_epoch();
  flow->hello = {.open = record.hello_open(),
                 .due = record.hello_due(),
                 .nonce = record.hello_nonce(),
                 .deadline = record.hello_deadline(),
                 .tries = std::min(record.hello_tries(), kMaxHelloBackoff),
                 .reply_due = record.reply_due(),
                 .reply_nonce = record.reply_nonce(),
                 .reply_epoch = record.reply_epoch()};
  flow->control.clear();
  for (const SentPacketRecord& in : record.control()) {
    if (in.type() != static_cast<uint32_t>(PacketType::kRefuse) &&
        in.type() != static_cast<uint32_t>(PacketType::kAbort)) {
      return Contradiction(kFlowKind, "answer of another type");
    }
    flow->control.push_back({.type = static_cast<PacketType>(in.type()),
                             .peer_connection = in.peer_connection(),
                             .argument = in.argument()});
  }
  flow->unknown_fields = std::move(unknown);
  Activate(*flow);
  return absl::OkStatus();
}

absl::Status EngineCore::RestoreConnection(const std::string& bytes) {
  ConnectionRecord record;
  std::string unknown;
  if (absl::Status status = Parse(bytes, record, unknown); !status.ok()) return status;
  Connection* connection = Find(record.id());
  if (record.removed()) {
    if (connection != nullptr) {
      connection->session->sends -= connection->out.outstanding();
      connection->session->buffers -= connection->in.buffers();
      Erase(*connection);
    }
    return absl::OkStatus();
  }
  auto session = sessions_.find(record.session());
  if (session == sessions_.end()) {
    return absl::NotFoundError(absl::StrCat("connection ", record.id(), " of session ",
                                            record.session(), ", whose memory was not registered"));
  }
  auto flow = flows_.find({record.remote_ip(), static_cast<uint16_t>(record.remote_port())});
  if (flow == flows_.end()) {
    return Contradiction(kConnectionKind, absl::StrCat(record.id(), " has no flow"));
  }
  if (record.id() == 0 || record.state() > 2 || record.wanted() > 15 ||
      record.service() > UINT16_MAX) {
    return Contradiction(kConnectionKind, absl::StrCat(record.id(), ": fields"));
  }
  if (connection == nullptr) {
    connection =
        connections_.emplace(record.id(), std::make_unique<Connection>(*this)).first->second.get();
    connection->id = record.id();
    connection->session = &session->second;
    session->second.connections.insert(record.id());
  } else if (connection->session != &session->second) {
    return Contradiction(kConnectionKind, absl::StrCat(record.id(), " changed its session"));
  } else {
    connection->flow->Remove(connection);
    session->second.sends -= connection->out.outstanding();
    session->second.buffers -= connection->in.buffers();
  }
  connection->flow = flow->second.get();
  connection->state = static_cast<Connection::State>(record.state());
  connection->peer_id = record.peer_id();
  connection->remote_ip = record.remote_ip();
  connection->service = static_cast<uint16_t>(record.service());
  connection->connect_tag = record.connect_tag();
  connection->close_tag = record.close_tag();
  connection->deadline = record.deadline();
  connection->target_engine = record.target_engine();
  connection->wanted = static_cast<uint8_t>(record.wanted());
  connection->advertised = record.advertised();
  connection->unknown_fields = std::move(unknown);
  const uint64_t region_bytes = session->second.memory().region_bytes;
  if (!connection->out.Load(record, region_bytes)) {
    return Contradiction(kConnectionKind, absl::StrCat(record.id(), ": messages to send"));
  }
  if (!connection->in.Load(record, region_bytes)) {
    return Contradiction(kConnectionKind, absl::StrCat(record.id(), ": messages to receive"));
  }
  session->second.sends += connection->out.outstanding();
  session->second.buffers += connection->in.buffers();
  if (connection->HasWork()) {
    connection->flow->Enqueue(connection);
    Activate(*connection->flow);
  }
  return absl::OkStatus();
}

}  // namespace farrier::pony
