#include "tests/simulator/session.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace farrier::sim {
namespace {

bool Readable(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, 0) == 1;
}

// For what only a bug of the simulator or an exhausted machine can make fail.
void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "simulator: %s\n", what);
  std::abort();
}

}  // namespace

void Session::Free::operator()(uint8_t* memory) const { std::free(memory); }

Session::Memory Session::Allocate(uint64_t bytes) {
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(64, bytes));
  Require(memory != nullptr, "no memory for a session");
  std::memset(memory, 0, bytes);
  return Memory(memory);
}

Session::Session(uint32_t id, const SessionOptions& options) : id_(id) {
  memory_.app_area_bytes = pony_app_area_bytes(options.ring_entries);
  memory_.engine_area_bytes = pony_engine_area_bytes(options.ring_entries);
  memory_.region_bytes = options.region_bytes;
  memory_.ring_entries = options.ring_entries;
  app_area_ = Allocate(memory_.app_area_bytes);
  engine_area_ = Allocate(memory_.engine_area_bytes);
  region_ = Allocate(memory_.region_bytes);
  memory_.app_area = app_area_.get();
  memory_.engine_area = engine_area_.get();
  memory_.region = region_.get();
  memory_.doorbell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  Require(memory_.doorbell_fd >= 0, "no eventfd for a session");
  Require(pony_completion_pair(&memory_.completion_fd, &wait_fd_) == 0, "no sockets for a session");
  pony_format_app_area(memory_.app_area, options.ring_entries);
  pony_format_engine_area(memory_.engine_area, options.ring_entries);
  const pony_memory app_end = {
      .app_area = memory_.app_area,
      .app_area_bytes = memory_.app_area_bytes,
      .engine_area = memory_.engine_area,
      .engine_area_bytes = memory_.engine_area_bytes,
      .region = memory_.region,
      .region_bytes = memory_.region_bytes,
      .doorbell_fd = memory_.doorbell_fd,
      .completion_fd = wait_fd_,
  };
  char error[128] = "";
  Require(pony_attach(&app_end, &pony_, error, sizeof error) == 0, error);
}

Session::~Session() {
  pony_close(pony_);
  close(memory_.doorbell_fd);
  close(memory_.completion_fd);
  close(wait_fd_);
}

bool Session::signalled() const { return Readable(wait_fd_); }
bool Session::rung() const { return Readable(memory_.doorbell_fd); }

}  // namespace farrier::sim
