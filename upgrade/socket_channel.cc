#include "upgrade/socket_channel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace farrier::upgrade {
namespace {

using runtime::UniqueFd;

constexpr uint32_t kMagic = 0x46555047;  // "FUPG"
constexpr uint32_t kInMemfd = 1;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Ahead of each message, in the machine's byte order.
struct Header {
  uint32_t magic;
  uint32_t flags;
  uint64_t message_bytes;
};

absl::Status Gone() { return absl::UnavailableError("the other process closed the channel"); }

// A mapping that ends with its scope.
class Mapping {
 public:
  Mapping(int fd, size_t bytes, int protection)
      : bytes_(bytes), address_(mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0)) {}
  ~Mapping() {
    if (valid()) munmap(address_, bytes_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  bool valid() const { return address_ != MAP_FAILED; }
  void* address() const { return address_; }

 private:
  const size_t bytes_;
  void* const address_;
};

absl::StatusOr<UniqueFd> ToMemfd(const Message& message, size_t bytes) {
  UniqueFd memfd(memfd_create("farrier-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memfd.valid()) return absl::ErrnoToStatus(errno, "memfd for a message");
  if (ftruncate(memfd.get(), bytes) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("memfd of ", bytes, " bytes"));
  }
  {
    Mapping mapping(memfd.get(), bytes, PROT_READ | PROT_WRITE);
    if (!mapping.valid()) return absl::ErrnoToStatus(errno, "mmap of a message");
    message.SerializeWithCachedSizesToArray(static_cast<uint8_t*>(mapping.address()));
  }
  if (fcntl(memfd.get(), F_ADD_SEALS, kSeals | F_SEAL_SEAL) != 0) {
    return absl::ErrnoToStatus(errno, "sealing a message");
  }
  return memfd;
}

absl::Status FromMemfd(const UniqueFd& memfd, size_t bytes, Message& message) {
  // Without the seals it could change, or shrink under the reader.
  const int seals = fcntl(memfd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) {
    return absl::InvalidArgumentError("a message came in memory that is not sealed");
  }
  struct stat stat;
  if (fstat(memfd.get(), &stat) != 0 || static_cast<size_t>(stat.st_size) != bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a message of ", bytes, " bytes came in memory of another size"));
  }
  Mapping mapping(memfd.get(), bytes, PROT_READ);
  if (!mapping.valid()) return absl::ErrnoToStatus(errno, "mmap of a message");
  if (!message.ParseFromArray(mapping.address(), static_cast<int>(bytes))) {
    return absl::InvalidArgumentError("a message could not be parsed");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketChannel>> SocketChannel::Create(UniqueFd socket) {
  const auto option = [&](int name) {
    int value = -1;
    socklen_t length = sizeof(value);
    return getsockopt(socket.get(), SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
  };
  if (option(SO_DOMAIN) != AF_UNIX || option(SO_TYPE) != SOCK_SEQPACKET) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", socket.get(), " is no SOCK_SEQPACKET Unix socket"));
  }
  return std::unique_ptr<SocketChannel>(new SocketChannel(std::move(socket)));
}

absl::Status SocketChannel::Post(Parcel parcel) {
  if (parcel.fds.size() > kMaxFds) {
    return absl::InvalidArgumentError(
        absl::StrCat(parcel.fds.size(), " descriptors beside one message; at most ", kMaxFds));
  }
  const size_t bytes = parcel.message.ByteSizeLong();
  if (bytes > kMaxMessageBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a message of ", bytes, " bytes; at most ", kMaxMessageBytes));
  }
  Header header{.magic = kMagic, .flags = 0, .message_bytes = bytes};
  Datagram datagram;
  if (bytes > kInlineBytes) {
    header.flags |= kInMemfd;
    absl::StatusOr<UniqueFd> memfd = ToMemfd(parcel.message, bytes);
    if (!memfd.ok()) return memfd.status();
    datagram.fds.push_back(*std::move(memfd));
  }
  for (UniqueFd& fd : parcel.fds) datagram.fds.push_back(std::move(fd));
  datagram.bytes.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  if (bytes <= kInlineBytes) parcel.message.AppendToString(&datagram.bytes);

  if (absl::Status status = Flush(); !status.ok()) return status;
  if (queue_.empty()) {
    absl::StatusOr<bool> written = Write(datagram);
    if (!written.ok()) return written.status();
    if (*written) return absl::OkStatus();
  }
  if (queue_.size() >= kMaxQueued) {
    return absl::ResourceExhaustedError("the other process does not take what it is sent");
  }
  queue_.push_back(std::move(datagram));
  return absl::OkStatus();
}

bool SocketChannel::Congested() {
  if (!Flush().ok()) queue_.clear();  // nobody is there to take it
  return !queue_.empty();
}

absl::Status SocketChannel::Flush() {
  while (!queue_.empty()) {
    absl::StatusOr<bool> written = Write(queue_.front());
    if (!written.ok()) return written.status();
    if (!*written) return absl::OkStatus();
    queue_.pop_front();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> SocketChannel::Write(const Datagram& datagram) {
  iovec iov{.iov_base = const_cast<char*>(datagram.bytes.data()), .iov_len = datagram.bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (kMaxFds + 1))] = {};
  msghdr message{.msg_iov = &iov, .msg_iovlen = 1};
  if (!datagram.fds.empty()) {
    const size_t bytes = sizeof(int) * datagram.fds.size();
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    for (size_t i = 0; i < datagram.fds.size(); ++i) {
      const int fd = datagram.fds[i].get();
      memcpy(CMSG_DATA(rights) + i * sizeof(fd), &fd, sizeof(fd));
    }
  }
  while (sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    switch (errno) {
      case EINTR:
        continue;
      case EAGAIN:
      case ENOBUFS:
      case ETOOMANYREFS:  // descriptors under way: the other side has to take some
        return false;
      case EPIPE:
      case ECONNRESET:
      case ENOTCONN:
        return Gone();
      default:
        return absl::InvalidArgumentError(absl::StrCat("sendmsg: ", strerror(errno)));
    }
  }
  return true;
}

absl::StatusOr<std::optional<SocketChannel::Datagram>> SocketChannel::Read() {
  Datagram datagram;
  datagram.bytes.resize(sizeof(Header) + kInlineBytes);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (kMaxFds + 1))];
  iovec iov{.iov_base = datagram.bytes.data(), .iov_len = datagram.bytes.size()};
  msghdr message{};
  ssize_t got;
  do {
    message = {.msg_iov = &iov,
               .msg_iovlen = 1,
               .msg_control = control,
               .msg_controllen = sizeof(control)};
    got = recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    // A peer that died with unread messages is reported by one ECONNRESET ahead of what it had
    // sent.
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  if (got < 0 && errno == EAGAIN) return std::nullopt;
  if (got < 0) return absl::InvalidArgumentError(absl::StrCat("recvmsg: ", strerror(errno)));
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + at, sizeof(fd));
      datagram.fds.emplace_back(fd);
    }
  }
  if (got == 0) return Gone();
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    return absl::InvalidArgumentError("a datagram is too long or brings too many descriptors");
  }
  datagram.bytes.resize(got);
  return datagram;
}

absl::StatusOr<std::optional<Parcel>> SocketChannel::Receive() {
  absl::StatusOr<std::optional<Datagram>> datagram = Read();
  if (!datagram.ok()) return datagram.status();
  if (!*datagram) return std::nullopt;
  std::string& bytes = (*datagram)->bytes;
  Header header;
  if (bytes.size() < sizeof(header)) {
    return absl::InvalidArgumentError(absl::StrCat("a datagram of ", bytes.size(), " bytes"));
  }
  memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic || (header.flags & ~kInMemfd) != 0) {
    return absl::InvalidArgumentError("a datagram that is no message");
  }
  Parcel parcel;
  parcel.fds = std::move((*datagram)->fds);
  if (header.flags & kInMemfd) {
    if (parcel.fds.empty() || bytes.size() != sizeof(header) || header.message_bytes == 0 ||
        header.message_bytes > kMaxMessageBytes) {
      return absl::InvalidArgumentError("a message in memory that contradicts itself");
    }
    absl::Status status = FromMemfd(parcel.fds.front(), header.message_bytes, parcel.message);
    if (!status.ok()) return status;
    parcel.fds.erase(parcel.fds.begin());
  } else if (header.message_bytes != bytes.size() - sizeof(header) ||
             !parcel.message.ParseFromArray(bytes.data() + sizeof(header),
                                            static_cast<int>(header.message_bytes))) {
    return absl::InvalidArgumentError("a message could not be parsed");
  }
  return parcel;
}

}  // namespace farrier::upgrade
