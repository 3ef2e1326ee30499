#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "host/app_hello.h"
#include "host/app_session_memory.h"
#include "host/event_loop.h"
#include "host/unique_fd.h"
#include "pony/engine.h"

namespace farrier::host {

// What a session is, apart from its memory. Travels in upgrades.
struct AppSessionInfo {
  uint32_t id = 0;  // never 0, never used twice by a daemon and its successors
  uint32_t engine = 0;
  uint32_t abi_version = 0;
  uint32_t ring_entries = 0;
  uint64_t region_bytes = 0;
  std::string name;  // as the app calls itself; printable
  int32_t pid = 0;   // who connected, as of then
  uint32_t uid = 0;
  uint32_t gid = 0;
};

struct AppSessionsOptions {
  uint32_t local_ip = 0;  // told to apps
  uint32_t engines = 1;
  uint32_t max_sessions = 256;
  uint32_t max_handshakes = 32;  // connections without a HELLO; the oldest makes room
  runtime::Nanoseconds handshake_timeout = 5 * runtime::kSecond;
  uint64_t max_region_bytes = uint64_t{4} << 30;
};

// Both run on the loop's thread.
struct AppSessionsCallbacks {
  // A new session. Not OK: the app is told the message, and the memory goes away. May wait for the
  // engine to have taken it.
  std::function<absl::Status(const AppSessionInfo&, const pony::SessionMemory&)> add;

  // The app has gone, or broke the protocol. Its memory stays until RemoveDone(id), which may be
  // called from within. Also called for imported sessions.
  std::function<void(const AppSessionInfo&)> remove;
};

struct AppSessionsCounters {
  uint64_t opened = 0;
  uint64_t ended = 0;
  uint64_t refused = 0;  // HELLOs that were answered with an error
  uint64_t expired = 0;  // connections without a HELLO that were closed
};

// farrierd's side of the app socket: hands memory to engines and takes it back. What apps send is
// not believed, and an app that sends nonsense, too much or nothing disturbs no other. Everything
// runs on the loop's thread and never blocks.
//
// An upgrade: the old daemon calls Freeze, sends what Export says to the new one, and goes on
// noticing sessions end. The new one imports, and calls Start when the old one has called Release,
// or is dead. If it comes to nothing, the old one calls Thaw. A session that ends between is
// noticed by the new one too, since its socket stays at end of file.
class AppSessions {
 public:
  // Descriptors of a session, in the order in which they travel: its socket, then its memory.
  enum { kSocket, kFirstMemory, kSessionFds = kFirstMemory + AppSessionMemory::kFds };

  // What there is to hand over; all descriptors are borrowed, valid until the loop runs on.
  struct ExportedSession {
    AppSessionInfo info;
    std::vector<int> fds;  // kSessionFds
  };
  struct Exported {
    uint32_t next_id = 0;
    int listener = -1;            // -1: not listening
    std::vector<int> handshakes;  // connections that have said nothing yet
    std::vector<ExportedSession> sessions;
  };

  // Reads nothing before Start. `loop` outlives this.
  AppSessions(EventLoop& loop, AppSessionsOptions options, AppSessionsCallbacks callbacks);

  // As Release: engines must not touch any session's memory any more.
  ~AppSessions();
  AppSessions(const AppSessions&) = delete;
  AppSessions& operator=(const AppSessions&) = delete;

  // The socket to accept apps on: SOCK_SEQPACKET, listening, non-blocking.
  void Listen(UniqueFd listener);

  // Begins to accept, to shake hands and to notice sessions end.
  void Start();

  // Ends a session from this side: the app finds its socket closed, and `remove` is called. Ignores
  // unknown ids.
  void Close(uint32_t id);

  // The engine does not touch the session's memory any more: unmaps it. Ignores unknown ids.
  void RemoveDone(uint32_t id);

  // No new sessions until Thaw: apps that connect wait. Sessions still end.
  void Freeze();
  void Thaw();
  Exported Export() const;

  // Takes over what another process exported, before Start. InvalidArgument if it makes no
  // sense; then that session is closed here and nothing else changes.
  void Import(uint32_t next_id, UniqueFd listener, std::vector<UniqueFd> handshakes);
  absl::Status ImportSession(AppSessionInfo info, std::vector<UniqueFd> fds);

  // Closes and unmaps everything, without callbacks. Sessions whose descriptors another
  // process has too go on there; all others end.
  void Release();

  // Of a session that has not been removed; nullptr otherwise.
  const pony::SessionMemory* Memory(uint32_t id) const;
  std::vector<AppSessionInfo> List() const;
  const AppSessionsCounters& counters() const { return counters_; }

 private:
  struct Session {
    AppSessionInfo info;
    UniqueFd socket;
    std::unique_ptr<AppSessionMemory> memory;
    bool ending = false;  // `remove` has been called
  };
  struct Handshake {
    UniqueFd socket;
    std::optional<EventLoop::TimerId> deadline;  // while it is watched
  };

  void WatchListener();
  void ForgetListener();
  void WatchHandshake(uint64_t serial, Handshake& handshake);
  void ForgetHandshake(Handshake& handshake);
  void WatchSession(Session& session);
  void Accept();
  void AddHandshake(UniqueFd socket);
  void Shake(uint64_t serial);
  absl::Status Open(UniqueFd& socket, AppHello hello);
  void SocketReadable(uint32_t id);
  void End(uint32_t id);

  EventLoop& loop_;
  const AppSessionsOptions options_;
  const AppSessionsCallbacks callbacks_;
  AppSessionsCounters counters_;
  bool started_ = false;
  bool frozen_ = false;
  UniqueFd listener_;
  bool listener_watched_ = false;
  std::optional<EventLoop::TimerId> accept_again_;  // after the process ran out of descriptors
  uint32_t next_id_ = 1;
  uint64_t next_handshake_ = 1;
  std::map<uint64_t, Handshake> handshakes_;  // by age
  std::map<uint32_t, Session> sessions_;
};

}  // namespace farrier::host
