#include "host/app_sessions.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/foreign_fd.h"
#include "host/unix_socket.h"

namespace farrier::host {
namespace {

constexpr int kAcceptsPerWake = 16;  // then others have their turn
constexpr runtime::Nanoseconds kAcceptPause = 100 * runtime::kMillisecond;

}  // namespace

AppSessions::AppSessions(EventLoop& loop, AppSessionsOptions options,
                         AppSessionsCallbacks callbacks)
    : loop_(loop), options_(options), callbacks_(std::move(callbacks)) {}

AppSessions::~AppSessions() { Release(); }

void AppSessions::Listen(UniqueFd listener) {
  ForgetListener();
  listener_ = std::move(listener);
  WatchListener();
}

void AppSessions::Start() {
  started_ = true;
  WatchListener();
  for (auto& [serial, handshake] : handshakes_) WatchHandshake(serial, handshake);
  for (auto& [id, session] : sessions_) WatchSession(session);
}

void AppSessions::WatchListener() {
  if (!started_ || frozen_ || !listener_.valid() || listener_watched_) return;
  loop_.Watch(listener_.get(), EPOLLIN, [this](uint32_t) { Accept(); });
  listener_watched_ = true;
}

void AppSessions::ForgetListener() {
  if (listener_watched_) loop_.Forget(listener_.get());
  listener_watched_ = false;
  if (accept_again_) loop_.Cancel(*accept_again_);
  accept_again_.reset();
}

void AppSessions::WatchHandshake(uint64_t serial, Handshake& handshake) {
  if (!started_ || frozen_ || handshake.deadline) return;
  loop_.Watch(handshake.socket.get(), EPOLLIN, [this, serial](uint32_t) { Shake(serial); });
  handshake.deadline = loop_.After(options_.handshake_timeout, [this, serial] {
    auto found = handshakes_.find(serial);
    found->second.deadline.reset();  // it is what has just run
    loop_.Forget(found->second.socket.get());
    HangUp(found->second.socket.get());
    handshakes_.erase(found);
    ++counters_.expired;
  });
}

void AppSessions::ForgetHandshake(Handshake& handshake) {
  if (!handshake.deadline) return;
  loop_.Forget(handshake.socket.get());
  loop_.Cancel(*handshake.deadline);
  handshake.deadline.reset();
}

void AppSessions::WatchSession(Session& session) {
  if (!started_ || session.ending) return;
  loop_.Watch(session.socket.get(), EPOLLIN,
              [this, id = session.info.id](uint32_t) { SocketReadable(id); });
}

void AppSessions::Accept() {
  for (int i = 0; i < kAcceptsPerWake; ++i) {
    UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.valid()) {
      AddHandshake(std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The connection stays in the queue: to look again at once would be to spin.
      ForgetListener();
      accept_again_ = loop_.After(kAcceptPause, [this] {
        accept_again_.reset();
        WatchListener();
      });
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

void AppSessions::AddHandshake(UniqueFd socket) {
  if (handshakes_.size() >= options_.max_handshakes) {
    auto oldest = handshakes_.begin();
    ForgetHandshake(oldest->second);
    HangUp(oldest->second.socket.get());
    handshakes_.erase(oldest);
    ++counters_.expired;
  }
  const uint64_t serial = next_handshake_++;
  Handshake& handshake = handshakes_[serial];
  handshake.socket = std::move(socket);
  WatchHandshake(serial, handshake);
}

void AppSessions::Shake(uint64_t serial) {
  auto found = handshakes_.find(serial);
  absl::StatusOr<AppHello> hello =
      ReceiveHello(found->second.socket.get(), options_.max_region_bytes);
  if (absl::IsUnavailable(hello.status())) return;
  ForgetHandshake(found->second);
  UniqueFd socket = std::move(found->second.socket);
  handshakes_.erase(found);
  if (absl::IsCancelled(hello.status())) return;
  absl::Status status = hello.ok() ? Open(socket, *std::move(hello)) : hello.status();
  if (status.ok()) {
    ++counters_.opened;
  } else {
    ++counters_.refused;
    SendRefusal(socket.get(), status.message());
    HangUp(socket.get());
  }
}

// Makes a session, and tells the engine and the app. Takes over `socket` only if it succeeds.
absl::Status AppSessions::Open(UniqueFd& socket, AppHello hello) {
  if (sessions_.size() >= options_.max_sessions) {
    return absl::ResourceExhaustedError(absl::StrCat("there are ", sessions_.size(),
                                                     " sessions already, the most this farrierd ",
                                                     "serves; close one"));
  }
  absl::StatusOr<ucred> peer = PeerCredentials(socket.get());
  if (!peer.ok()) return peer.status();
  auto memory =
      AppSessionMemory::Make(std::move(hello.region), hello.region_bytes, hello.ring_entries);
  if (!memory.ok()) return memory.status();
  absl::StatusOr<UniqueFd> engine_area = (*memory)->ReadOnlyEngineArea();
  if (!engine_area.ok()) return engine_area.status();
  const uint32_t id = next_id_;
  const AppSessionInfo info{.id = id,
                            .engine = (id - 1) % options_.engines,
                            .abi_version = hello.abi_version,
                            .ring_entries = hello.ring_entries,
                            .region_bytes = hello.region_bytes,
                            .name = std::move(hello.name),
                            .pid = peer->pid,
                            .uid = peer->uid,
                            .gid = peer->gid};
  absl::Status added = callbacks_.add(info, (*memory)->view());
  if (!added.ok()) return added;
  ++next_id_;
  const PonyWelcome welcome{.magic = PONY_ABI_MAGIC,
                            .abi_version = info.abi_version,
                            .session = id,
                            .local_ip = options_.local_ip};
  Session& session = sessions_[id];
  session.info = info;
  session.socket = std::move(socket);
  session.memory = *std::move(memory);
  WatchSession(session);
  const UniqueFd app_completion = session.memory->TakeAppCompletion();
  absl::Status told =
      SendWelcome(session.socket.get(), welcome,
                  {session.memory->fd(AppSessionMemory::kAppArea), engine_area->get(),
                   session.memory->fd(AppSessionMemory::kDoorbell), app_completion.get()});
  if (!told.ok()) End(id);  // the engine knows it already
  return absl::OkStatus();
}

void AppSessions::SocketReadable(uint32_t id) {
  // Nothing is to be said on this socket any more, so that whatever is there ends the session: end
  // of file, or an app that breaks the protocol.
  uint8_t byte;
  int flags;
  std::vector<UniqueFd> fds;
  const ssize_t bytes =
      ReceiveForeign(sessions_.find(id)->second.socket.get(), {&byte, 1}, flags, fds);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  CloseForeign(std::move(fds));
  End(id);
}

void AppSessions::End(uint32_t id) {
  Session& session = sessions_.find(id)->second;
  // The socket stays open until the engine has let go, so that an upgrade in between hands it over
  // and the successor sees the end too.
  loop_.Forget(session.socket.get());
  HangUp(session.socket.get());
  session.ending = true;
  ++counters_.ended;
  const AppSessionInfo info = session.info;  // RemoveDone may be called from within
  callbacks_.remove(info);
}

void AppSessions::Close(uint32_t id) {
  auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.ending) return;
  End(id);
}

void AppSessions::RemoveDone(uint32_t id) {
  auto found = sessions_.find(id);
  if (found != sessions_.end() && found->second.ending) sessions_.erase(found);
}

void AppSessions::Freeze() {
  frozen_ = true;
  ForgetListener();
  for (auto& [serial, handshake] : handshakes_) ForgetHandshake(handshake);
}

void AppSessions::Thaw() {
  frozen_ = false;
  WatchListener();
  for (auto& [serial, handshake] : handshakes_) WatchHandshake(serial, handshake);
}

AppSessions::Exported AppSessions::Export() const {
  Exported exported{.next_id = next_id_, .listener = listener_.get()};
  for (const auto& [serial, handshake] : handshakes_) {
    exported.handshakes.push_back(handshake.socket.get());
  }
  for (const auto& [id, session] : sessions_) {
    ExportedSession& out = exported.sessions.emplace_back();
    out.info = session.info;
    out.fds.push_back(session.socket.get());
    for (int fd = 0; fd < AppSessionMemory::kFds; ++fd) {
      out.fds.push_back(session.memory->fd(static_cast<AppSessionMemory::Fd>(fd)));
    }
  }
  return exported;
}

void AppSessions::Import(uint32_t next_id, UniqueFd listener, std::vector<UniqueFd> handshakes) {
  next_id_ = std::max(next_id_, next_id);
  Listen(std::move(listener));
  for (UniqueFd& socket : handshakes) AddHandshake(std::move(socket));
}

absl::Status AppSessions::ImportSession(AppSessionInfo info, std::vector<UniqueFd> fds) {
  if (fds.size() != kSessionFds) {
    return absl::InvalidArgumentError(absl::StrCat("session ", info.id, " comes with ", fds.size(),
                                                   " descriptors, not ", int{kSessionFds}));
  }
  if (info.id == 0 || sessions_.contains(info.id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("session ", info.id, " is none, or is here already"));
  }
  if (!IsRingSize(info.ring_entries) || info.region_bytes == 0) {
    return absl::InvalidArgumentError(absl::StrCat("session ", info.id, " has rings of ",
                                                   info.ring_entries, " entries and a region of ",
                                                   info.region_bytes, " bytes"));
  }
  AppSessionMemory::Fds memory_fds;
  std::move(fds.begin() + kFirstMemory, fds.end(), memory_fds.begin());
  auto memory =
      AppSessionMemory::Adopt(std::move(memory_fds), info.region_bytes, info.ring_entries);
  if (!memory.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("session ", info.id, ": ", memory.status().message()));
  }
  next_id_ = std::max(next_id_, info.id + 1);
  const uint32_t id = info.id;
  Session& session = sessions_[id];
  session.info = std::move(info);
  session.socket = std::move(fds[kSocket]);
  session.memory = *std::move(memory);
  WatchSession(session);
  return absl::OkStatus();
}

void AppSessions::Release() {
  ForgetListener();
  listener_.reset();
  for (auto& [serial, handshake] : handshakes_) ForgetHandshake(handshake);
  handshakes_.clear();
  for (auto& [id, session] : sessions_) loop_.Forget(session.socket.get());
  sessions_.clear();
}

const pony::SessionMemory* AppSessions::Memory(uint32_t id) const {
  auto found = sessions_.find(id);
  return found == sessions_.end() || found->second.ending ? nullptr : &found->second.memory->view();
}

std::vector<AppSessionInfo> AppSessions::List() const {
  std::vector<AppSessionInfo> list;
  for (const auto& [id, session] : sessions_) {
    if (!session.ending) list.push_back(session.info);
  }
  return list;
}

}  // namespace farrier::host
