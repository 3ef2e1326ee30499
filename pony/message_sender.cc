#include "pony/message_sender.h"

#include <algorithm>

#include "pony/client/pony_abi.h"
#include "pony/state.pb.h"

namespace farrier::pony {
namespace {

// Idle streams remembered so that a stream that comes and goes costs no allocation.
constexpr size_t kIdleStreams = 64;

}  // namespace

void MessageSender::Queue(const OutgoingMessage& message) {
  Stream& stream = streams_[message.stream];
  stream.queue.PushBack(message);
  ++outstanding_;
  if (!stream.busy) {
    stream.busy = true;
    waiting_.PushBack(message.stream);
  }
}

void MessageSender::RaiseLimit(uint32_t limit) {
  if (static_cast<int32_t>(limit - limit_) > 0) limit_ = limit;
}

void MessageSender::Start() {
  const uint32_t id = waiting_.front();
  waiting_.PopFront();
  Stream& stream = streams_[id];
  OutgoingMessage message = stream.queue.front();
  stream.queue.PopFront();
  message.has_previous = stream.has_last;
  message.previous = stream.last;
  stream.last = started_.end();
  stream.has_last = true;
  ready_.PushBack(started_.end());
  started_.PushBack(message);
}

PacketContent MessageSender::Next(uint32_t max_payload) {
  if (!waiting_.empty() && HasCredit()) Start();
  const uint32_t number = ready_.front();
  ready_.PopFront();
  OutgoingMessage& message = started_[number];
  PacketContent content{.type = PacketType::kData,
                        .message = number,
                        .offset = message.sent,
                        .length = std::min(max_payload, message.length - message.sent)};
  message.sent += content.length;
  if (message.sent < message.length) {
    ready_.PushBack(number);
    return content;
  }
  Stream& stream = streams_[message.stream];
  if (stream.queue.empty()) {
    stream.busy = false;
  } else {
    waiting_.PushBack(message.stream);
  }
  return content;
}

const OutgoingMessage* MessageSender::Find(uint32_t number) const {
  if (!started_.Contains(number)) return nullptr;
  const OutgoingMessage& message = started_[number];
  return message.acked < message.length ? &message : nullptr;
}

std::optional<OutgoingMessage> MessageSender::OnAcked(uint32_t number, uint32_t length) {
  if (Find(number) == nullptr) return std::nullopt;
  OutgoingMessage& message = started_[number];
  message.acked += length;
  if (message.acked < message.length) return std::nullopt;
  const OutgoingMessage done = message;
  --outstanding_;
  while (!started_.empty() && started_.front().acked == started_.front().length) {
    const uint32_t stream = started_.front().stream;
    const uint32_t first = started_.begin();
    started_.PopFront();
    Forget(stream, first);
  }
  return done;
}

// Everything up to `number` has arrived, hence been delivered or waits for nothing of this stream:
// the stream starts afresh, and so needs no memory.
void MessageSender::Forget(uint32_t id, uint32_t number) {
  auto it = streams_.find(id);
  if (it == streams_.end() || !it->second.has_last || it->second.last != number) return;
  it->second.has_last = false;
  if (!it->second.busy && streams_.size() > kIdleStreams) streams_.erase(it);
}

void MessageSender::Save(ConnectionRecord& record) const {
  auto save = [](const OutgoingMessage& message, OutgoingMessageRecord& out) {
    out.set_tag(message.tag);
    out.set_offset(message.offset);
    out.set_length(message.length);
    out.set_stream(message.stream);
    out.set_sent(message.sent);
    out.set_acked(message.acked);
    out.set_previous(message.previous);
    out.set_has_previous(message.has_previous);
  };
  record.set_send_limit(limit_);
  record.set_first_started(started_.begin());
  for (uint32_t n = started_.begin(); n != started_.end(); ++n) {
    save(started_[n], *record.add_started());
  }
  for (const auto& [id, stream] : streams_) {
    if (!stream.has_last && stream.queue.empty()) continue;
    StreamRecord& out = *record.add_streams();
    out.set_id(id);
    out.set_last(stream.last);
    out.set_has_last(stream.has_last);
    for (uint32_t n = stream.queue.begin(); n != stream.queue.end(); ++n) {
      save(stream.queue[n], *out.add_queue());
    }
  }
  for (uint32_t n = ready_.begin(); n != ready_.end(); ++n) record.add_ready(ready_[n]);
  for (uint32_t n = waiting_.begin(); n != waiting_.end(); ++n) record.add_waiting(waiting_[n]);
}

bool MessageSender::Load(const ConnectionRecord& record, uint64_t region_bytes) {
  *this = MessageSender();
  auto load = [&](const OutgoingMessageRecord& in, OutgoingMessage& message) {
    message = {.tag = in.tag(),
               .offset = in.offset(),
               .length = in.length(),
               .stream = in.stream(),
               .sent = in.sent(),
               .acked = in.acked(),
               .previous = in.previous(),
               .has_previous = in.has_previous()};
    return message.length > 0 && message.length <= PONY_MAX_MESSAGE &&
           message.sent <= message.length && message.acked <= message.sent &&
           message.offset <= region_bytes && message.length <= region_bytes - message.offset;
  };
  limit_ = record.send_limit();
  started_.Restart(record.first_started());
  for (const OutgoingMessageRecord& in : record.started()) {
    OutgoingMessage message;
    if (!load(in, message)) return false;
    outstanding_ += message.acked < message.length;
    started_.PushBack(message);
  }
  for (const StreamRecord& in : record.streams()) {
    Stream& stream = streams_[in.id()];
    stream.last = in.last();
    stream.has_last = in.has_last();
    for (const OutgoingMessageRecord& queued : in.queue()) {
      OutgoingMessage message;
      if (!load(queued, message) || message.stream != in.id()) return false;
      ++outstanding_;
      stream.queue.PushBack(message);
    }
  }
  // Every stream with something unsent is in exactly one of the two, and nothing else is.
  for (uint32_t number : record.ready()) {
    if (!started_.Contains(number) || started_[number].sent == started_[number].length)
      return false;
    Stream& stream = streams_[started_[number].stream];
    if (std::exchange(stream.busy, true)) return false;
    ready_.PushBack(number);
  }
  for (uint32_t id : record.waiting()) {
    auto it = streams_.find(id);
    if (it == streams_.end() || it->second.queue.empty()) return false;
    if (std::exchange(it->second.busy, true)) return false;
    waiting_.PushBack(id);
  }
  for (const auto& [id, stream] : streams_) {
    if (!stream.queue.empty() && !stream.busy) return false;
  }
  return true;
}

}  // namespace farrier::pony
