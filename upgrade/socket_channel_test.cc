#include "upgrade/socket_channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

namespace farrier::upgrade {
namespace {

using runtime::UniqueFd;

int OpenFds() {
  int count = 0;
  DIR* const directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

Message Hold(uint32_t engine) {
  Message message;
  message.mutable_holding()->set_engine(engine);
  return message;
}

Message Big(size_t bytes) {
  Message message;
  Record& record = *message.mutable_delta()->add_records();
  record.set_kind("blob");
  record.mutable_bytes()->resize(bytes);
  for (size_t i = 0; i < bytes; ++i) (*record.mutable_bytes())[i] = static_cast<char>(i * 31);
  return message;
}

class SocketChannelTest : public testing::Test {
 protected:
  void SetUp() override {
    fds_before_ = OpenFds();
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    left_raw_ = ends[0];
    left_ = *SocketChannel::Create(UniqueFd(ends[0]));
    right_ = *SocketChannel::Create(UniqueFd(ends[1]));
  }
  // Nothing that was sent, received or refused stays open.
  void TearDown() override {
    left_.reset();
    right_.reset();
    EXPECT_EQ(OpenFds(), fds_before_);
  }

  // What arrives; fails the test if nothing does.
  Parcel Get() {
    absl::StatusOr<std::optional<Parcel>> parcel = right_->Receive();
    EXPECT_TRUE(parcel.ok()) << parcel.status();
    EXPECT_TRUE(parcel.ok() && parcel->has_value());
    if (!parcel.ok() || !*parcel) return {};
    return std::move(**parcel);
  }

  // Sends any bytes and descriptors, as a broken peer would.
  void SendRaw(const std::string& bytes, const std::vector<int>& fds = {}) {
    iovec iov{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 128)] = {};
    msghdr message{.msg_iov = &iov, .msg_iovlen = 1};
    if (!fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      *rights = {.cmsg_len = CMSG_LEN(sizeof(int) * fds.size()),
                 .cmsg_level = SOL_SOCKET,
                 .cmsg_type = SCM_RIGHTS};
      memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
    }
    ASSERT_EQ(sendmsg(left_raw_, &message, 0), static_cast<ssize_t>(bytes.size()));
  }

  static std::string Header(uint32_t flags, uint64_t bytes, uint32_t magic = 0x46555047) {
    std::string header(16, '\0');
    memcpy(header.data(), &magic, 4);
    memcpy(header.data() + 4, &flags, 4);
    memcpy(header.data() + 8, &bytes, 8);
    return header;
  }

  // A memfd with a message in it.
  static UniqueFd Memfd(const std::string& content, int seals) {
    UniqueFd memfd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(write(memfd.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    EXPECT_EQ(fcntl(memfd.get(), F_ADD_SEALS, seals), 0);
    return memfd;
  }

  int fds_before_ = 0;
  int left_raw_ = -1;
  std::unique_ptr<SocketChannel> left_, right_;
};

constexpr int kAllSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

TEST_F(SocketChannelTest, CarriesMessagesInOrder) {
  for (uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(left_->Post({.message = Hold(i)}).ok());
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(Get().message.holding().engine(), i);
  EXPECT_FALSE((*right_->Receive()).has_value());
}

TEST_F(SocketChannelTest, CarriesDescriptors) {
  Parcel parcel{.message = Hold(1)};
  parcel.fds.emplace_back(eventfd(41, 0));
  parcel.fds.emplace_back(eventfd(42, 0));
  ASSERT_TRUE(left_->Post(std::move(parcel)).ok());
  Parcel got = Get();
  ASSERT_EQ(got.fds.size(), 2u);
  eventfd_t value;
  eventfd_read(got.fds[1].get(), &value);
  EXPECT_EQ(value, 42u);
  EXPECT_NE(fcntl(got.fds[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(SocketChannelTest, CarriesBigMessagesInMemoryBesideDescriptors) {
  for (const size_t bytes : {kInlineBytes - 100, kInlineBytes + 1, size_t{20} << 20}) {
    Parcel parcel{.message = Big(bytes)};
    const std::string sent = parcel.message.SerializeAsString();
    parcel.fds.emplace_back(eventfd(7, 0));
    ASSERT_TRUE(left_->Post(std::move(parcel)).ok());
    Parcel got = Get();
    EXPECT_TRUE(got.message.SerializeAsString() == sent) << bytes;
    ASSERT_EQ(got.fds.size(), 1u);
    eventfd_t value;
    eventfd_read(got.fds[0].get(), &value);
    EXPECT_EQ(value, 7u);
  }
}

TEST_F(SocketChannelTest, QueuesWhatTheOtherSideDoesNotTakeYet) {
  uint32_t posted = 0;
  while (!left_->Congested()) ASSERT_TRUE(left_->Post({.message = Hold(posted++)}).ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(left_->Post({.message = Hold(posted++)}).ok());
  for (uint32_t i = 0; i < posted; ++i) {
    ASSERT_EQ(Get().message.holding().engine(), i);
    left_->Congested();
  }
  EXPECT_FALSE(left_->Congested());
}

TEST_F(SocketChannelTest, QueuesNoMoreThanItsBound) {
  absl::Status status;
  size_t posted = 0;
  for (; status.ok(); ++posted) status = left_->Post({.message = Hold(0)});
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_GE(posted, kMaxQueued);
}

TEST_F(SocketChannelTest, TooManyDescriptorsAreAnErrorOfTheSender) {
  Parcel parcel{.message = Hold(0)};
  for (size_t i = 0; i < kMaxFds + 1; ++i) parcel.fds.emplace_back(eventfd(0, 0));
  EXPECT_TRUE(absl::IsInvalidArgument(left_->Post(std::move(parcel))));
  Parcel most{.message = Big(kInlineBytes + 1)};
  for (size_t i = 0; i < kMaxFds; ++i) most.fds.emplace_back(eventfd(0, 0));
  ASSERT_TRUE(left_->Post(std::move(most)).ok());
  EXPECT_EQ(Get().fds.size(), kMaxFds);
}

TEST_F(SocketChannelTest, TheEndComesAfterAllThatWasSent) {
  ASSERT_TRUE(left_->Post({.message = Hold(5)}).ok());
  ASSERT_TRUE(left_->Post({.message = Big(100'000)}).ok());
  left_.reset();
  EXPECT_EQ(Get().message.holding().engine(), 5u);
  EXPECT_TRUE(Get().message.has_delta());
  EXPECT_TRUE(absl::IsUnavailable(right_->Receive().status()));
  EXPECT_TRUE(absl::IsUnavailable(right_->Post({.message = Hold(1)})));
}

// The kernel then reports a reset ahead of the data.
TEST_F(SocketChannelTest, NothingIsLostOfAPeerThatDiedWithUnreadMessages) {
  ASSERT_TRUE(right_->Post({.message = Hold(9)}).ok());
  ASSERT_TRUE(left_->Post({.message = Hold(5)}).ok());
  left_.reset();
  EXPECT_EQ(Get().message.holding().engine(), 5u);
  EXPECT_TRUE(absl::IsUnavailable(right_->Receive().status()));
}

TEST_F(SocketChannelTest, WhatIsQueuedForADeadPeerIsDropped) {
  while (!left_->Congested()) ASSERT_TRUE(left_->Post({.message = Hold(1)}).ok());
  right_.reset();
  EXPECT_FALSE(left_->Congested());
}

TEST_F(SocketChannelTest, RefusesWhatIsNoMessage) {
  const std::string message = Hold(1).SerializeAsString();
  for (const std::string& bytes :
       {std::string("x"), Header(0, 0, 0x12345678), Header(2, 0), Header(0, 5),
        Header(0, message.size() + 1) + message, Header(0, message.size() - 1) + message,
        Header(0, 3) + "\xff\xff\xff", std::string(100'000, 'x')}) {
    SendRaw(bytes);
    EXPECT_TRUE(absl::IsInvalidArgument(right_->Receive().status())) << bytes.size();
  }
}

TEST_F(SocketChannelTest, RefusesMemoryThatIsNotWhatItShouldBe) {
  const std::string message = Hold(1).SerializeAsString();
  const std::string header = Header(1, message.size());
  const auto refused = [&](const std::string& bytes, const std::vector<int>& fds) {
    SendRaw(bytes, fds);
    return absl::IsInvalidArgument(right_->Receive().status());
  };
  const UniqueFd sealed = Memfd(message, kAllSeals);
  SendRaw(header, {sealed.get()});
  EXPECT_EQ(Get().message.holding().engine(), 1u);  // this one is right

  EXPECT_TRUE(refused(header, {}));
  EXPECT_TRUE(refused(header + "x", {sealed.get()}));
  EXPECT_TRUE(refused(Header(1, message.size() + 1), {sealed.get()}));
  EXPECT_TRUE(refused(Header(1, 0), {sealed.get()}));
  EXPECT_TRUE(refused(Header(1, uint64_t{1} << 40), {sealed.get()}));
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE}) {
    const UniqueFd memfd = Memfd(message, kAllSeals & ~missing);
    EXPECT_TRUE(refused(header, {memfd.get()})) << missing;
  }
  const UniqueFd garbage = Memfd("\xff\xff\xff", kAllSeals);
  EXPECT_TRUE(refused(Header(1, 3), {garbage.get()}));
  const UniqueFd no_memory(eventfd(0, 0));
  EXPECT_TRUE(refused(header, {no_memory.get()}));
}

TEST_F(SocketChannelTest, RefusesMoreDescriptorsThanItTakes) {
  const UniqueFd fd(eventfd(0, 0));
  const std::string message = Hold(1).SerializeAsString();
  SendRaw(Header(0, message.size()) + message, std::vector<int>(kMaxFds + 10, fd.get()));
  EXPECT_TRUE(absl::IsInvalidArgument(right_->Receive().status()));
}

TEST(SocketChannel, RefusesOtherDescriptors) {
  int stream[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
  UniqueFd other(stream[1]);
  EXPECT_TRUE(absl::IsInvalidArgument(SocketChannel::Create(UniqueFd(stream[0])).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SocketChannel::Create(UniqueFd(eventfd(0, 0))).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SocketChannel::Create(UniqueFd()).status()));
}

}  // namespace
}  // namespace farrier::upgrade
