#pragma once

#include <cstdint>
#include <vector>

#include "pony/sliding_window.h"
#include "pony/wire.h"

namespace farrier::pony {

class ConnectionRecord;

// Memory of the app for one message of up to PONY_MAX_MESSAGE bytes.
struct PostedBuffer {
  uint64_t tag = 0;
  uint64_t offset = 0;  // in the region
};

// A message that has arrived in full, and everything before it on its stream as well.
struct ReceivedMessage {
  PostedBuffer buffer;
  uint32_t stream = 0;
  uint32_t length = 0;
};

// The receiving half of a connection. A message takes the oldest posted buffer when the first part
// of it arrives; parts come in any order, each once.
class MessageReceiver {
 public:
  void Post(PostedBuffer buffer) { posted_.PushBack(buffer); }

  // Messages below this number may be started by the peer: one for each buffer ever posted, within
  // a window that bounds what is remembered.
  uint32_t limit() const;

  // The buffer that a DATA packet's payload belongs into, at header.message_offset; nullptr if the
  // packet contradicts what came before, or has no credit.
  const PostedBuffer* Place(const PacketHeader& header);

  // The payload of a packet that was placed is there. Appends what can be delivered now.
  void Placed(const PacketHeader& header, std::vector<ReceivedMessage>& delivered);

  // What the peer may still start of what it was told, had it been told `advertised`.
  uint32_t Remaining(uint32_t advertised) const { return advertised - messages_.end(); }

  // Buffers that hold no delivered message.
  uint32_t buffers() const { return posted_.size() + held_; }

  // Forgets every buffer, calling `f` for each, those in use first.
  template <typename F>
  void Clear(F f) {
    for (uint32_t n = messages_.begin(); n != messages_.end(); ++n) {
      if (messages_[n].state == State::kPartial || messages_[n].state == State::kComplete) {
        f(messages_[n].buffer);
      }
    }
    for (; !posted_.empty(); posted_.PopFront()) f(posted_.front());
    *this = MessageReceiver();
  }

  void Save(ConnectionRecord& record) const;
  // False: contradicts itself or reaches beyond the region.
  bool Load(const ConnectionRecord& record, uint64_t region_bytes);

 private:
  enum class State : uint8_t { kUnseen, kPartial, kComplete, kDelivered };
  struct Message {
    State state = State::kUnseen;
    bool has_previous = false;
    bool has_next = false;
    uint32_t previous = 0;
    uint32_t next = 0;  // the one on the stream that waits for this
    uint32_t stream = 0;
    uint32_t length = 0;
    uint32_t received = 0;  // bytes
    PostedBuffer buffer;
  };

  SlidingWindow<Message> messages_;  // from the first not delivered to the last seen
  SlidingWindow<PostedBuffer>
      posted_;         // numbered from the first ever; as many messages took one as begin()
  uint32_t held_ = 0;  // messages kPartial or kComplete
};

}  // namespace farrier::pony
