#include <algorithm>
#include <cstring>

#include "pony/engine_core.h"

namespace farrier::pony {
namespace {

// Answers about connections that are not ours, waiting on one flow. Beyond, what would need another
// is not taken: the peer sends it again.
constexpr size_t kMaxControl = 1024;

// From a peer that names more engines, no more are asked.
constexpr uint32_t kMaxEnginesAsked = 64;

}  // namespace

int EngineCore::ReceivePackets(int budget) {
  int received = 0;
  while (received < budget) {
    const size_t wanted = std::min<size_t>(burst_.size(), budget - received);
    const size_t n = port_->RxBurst({burst_.data(), wanted});
    for (size_t i = 0; i < n; ++i) OnFrame(burst_[i]);
    port_->Release({burst_.data(), n});
    received += static_cast<int>(n);
    if (n < wanted) break;
  }
  stats_.packets_received += received;
  return received;
}

void EngineCore::OnFrame(const runtime::Packet& packet) {
  Endpoints endpoints;
  PacketHeader header;
  std::span<const uint8_t> payload;
  switch (DecodePacket(packet.bytes(), endpoints, header, payload)) {
    case DecodeResult::kOk:
      break;
    case DecodeResult::kNotOurs:
      ++stats_.drop_not_ours;
      return;
    case DecodeResult::kMalformed:
      ++stats_.drop_malformed;
      return;
    case DecodeResult::kIpChecksum:
      ++stats_.drop_ip_checksum;
      return;
    case DecodeResult::kCrc:
      ++stats_.drop_crc;
      return;
  }
  if (endpoints.destination_mac != options_.mac || endpoints.destination_ip != options_.ip ||
      endpoints.destination_port != options_.udp_port) {
    ++stats_.drop_not_ours;
    return;
  }
  if (header.sender_epoch == 0) {
    ++stats_.drop_malformed;
    return;
  }
  Flow* flow = FindOrMakeFlow({endpoints.source_ip, header.sender_port});
  if (flow == nullptr) {
    ++stats_.drop_unknown_peer;
    return;
  }
  if (header.type == PacketType::kHello) return OnHello(*flow, header);
  if (header.sender_epoch != flow->peer_epoch || header.receiver_epoch != epoch_) {
    ++stats_.drop_stale_epoch;
    return OpenHello(*flow);
  }

  const runtime::Nanoseconds arrival = packet.rx.arrival != 0 ? packet.rx.arrival : now_;
  flow->dirty = true;
  acked_.clear();
  if (!flow->sender.OnAck(header, arrival, now_, acked_)) {
    ++stats_.drop_malformed;
    return;
  }
  for (const PacketContent& content : acked_) OnAcked(content);
  SetTimeout(*flow);
  Activate(*flow);
  if (header.type == PacketType::kAck) return;

  switch (flow->receiver.Classify(header.sequence)) {
    case FlowReceiver::Arrival::kOutside:
      ++stats_.drop_window;
      return;
    case FlowReceiver::Arrival::kDuplicate:
      ++stats_.duplicates;
      break;
    case FlowReceiver::Arrival::kNew:
      if (flow->control.size() >= kMaxControl) {
        ++stats_.drop_overload;
        return;
      }
      OnSequenced(*flow, header, payload);
      break;
  }
  flow->receiver.Accept(header, arrival, now_);
  SetAck(*flow);
}

void EngineCore::OnHello(Flow& flow, const PacketHeader& header) {
  flow.dirty = true;
  Hello& hello = flow.hello;
  if ((header.flags & kFlagEcho) && header.receiver_epoch == epoch_ && hello.open &&
      header.timestamp_echo == hello.nonce) {
    hello.open = hello.due = false;
    SetTimeout(flow);
    if (header.sender_epoch != flow.peer_epoch) OnNewIncarnation(flow, header.sender_epoch);
  }
  if (header.flags & kFlagHelloReply) {
    hello.reply_due = true;
    hello.reply_nonce = header.timestamp;
    hello.reply_epoch = header.sender_epoch;
    if (header.sender_epoch != flow.peer_epoch) OpenHello(flow);
    Activate(flow);
  }
}

void EngineCore::OnSequenced(Flow& flow, const PacketHeader& header,
                             std::span<const uint8_t> payload) {
  switch (header.type) {
    case PacketType::kConnect:
      return OnConnect(flow, header);
    case PacketType::kRefuse:
      return OnRefuse(flow, header);
    case PacketType::kData:
      return OnData(flow, header, payload);
    case PacketType::kAccept:
    case PacketType::kCredit:
      return OnCredit(flow, header);
    case PacketType::kClose:
      return OnClose(flow, header);
    case PacketType::kAbort:
      return OnAbort(flow, header);
    case PacketType::kPad:
    case PacketType::kHello:
    case PacketType::kAck:
      return;
  }
}

// The connection a packet is about, if both ends agree which that is. One that we asked for is open
// with the first thing said on it, which may overtake the ACCEPT.
Connection* EngineCore::FindFor(Flow& flow, const PacketHeader& header) {
  Connection* connection = Find(header.connection);
  if (connection == nullptr || connection->flow != &flow) return nullptr;
  if (connection->state == Connection::State::kConnecting) {
    Opened(*connection, header.source_connection);
  }
  if (connection->peer_id != header.source_connection) return nullptr;
  ++connection->session->work.packets;
  return connection;
}

void EngineCore::OnConnect(Flow& flow, const PacketHeader& header) {
  auto listener = services_.find(static_cast<uint16_t>(header.argument()));
  Session* session =
      listener == services_.end() ? nullptr : &sessions_.find(listener->second)->second;
  if (session == nullptr || header.argument() > UINT16_MAX ||
      session->connections.size() >= kMaxConnections) {
    flow.control.push_back({.type = PacketType::kRefuse,
                            .peer_connection = header.source_connection,
                            .argument = options_.engines});
    return Activate(flow);
  }
  Connection& connection = NewConnection(*session, flow);
  connection.state = Connection::State::kOpen;
  connection.peer_id = header.source_connection;
  connection.service = listener->first;
  connection.wanted = Connection::kWantAccept;
  ++stats_.connections_opened;

  PonyEvent event{};
  event.kind = PONY_EVENT_ACCEPTED;
  event.connection = connection.id;
  event.remote_ip = connection.remote_ip;
  event.service = connection.service;
  session->Complete(event);
  Wake(connection);
}

void EngineCore::Opened(Connection& connection, uint32_t peer_id) {
  connection.state = Connection::State::kOpen;
  connection.peer_id = peer_id;
  connection.connect_timeout.Cancel();
  connection.deadline = runtime::kNever;
  ++stats_.connections_opened;

  PonyEvent event{};
  event.kind = PONY_EVENT_CONNECTED;
  event.tag = connection.connect_tag;
  event.connection = connection.id;
  event.remote_ip = connection.remote_ip;
  event.service = connection.service;
  connection.session->Complete(event);
}

void EngineCore::OnRefuse(Flow& flow, const PacketHeader& header) {
  Connection* connection = Find(header.connection);
  if (connection == nullptr || connection->flow != &flow ||
      connection->state != Connection::State::kConnecting) {
    return;
  }
  // Listeners are known by one engine of the daemon each: ask the next.
  const uint32_t next = connection->target_engine + 1;
  Flow* other = nullptr;
  if (next < std::min(header.argument(), kMaxEnginesAsked)) {
    const uint16_t first_port = neighbors_.find(flow.key.ip)->second.first_port;
    other = FindOrMakeFlow({flow.key.ip, static_cast<uint16_t>(first_port + next)});
  }
  if (other == nullptr) return End(*connection, PONY_REFUSED);
  flow.Remove(connection);
  connection->target_engine = next;
  connection->flow = other;
  connection->wanted |= Connection::kWantConnect;
  Wake(*connection);
}

void EngineCore::OnData(Flow& flow, const PacketHeader& header, std::span<const uint8_t> payload) {
  Connection* connection = FindFor(flow, header);
  if (connection == nullptr) return AnswerAbort(flow, header.source_connection);
  connection->out.RaiseLimit(header.credit_limit);
  const PostedBuffer* buffer = connection->in.Place(header);
  if (buffer == nullptr) {
    ++stats_.drop_malformed;
    AnswerAbort(flow, connection->peer_id);
    return End(*connection, PONY_RESET);
  }
  Session& session = *connection->session;
  std::memcpy(session.memory().region + buffer->offset + header.message_offset, payload.data(),
              payload.size());
  session.work.bytes += payload.size();
  delivered_.clear();
  connection->in.Placed(header, delivered_);
  for (const ReceivedMessage& message : delivered_) {
    PonyEvent event{};
    event.tag = message.buffer.tag;
    event.offset = message.buffer.offset;
    event.length = message.length;
    event.connection = connection->id;
    event.stream = message.stream;
    event.kind = PONY_EVENT_RECEIVED;
    session.Complete(event);
    --session.buffers;
    ++stats_.messages_received;
    stats_.message_bytes_received += message.length;
  }
  if (connection->CreditDue()) connection->wanted |= Connection::kWantCredit;
  Wake(*connection);
}

// ACCEPT and CREDIT: both say what may be sent.
void EngineCore::OnCredit(Flow& flow, const PacketHeader& header) {
  Connection* connection = FindFor(flow, header);
  if (connection == nullptr) return AnswerAbort(flow, header.source_connection);
  connection->out.RaiseLimit(header.credit_limit);
  Wake(*connection);
}

void EngineCore::OnClose(Flow& flow, const PacketHeader& header) {
  Connection* connection = FindFor(flow, header);
  if (connection == nullptr) return;
  const bool both =
      connection->state == Connection::State::kClosing && connection->out.outstanding() == 0;
  End(*connection, both ? PONY_OK : PONY_CLOSED);
}

void EngineCore::OnAbort(Flow& flow, const PacketHeader& header) {
  Connection* connection = Find(header.connection);
  if (connection != nullptr && connection->flow == &flow) End(*connection, PONY_RESET);
}

void EngineCore::OnAcked(const PacketContent& content) {
  Connection* connection = Find(content.connection);
  if (connection == nullptr) return;
  connection->dirty = true;
  switch (content.type) {
    case PacketType::kData: {
      auto message = connection->out.OnAcked(content.message, content.length);
      if (!message.has_value()) return;
      PonyEvent event{};
      event.tag = message->tag;
      event.connection = connection->id;
      event.stream = message->stream;
      event.kind = PONY_EVENT_SENT;
      connection->session->Complete(event);
      --connection->session->sends;
      ++stats_.messages_sent;
      stats_.message_bytes_sent += message->length;
      return CloseIfDone(*connection);
    }
    case PacketType::kClose:
      return End(*connection, PONY_OK);
    default:
      return;
  }
}

}  // namespace farrier::pony
