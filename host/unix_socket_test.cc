#include "host/unix_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace farrier::host {
namespace {

using ::testing::HasSubstr;

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    char name[] = "/tmp/farrier-socket-XXXXXX";
    directory_ = mkdtemp(name);
    path_ = directory_ + "/a.sock";
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  std::string path_;
};

TEST_F(UnixSocketTest, TheFileHasTheModeAskedForWhateverTheUmask) {
  const mode_t before = umask(077);
  absl::StatusOr<UniqueFd> fd = ListenUnix(path_, SOCK_STREAM, 0666);
  umask(before);
  ASSERT_TRUE(fd.ok()) << fd.status();
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0666u);
}

TEST_F(UnixSocketTest, ASocketLeftBehindIsReplaced) {
  { absl::StatusOr<UniqueFd> dead = ListenUnix(path_, SOCK_STREAM, 0600); }
  EXPECT_THAT(std::string(ConnectUnix(path_, SOCK_STREAM).status().message()),
              HasSubstr("start farrierd again"));
  absl::StatusOr<UniqueFd> fd = ListenUnix(path_, SOCK_STREAM, 0600);
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_TRUE(ConnectUnix(path_, SOCK_STREAM).ok());
}

TEST_F(UnixSocketTest, ASocketInUseIsLeftAlone) {
  absl::StatusOr<UniqueFd> first = ListenUnix(path_, SOCK_SEQPACKET, 0600);
  const absl::Status second = ListenUnix(path_, SOCK_SEQPACKET, 0600).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.message()), HasSubstr("another process serves"));
  EXPECT_TRUE(ConnectUnix(path_, SOCK_SEQPACKET).ok());
}

TEST_F(UnixSocketTest, AnotherKindOfFileIsLeftAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(std::string(ListenUnix(path_, SOCK_STREAM, 0600).status().message()),
              HasSubstr("is no socket"));
  EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(UnixSocketTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(
      std::string(ListenUnix(directory_ + "/no/a.sock", SOCK_STREAM, 0600).status().message()),
      HasSubstr("its directory does not exist"));
  EXPECT_THAT(std::string(ConnectUnix(path_, SOCK_STREAM).status().message()),
              HasSubstr("is farrierd running"));
  EXPECT_THAT(std::string(ConnectUnix("/" + std::string(200, 'x'), SOCK_STREAM).status().message()),
              HasSubstr("cannot be a socket's path"));
}

TEST_F(UnixSocketTest, ThePeerIsKnown) {
  UniqueFd listener = ListenUnix(path_, SOCK_STREAM, 0600).value();
  UniqueFd client = ConnectUnix(path_, SOCK_STREAM).value();
  UniqueFd server(accept(listener.get(), nullptr, nullptr));
  absl::StatusOr<ucred> peer = PeerCredentials(server.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_EQ(peer->uid, geteuid());
  EXPECT_FALSE(PeerCredentials(-1).ok());
}

}  // namespace
}  // namespace farrier::host
