#include <algorithm>
#include <cstring>

#include "pony/engine_core.h"

namespace farrier::pony {
namespace {

// Packets are borrowed from the port a few at first, since most often a few is all there is.
constexpr size_t kFirstReserve = 4;
constexpr size_t kMaxReserve = 32;

}  // namespace

// Whether the flow's next departure lies so far ahead that the card is not to be bothered with it
// yet. Then the flow goes on when half of what it has there has left, so that it makes several
// packets at a time again.
bool EngineCore::TooFarAhead(Flow& flow) {
  const runtime::Nanoseconds next = flow.sender.NextDeparture();
  if (next <= now_ + options_.departure_lead) return false;
  if (!flow.departure.armed()) wheel_.Set(flow.departure, next - options_.departure_lead / 2);
  return true;
}

int EngineCore::SendPackets(int budget) {
  int sent = 0;
  size_t wanted = kFirstReserve;
  while (!active_.empty() && sent < budget) {
    const size_t n = port_->Reserve({burst_.data(), std::min<size_t>(wanted, budget - sent)});
    if (n == 0) {
      tx_blocked_ = true;
      break;
    }
    size_t used = 0;
    while (used < n && !active_.empty()) {
      Flow* flow = active_.front();
      active_.PopFront();
      if (!MakeNext(*flow, burst_[used])) {
        flow->active = false;
        continue;
      }
      ++used;
      active_.PushBack(flow);
    }
    for (size_t i = used; i < n; ++i) burst_[i].set_length(0);
    port_->Commit({burst_.data(), n});
    sent += static_cast<int>(used);
    wanted = std::min(2 * wanted, kMaxReserve);
  }
  stats_.packets_sent += sent;
  return sent;
}

int EngineCore::SendAcks() {
  int sent = 0;
  for (uint32_t left = owing_.size(); left > 0; --left) {
    Flow* flow = owing_.front();
    owing_.PopFront();
    if (flow->receiver.ack_deadline() <= now_) {
      if (port_->Reserve({burst_.data(), 1}) == 1) {
        PacketHeader header{.type = PacketType::kAck};
        flow->receiver.FillAck(header, kMaxSackWords, now_);
        header.receiver_epoch = flow->peer_epoch;
        Finish(*flow, header, burst_[0]);
        port_->Commit({burst_.data(), 1});
        ++sent;
      } else {
        tx_blocked_ = true;
      }
    }
    flow->owes_ack = false;
    SetAck(*flow);
  }
  stats_.packets_sent += sent;
  stats_.acks_sent += sent;
  return sent;
}

// Makes the next packet of a flow; false if there is none to be sent now.
bool EngineCore::MakeNext(Flow& flow, runtime::Packet& packet) {
  if (flow.hello.due || flow.hello.reply_due) {
    MakeHello(flow, packet);
    return true;
  }
  if (flow.peer_epoch == 0 || !flow.sender.HasRoom() || TooFarAhead(flow)) return false;
  const runtime::Nanoseconds departure = flow.sender.Departure(now_);
  if (flow.sender.HasLost()) {
    const FlowSender::Resend resend = flow.sender.SendLost(now_);
    SetTimeout(flow);
    ++(resend.by_timeout ? stats_.retransmitted_timeout : stats_.retransmitted_fast);
    packet.tx.departure = departure;
    MakeSequenced(flow, *resend.content, resend.sequence, /*first=*/false, packet);
    return true;
  }
  PacketContent content;
  const uint32_t max_payload =
      std::min(MaxPayload(options_.mtu), packet.capacity() - PayloadOffset(0));
  if (!NextContent(flow, max_payload, content)) return false;
  const uint32_t sequence = flow.sender.Send(content, now_);
  SetTimeout(flow);
  packet.tx.departure = departure;
  MakeSequenced(flow, content, sequence, /*first=*/true, packet);
  return true;
}

// Whose turn it is, and what it wants to say.
bool EngineCore::NextContent(Flow& flow, uint32_t max_payload, PacketContent& content) {
  if (!flow.control.empty()) {
    content = flow.control.front();
    flow.control.pop_front();
    return true;
  }
  Connection* connection = flow.NextConnection();
  while (connection != nullptr && !connection->HasWork()) connection = flow.NextConnection();
  if (connection == nullptr) return false;

  auto take = [&](Connection::Wanted wanted, PacketType type) {
    if (!(connection->wanted & wanted)) return false;
    connection->wanted &= ~wanted;
    content = {.type = type};
    return true;
  };
  if (take(Connection::kWantConnect, PacketType::kConnect)) {
    content.argument = connection->service;
  } else if (take(Connection::kWantAccept, PacketType::kAccept) ||
             take(Connection::kWantCredit, PacketType::kCredit) ||
             take(Connection::kWantClose, PacketType::kClose)) {
  } else {
    content = connection->out.Next(max_payload);
  }
  content.connection = connection->id;
  connection->dirty = true;
  if (connection->HasWork()) flow.Enqueue(connection);
  return true;
}

void EngineCore::MakeHello(Flow& flow, runtime::Packet& packet) {
  Hello& hello = flow.hello;
  PacketHeader header{.type = PacketType::kHello, .receiver_epoch = flow.peer_epoch};
  if (hello.open) {
    header.flags |= kFlagHelloReply;
    header.timestamp = hello.nonce;
  }
  if (hello.reply_due) {
    header.flags |= kFlagEcho;
    header.receiver_epoch = hello.reply_epoch;
    header.timestamp_echo = hello.reply_nonce;
  }
  hello.due = hello.reply_due = false;
  Finish(flow, header, packet);
}

void EngineCore::MakeSequenced(Flow& flow, const PacketContent& content, uint32_t sequence,
                               bool first, runtime::Packet& packet) {
  PacketHeader header{
      .type = content.type,
      .receiver_epoch = flow.peer_epoch,
      .sequence = sequence,
      .timestamp = static_cast<uint64_t>(packet.tx.departure != 0 ? packet.tx.departure : now_),
      .connection = content.peer_connection};
  header.set_argument(content.argument);
  Connection* connection = Find(content.connection);
  const OutgoingMessage* message = nullptr;
  if (content.connection != 0) {
    if (connection == nullptr) {
      header.type = PacketType::kPad;
    } else {
      header.connection = connection->peer_id;
      header.source_connection = connection->id;
      header.credit_limit = connection->in.limit();
      // A packet that leaves again may have arrived already, and then says nothing new: only the
      // first departure counts as having told the peer.
      if (first) {
        connection->advertised = header.credit_limit;
        connection->wanted &= ~Connection::kWantCredit;
      }
      connection->dirty = true;
      ++connection->session->work.packets;
    }
  }
  if (content.type == PacketType::kData && connection != nullptr) {
    message = connection->out.Find(content.message);
    if (message == nullptr) header.type = PacketType::kPad;
  }
  if (message != nullptr) {
    header.stream = message->stream;
    header.message = content.message;
    header.previous = message->previous;
    if (message->has_previous) header.flags |= kFlagPrevious;
    header.message_length = message->length;
    header.message_offset = content.offset;
    header.payload_length = static_cast<uint16_t>(content.length);
  }
  const uint32_t room = std::min(MaxPayload(options_.mtu), packet.capacity() - PayloadOffset(0)) -
                        header.payload_length;
  flow.receiver.FillAck(header, std::min(room / 8, kMaxSackWords), now_);
  SetAck(flow);
  if (message != nullptr) {
    std::memcpy(packet.data() + PayloadOffset(header.sack_words),
                connection->session->memory().region + message->offset + content.offset,
                content.length);
    connection->session->work.bytes += content.length;
  }
  Finish(flow, header, packet);
}

void EngineCore::Finish(Flow& flow, PacketHeader& header, runtime::Packet& packet) {
  header.sender_epoch = epoch_;
  header.sender_port = options_.udp_port;
  packet.set_length(EncodePacket(flow.endpoints, header, packet.data()));
  flow.dirty = true;
}

}  // namespace farrier::pony
