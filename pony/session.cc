#include "pony/session.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "pony/state.pb.h"

namespace farrier::pony {
namespace {

constexpr uint32_t kRingOffset = sizeof(PonyAppArea);
static_assert(sizeof(PonyEngineArea) == kRingOffset);

uint32_t Load32(uint32_t& shared, std::memory_order order) {
  return std::atomic_ref<uint32_t>(shared).load(order);
}
void Store32(uint32_t& shared, uint32_t value, std::memory_order order) {
  std::atomic_ref<uint32_t>(shared).store(value, order);
}
PonyAppArea& AppArea(const SessionMemory& memory) {
  return *reinterpret_cast<PonyAppArea*>(memory.app_area);
}
PonyEngineArea& EngineArea(const SessionMemory& memory) {
  return *reinterpret_cast<PonyEngineArea*>(memory.engine_area);
}

}  // namespace

absl::Status CheckSessionMemory(const SessionMemory& memory) {
  const uint32_t entries = memory.ring_entries;
  if (!std::has_single_bit(entries) || entries < 16 || entries > 65536) {
    return absl::InvalidArgumentError(
        absl::StrCat("ring of ", entries, " entries: must be a power of two, 16..65536"));
  }
  const uint32_t needed = kRingOffset + entries * 64;
  if (memory.app_area == nullptr || memory.app_area_bytes < needed ||
      memory.engine_area == nullptr || memory.engine_area_bytes < needed) {
    return absl::InvalidArgumentError(absl::StrCat("areas of ", memory.app_area_bytes, " and ",
                                                   memory.engine_area_bytes, " bytes: a ring of ",
                                                   entries, " entries needs ", needed));
  }
  if (memory.region == nullptr && memory.region_bytes > 0) {
    return absl::InvalidArgumentError("region is not mapped");
  }
  return absl::OkStatus();
}

bool Session::HasCommands() const {
  if (fenced_ || stalled()) return false;
  return Load32(AppArea(memory_).command_tail, std::memory_order_acquire) != command_head_;
}

bool Session::NextCommand(PonyCommand& command) {
  if (fenced_ || stalled()) return false;
  const uint32_t tail = Load32(AppArea(memory_).command_tail, std::memory_order_acquire);
  if (tail == command_head_) return false;
  if (tail - command_head_ > memory_.ring_entries) {
    Fence();
    return false;
  }
  const uint8_t* ring = memory_.app_area + kRingOffset;
  std::memcpy(&command, ring + 64 * (command_head_ & (memory_.ring_entries - 1)), sizeof(command));
  // The copy is what is validated: the compiler must not go back to the ring for it.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  ++command_head_;
  commands_consumed_ = true;
  dirty = true;
  return true;
}

void Session::Complete(const PonyEvent& event) {
  if (fenced_) return;
  pending_.PushBack(event);
  dirty = true;
  Flush();
}

void Session::Flush() {
  uint8_t* ring = memory_.engine_area + kRingOffset;
  while (!pending_.empty()) {
    if (completion_tail_ - completion_head_ >= memory_.ring_entries) {
      const uint32_t head = Load32(AppArea(memory_).completion_head, std::memory_order_acquire);
      if (completion_tail_ - head > memory_.ring_entries) return Fence();
      if (head == completion_head_) return;
      completion_head_ = head;
      continue;
    }
    std::memcpy(ring + 64 * (completion_tail_ & (memory_.ring_entries - 1)), &pending_.front(),
                sizeof(PonyEvent));
    pending_.PopFront();
    ++completion_tail_;
    events_stored_ = true;
    dirty = true;
  }
}

bool Session::Publish() {
  const bool waited = stalled();
  const uint32_t before = pending_.size();
  if (waited) Flush();
  if (commands_consumed_) {
    Store32(EngineArea(memory_).command_head, command_head_, std::memory_order_release);
    commands_consumed_ = false;
  }
  if (events_stored_) {
    Store32(EngineArea(memory_).completion_tail, completion_tail_, std::memory_order_release);
    events_stored_ = false;
    // Before the look at want_event, which the app sets before its last look at the ring.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (Load32(AppArea(memory_).want_event, std::memory_order_relaxed) != 0) SignalCompletion();
  }
  return waited && pending_.size() != before;
}

void Session::WantDoorbell(bool want) {
  Store32(EngineArea(memory_).want_doorbell, want, std::memory_order_relaxed);
}

void Session::SilenceDoorbell() {
  if (memory_.doorbell_fd < 0) return;
  // The app shares the eventfd's flags: it could make a plain read block.
  uint64_t count;
  iovec part{&count, sizeof(count)};
  [[maybe_unused]] ssize_t n = preadv2(memory_.doorbell_fd, &part, 1, -1, RWF_NOWAIT);
}

void Session::SignalCompletion() {
  if (memory_.completion_fd < 0) return;
  // A full socket is readable already; an app that closed its end is not waiting.
  const char byte = 0;
  [[maybe_unused]] ssize_t n =
      send(memory_.completion_fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Session::Fence() {
  fenced_ = true;
  dirty = true;
  pending_.Restart(0);
}

void Session::Save(SessionRecord& record) const {
  record.set_id(id_);
  record.set_command_head(command_head_);
  record.set_completion_tail(completion_tail_);
  record.set_completion_head(completion_head_);
  record.set_fenced(fenced_);
  for (uint16_t service : services) record.add_services(service);
  for (uint32_t n = pending_.begin(); n != pending_.end(); ++n) {
    const PonyEvent& event = pending_[n];
    EventRecord& out = *record.add_pending();
    out.set_tag(event.tag);
    out.set_offset(event.offset);
    out.set_length(event.length);
    out.set_connection(event.connection);
    out.set_stream(event.stream);
    out.set_remote_ip(event.remote_ip);
    out.set_service(event.service);
    out.set_kind(event.kind);
    out.set_status(event.status);
  }
}

bool Session::Load(const SessionRecord& record) {
  command_head_ = record.command_head();
  completion_tail_ = record.completion_tail();
  completion_head_ = record.completion_head();
  if (completion_tail_ - completion_head_ > memory_.ring_entries) return false;
  fenced_ = record.fenced();
  // The old engine may have been stopped between writing and publishing: publish again.
  commands_consumed_ = events_stored_ = true;
  pending_.Restart(0);
  for (const EventRecord& in : record.pending()) {
    PonyEvent event{};
    event.tag = in.tag();
    event.offset = in.offset();
    event.length = in.length();
    event.connection = in.connection();
    event.stream = in.stream();
    event.remote_ip = in.remote_ip();
    event.service = static_cast<uint16_t>(in.service());
    event.kind = static_cast<uint8_t>(in.kind());
    event.status = static_cast<uint8_t>(in.status());
    pending_.PushBack(event);
  }
  services.clear();
  for (uint32_t service : record.services()) services.insert(static_cast<uint16_t>(service));
  return true;
}

}  // namespace farrier::pony
