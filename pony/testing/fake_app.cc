#include "pony/testing/fake_app.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "pony/client/pony_rings.h"

namespace farrier::pony::testing {

FakeApp::FakeApp(uint32_t ring_entries, uint64_t region_bytes)
    : entries_(ring_entries),
      area_bytes_(sizeof(PonyAppArea) + 64 * ring_entries),
      app_area_(static_cast<uint8_t*>(std::aligned_alloc(64, area_bytes_))),
      engine_area_(static_cast<uint8_t*>(std::aligned_alloc(64, area_bytes_))),
      region_(region_bytes),
      doorbell_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (pony_completion_pair(&completion_fd_, &wait_fd_) != 0) std::abort();
  std::memset(app_area_, 0, area_bytes_);
  std::memset(engine_area_, 0, area_bytes_);
}

FakeApp::~FakeApp() {
  std::free(app_area_);
  std::free(engine_area_);
  close(doorbell_fd_);
  close(completion_fd_);
  CloseWaitFd();
}

SessionMemory FakeApp::memory() const {
  return {.app_area = app_area_,
          .app_area_bytes = area_bytes_,
          .engine_area = engine_area_,
          .engine_area_bytes = area_bytes_,
          .region = const_cast<uint8_t*>(region_.data()),
          .region_bytes = region_.size(),
          .ring_entries = entries_,
          .doorbell_fd = doorbell_fd_,
          .completion_fd = completion_fd_};
}

bool FakeApp::Put(const PonyCommand& command) {
  if (command_tail_ - engine().command_head >= entries_) return false;
  std::memcpy(app_area_ + sizeof(PonyAppArea) + 64 * (command_tail_ & (entries_ - 1)), &command,
              sizeof(command));
  app().command_tail = ++command_tail_;
  return true;
}

bool FakeApp::Connect(uint32_t ip, uint16_t service, uint64_t tag) {
  PonyCommand command{};
  command.op = PONY_OP_CONNECT;
  command.remote_ip = ip;
  command.service = service;
  command.tag = tag;
  return Put(command);
}

bool FakeApp::Listen(uint16_t service, uint64_t tag) {
  PonyCommand command{};
  command.op = PONY_OP_LISTEN;
  command.service = service;
  command.tag = tag;
  return Put(command);
}

bool FakeApp::Post(uint32_t connection, uint64_t offset, uint64_t tag) {
  PonyCommand command{};
  command.op = PONY_OP_POST_RECV;
  command.connection = connection;
  command.offset = offset;
  command.length = PONY_MAX_MESSAGE;
  command.tag = tag;
  return Put(command);
}

bool FakeApp::Send(uint32_t connection, uint32_t stream, uint64_t offset, uint32_t length,
                   uint64_t tag) {
  PonyCommand command{};
  command.op = PONY_OP_SEND;
  command.connection = connection;
  command.stream = stream;
  command.offset = offset;
  command.length = length;
  command.tag = tag;
  return Put(command);
}

bool FakeApp::Close(uint32_t connection, uint64_t tag) {
  PonyCommand command{};
  command.op = PONY_OP_CLOSE;
  command.connection = connection;
  command.tag = tag;
  return Put(command);
}

std::vector<PonyEvent> FakeApp::Events(size_t max) {
  std::vector<PonyEvent> events;
  const uint32_t tail = engine().completion_tail;
  for (; completion_head_ != tail && events.size() < max; ++completion_head_) {
    PonyEvent event;
    std::memcpy(&event,
                engine_area_ + sizeof(PonyEngineArea) + 64 * (completion_head_ & (entries_ - 1)),
                sizeof(event));
    events.push_back(event);
  }
  app().completion_head = completion_head_;
  return events;
}

void FakeApp::CloseWaitFd() {
  if (wait_fd_ >= 0) close(wait_fd_);
  wait_fd_ = -1;
}

uint64_t FakeApp::CompletionSignals() {
  char bytes[256];
  return std::max<ssize_t>(0, recv(wait_fd_, bytes, sizeof(bytes), MSG_DONTWAIT));
}

}  // namespace farrier::pony::testing
