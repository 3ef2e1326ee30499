#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engines/elements/element.h"
#include "engines/elements/testing/frames.h"

namespace farrier::elements::testing {

// An end that keeps what comes. Takes up to `room` frames when asked.
class Sink final : public Element {
 public:
  Sink() : Element("sink", 0) {}
  void Push(runtime::Nanoseconds, Batch batch) override {
    ++batches;
    for (const Frame* frame : batch) {
      frames.emplace_back(frame->bytes().begin(), frame->bytes().end());
      metadata.push_back(frame->packet->rx);
      if (room > 0) --room;
    }
  }
  size_t Room(size_t wanted) override { return std::min(wanted, room); }
  std::vector<CounterRef> Counters() override { return {}; }

  std::vector<Bytes> Take() { return std::exchange(frames, {}); }

  std::vector<Bytes> frames;
  std::vector<runtime::RxMetadata> metadata;
  int batches = 0;
  size_t room = SIZE_MAX / 2;
};

// Pushes frames into `element` in batches of up to 64, each in memory of exactly its size and
// headroom. All memory is filled with rubbish and freed when Push returns.
inline void PushFrames(Element& element, const std::vector<Bytes>& frames,
                       runtime::Nanoseconds now = 1, uint32_t headroom = 0,
                       runtime::RxMetadata rx = {}) {
  for (size_t begin = 0; begin < frames.size(); begin += kMaxBatch) {
    const size_t n = std::min(frames.size() - begin, kMaxBatch);
    std::vector<std::unique_ptr<uint8_t[]>> memory;
    std::vector<runtime::Packet> packets;
    std::vector<Frame> views(n);
    std::vector<Frame*> batch;
    for (size_t i = 0; i < n; ++i) {
      const Bytes& frame = frames[begin + i];
      memory.emplace_back(new uint8_t[headroom + frame.size()]);
      std::copy(frame.begin(), frame.end(), memory.back().get() + headroom);
      const auto length = static_cast<uint32_t>(frame.size());
      packets.emplace_back(memory.back().get() + headroom, length, length, memory.back().get(),
                           headroom);
      packets.back().rx = rx;
    }
    for (size_t i = 0; i < n; ++i) {
      views[i].packet = &packets[i];
      batch.push_back(&views[i]);
    }
    element.Push(now, batch);
    for (size_t i = 0; i < n; ++i) {
      std::fill_n(memory[i].get(), headroom + frames[begin + i].size(), 0xEE);
    }
  }
}

inline std::map<std::string, uint64_t> CountersOf(Element& element) {
  std::map<std::string, uint64_t> values;
  for (const CounterRef& counter : element.Counters()) values[counter.name] = *counter.value;
  return values;
}

}  // namespace farrier::elements::testing
