#pragma once

#include <deque>
#include <memory>
#include <string>

#include "upgrade/channel.h"

namespace farrier::upgrade {

// Datagram: up to this many bytes of message travel in it, longer messages in a sealed memfd beside
// it.
inline constexpr size_t kInlineBytes = 32 * 1024;
inline constexpr size_t kMaxMessageBytes = size_t{1} << 30;
inline constexpr size_t kMaxFds = 64;       // beside one message
inline constexpr size_t kMaxQueued = 4096;  // parcels

// A Channel over a connected SOCK_SEQPACKET Unix socket (one end of a socketpair). It trusts the
// other process no further than its own memory goes: memfds must be sealed, sizes must fit.
class SocketChannel final : public Channel {
 public:
  // Takes the socket over. InvalidArgument if it is not such a socket.
  static absl::StatusOr<std::unique_ptr<SocketChannel>> Create(runtime::UniqueFd socket);

  absl::Status Post(Parcel parcel) override;
  absl::StatusOr<std::optional<Parcel>> Receive() override;
  bool Congested() override;

  // Wait for it: readable when Receive has something; wait for writable only while Congested.
  int fd() const { return socket_.get(); }

 private:
  struct Datagram {
    std::string bytes;                   // header, then the message unless it is in a memfd
    std::vector<runtime::UniqueFd> fds;  // the memfd first, if there is one
  };

  explicit SocketChannel(runtime::UniqueFd socket) : socket_(std::move(socket)) {}
  // Unavailable when the other side is gone; false when it cannot be done now.
  absl::StatusOr<bool> Write(const Datagram& datagram);
  absl::StatusOr<std::optional<Datagram>> Read();
  absl::Status Flush();

  runtime::UniqueFd socket_;
  std::deque<Datagram> queue_;
};

}  // namespace farrier::upgrade
