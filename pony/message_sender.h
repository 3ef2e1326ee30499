#pragma once

#include <cstdint>
#include <optional>

#include "absl/container/btree_map.h"
#include "pony/flow_sender.h"
#include "pony/sliding_window.h"

namespace farrier::pony {

class ConnectionRecord;

// A message the app has handed over and not got back.
struct OutgoingMessage {
  uint64_t tag = 0;
  uint64_t offset = 0;  // of the payload in the region
  uint32_t length = 0;
  uint32_t stream = 0;
  // Known when started:
  uint32_t sent = 0;   // bytes made into packets, for the first time
  uint32_t acked = 0;  // bytes
  uint32_t previous = 0;
  bool has_previous = false;  // message `previous` of this stream may not have arrived yet
};

// The sending half of a connection. Messages are numbered when they start, which takes a credit. A
// stream sends one after the other; streams take turns packet by packet.
class MessageSender {
 public:
  void Queue(const OutgoingMessage& message);

  // The peer takes messages below this number. A limit lower than one heard before is old news.
  void RaiseLimit(uint32_t limit);

  bool CanSend() const { return !ready_.empty() || (!waiting_.empty() && HasCredit()); }

  // The next packet's worth, of at most `max_payload` bytes. Requires CanSend.
  PacketContent Next(uint32_t max_payload);

  // A message under way; nullptr if there is no such, or no longer.
  const OutgoingMessage* Find(uint32_t number) const;

  // Part of a message was acknowledged; returns the message when that was the last of it.
  std::optional<OutgoingMessage> OnAcked(uint32_t number, uint32_t length);

  // Messages not acknowledged in full.
  uint32_t outstanding() const { return outstanding_; }

  // Forgets every message, calling `f` for each: those under way first.
  template <typename F>
  void Clear(F f) {
    for (uint32_t n = started_.begin(); n != started_.end(); ++n) {
      if (started_[n].acked < started_[n].length) f(started_[n]);
    }
    for (auto& [id, stream] : streams_) {
      for (; !stream.queue.empty(); stream.queue.PopFront()) f(stream.queue.front());
    }
    *this = MessageSender();
  }

  void Save(ConnectionRecord& record) const;
  // False: contradicts itself or reaches beyond the region.
  bool Load(const ConnectionRecord& record, uint64_t region_bytes);

 private:
  struct Stream {
    SlidingWindow<OutgoingMessage> queue;  // not started
    uint32_t last = 0;                     // the message started last
    bool has_last = false;                 // ... and perhaps not arrived in full
    bool busy = false;                     // in ready_ or waiting_
  };

  bool HasCredit() const { return static_cast<int32_t>(limit_ - started_.end()) > 0; }
  void Start();
  void Forget(uint32_t stream, uint32_t number);

  // Where the messages under way begin, the front one being incomplete.
  SlidingWindow<OutgoingMessage> started_;
  absl::btree_map<uint32_t, Stream> streams_;
  SlidingWindow<uint32_t> ready_;    // messages started and not sent in full, in turn
  SlidingWindow<uint32_t> waiting_;  // streams whose next message has not started, in turn
  uint32_t limit_ = 0;
  uint32_t outstanding_ = 0;
};

}  // namespace farrier::pony
