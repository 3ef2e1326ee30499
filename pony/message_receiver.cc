#include "pony/message_receiver.h"

#include <algorithm>

#include "pony/client/pony_abi.h"
#include "pony/state.pb.h"

namespace farrier::pony {
namespace {

// Messages after the first undelivered one that a peer may start, whatever is posted.
constexpr uint32_t kMaxAhead = 4096;

}  // namespace

uint32_t MessageReceiver::limit() const {
  return messages_.begin() + std::min(posted_.end() - messages_.begin(), kMaxAhead);
}

const PostedBuffer* MessageReceiver::Place(const PacketHeader& header) {
  if (header.message_length == 0 || header.message_length > PONY_MAX_MESSAGE ||
      header.payload_length == 0 || header.message_offset > header.message_length ||
      header.payload_length > header.message_length - header.message_offset) {
    return nullptr;
  }
  const uint32_t number = header.message;
  if (number - messages_.begin() >= limit() - messages_.begin()) return nullptr;
  while (!messages_.Contains(number)) messages_.PushBack({});
  Message& message = messages_[number];
  const bool has_previous = header.flags & kFlagPrevious;
  if (message.state == State::kUnseen) {
    if (has_previous && static_cast<int32_t>(header.previous - number) >= 0) return nullptr;
    if (has_previous && messages_.Contains(header.previous)) {
      Message& previous = messages_[header.previous];
      if (std::exchange(previous.has_next, true)) return nullptr;
      previous.next = number;
    }
    message.state = State::kPartial;
    message.has_previous = has_previous;
    message.previous = header.previous;
    message.stream = header.stream;
    message.length = header.message_length;
    message.received = 0;
    message.buffer = posted_.front();
    posted_.PopFront();
    ++held_;
  } else if (message.state != State::kPartial || message.length != header.message_length ||
             message.stream != header.stream || message.has_previous != has_previous ||
             (has_previous && message.previous != header.previous) ||
             header.payload_length > message.length - message.received) {
    return nullptr;
  }
  return &message.buffer;
}

void MessageReceiver::Placed(const PacketHeader& header, std::vector<ReceivedMessage>& delivered) {
  uint32_t number = header.message;
  messages_[number].received += header.payload_length;
  if (messages_[number].received < messages_[number].length) return;
  messages_[number].state = State::kComplete;
  for (;;) {
    Message& message = messages_[number];
    if (message.state != State::kComplete) break;
    if (message.has_previous && messages_.Contains(message.previous) &&
        messages_[message.previous].state != State::kDelivered) {
      break;
    }
    message.state = State::kDelivered;
    --held_;
    delivered.push_back({message.buffer, message.stream, message.length});
    if (!message.has_next) break;
    number = message.next;
  }
  while (!messages_.empty() && messages_.front().state == State::kDelivered) messages_.PopFront();
}

void MessageReceiver::Save(ConnectionRecord& record) const {
  record.set_first_undelivered(messages_.begin());
  for (uint32_t n = messages_.begin(); n != messages_.end(); ++n) {
    const Message& message = messages_[n];
    IncomingMessageRecord& out = *record.add_incoming();
    out.set_state(static_cast<uint32_t>(message.state));
    out.set_has_next(message.has_next);
    out.set_next(message.next);
    if (message.state == State::kUnseen || message.state == State::kDelivered) continue;
    out.set_has_previous(message.has_previous);
    out.set_previous(message.previous);
    out.set_stream(message.stream);
    out.set_length(message.length);
    out.set_received(message.received);
    out.set_tag(message.buffer.tag);
    out.set_offset(message.buffer.offset);
  }
  for (uint32_t n = posted_.begin(); n != posted_.end(); ++n) {
    record.add_posted_tag(posted_[n].tag);
    record.add_posted_offset(posted_[n].offset);
  }
}

bool MessageReceiver::Load(const ConnectionRecord& record, uint64_t region_bytes) {
  *this = MessageReceiver();
  auto fits = [&](const PostedBuffer& buffer) {
    return buffer.offset <= region_bytes && PONY_MAX_MESSAGE <= region_bytes - buffer.offset;
  };
  messages_.Restart(record.first_undelivered());
  uint32_t taken = record.first_undelivered();
  if (record.incoming_size() > static_cast<int>(kMaxAhead)) return false;
  for (const IncomingMessageRecord& in : record.incoming()) {
    if (in.state() > static_cast<uint32_t>(State::kDelivered)) return false;
    const Message message{.state = static_cast<State>(in.state()),
                          .has_previous = in.has_previous(),
                          .has_next = in.has_next(),
                          .previous = in.previous(),
                          .next = in.next(),
                          .stream = in.stream(),
                          .length = in.length(),
                          .received = in.received(),
                          .buffer = {in.tag(), in.offset()}};
    if (message.state == State::kPartial || message.state == State::kComplete) {
      if (!fits(message.buffer) || message.length > PONY_MAX_MESSAGE ||
          message.received > message.length) {
        return false;
      }
      ++held_;
    }
    taken += message.state != State::kUnseen;
    messages_.PushBack(message);
  }
  for (uint32_t n = messages_.begin(); n != messages_.end(); ++n) {
    if (messages_[n].has_next && !messages_.Contains(messages_[n].next)) return false;
  }
  posted_.Restart(taken);
  if (record.posted_tag_size() != record.posted_offset_size()) return false;
  for (int i = 0; i < record.posted_tag_size(); ++i) {
    const PostedBuffer buffer{record.posted_tag(i), record.posted_offset(i)};
    if (!fits(buffer)) return false;
    posted_.PushBack(buffer);
  }
  return true;
}

}  // namespace farrier::pony
