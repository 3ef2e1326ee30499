#include "host/control_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "host/control.grpc.pb.h"
#include "host/unix_socket.h"

namespace farrier::host {
namespace {

using ::testing::HasSubstr;

class FakeBackend final : public ControlBackend {
 public:
  absl::StatusOr<StatusReply> Status() override {
    ++status_calls;
    StatusReply reply;
    reply.set_name("host2");
    return reply;
  }

  absl::Status Upgrade(const UpgradeRequest& request,
                       std::function<void(const UpgradeProgress&)> progress) override {
    UpgradeProgress message;
    message.mutable_phase()->set_name("prepare");
    progress(message);
    if (request.binary() == "/bad") return absl::AbortedError("it died");
    if (request.binary() == "/slow") slow.get_future().wait();
    message.mutable_result()->set_version_after("2");
    progress(message);
    return absl::OkStatus();
  }

  absl::StatusOr<GroupStatus> SetGroup(const GroupConfig& change) override {
    if (change.name() != "pony") return absl::NotFoundError("there are: pony");
    GroupStatus status;
    *status.mutable_settings() = change;
    return status;
  }
  absl::StatusOr<GroupStatus> AddGroup(const GroupConfig& settings) override {
    if (settings.name().empty()) return absl::InvalidArgumentError("name: missing");
    GroupStatus status;
    *status.mutable_settings() = settings;
    return status;
  }
  absl::Status RemoveGroup(const std::string& name) override {
    return name == "pony" ? absl::FailedPreconditionError("it has engines") : absl::OkStatus();
  }
  absl::StatusOr<GroupStatus> PlaceEngine(const PlaceEngineRequest& request) override {
    if (request.engine() != "pony1") return absl::NotFoundError("there are: pony1");
    GroupStatus status;
    status.mutable_settings()->set_name(request.group());
    status.mutable_settings()->set_weight(request.weight());
    return status;
  }

  std::atomic<int> status_calls = 0;
  std::promise<void> slow;
};

class ControlServerTest : public testing::Test {
 protected:
  ControlServerTest() {
    char name[] = "/tmp/farrier-control-XXXXXX";
    directory_ = mkdtemp(name);
    chmod(name, 0755);
    path_ = directory_ + "/control.sock";
  }
  ~ControlServerTest() override { std::filesystem::remove_all(directory_); }

  // A connected pair: the server has one end; the other end is returned.
  UniqueFd Connect() {
    if (!listener_.valid()) listener_ = ListenUnix(path_, SOCK_STREAM, 0600).value();
    UniqueFd client = ConnectUnix(path_, SOCK_STREAM).value();
    server_.Serve(UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    fcntl(client.get(), F_SETFL, O_NONBLOCK);
    return client;
  }

  static std::unique_ptr<Control::Stub> Stub(UniqueFd fd) {
    return Control::NewStub(grpc::CreateInsecureChannelFromFd("test", fd.release()));
  }

  std::string directory_;
  std::string path_;
  UniqueFd listener_;
  FakeBackend backend_;
  ControlServer server_{backend_};
};

TEST_F(ControlServerTest, AnAdminGetsTheStatus) {
  grpc::ClientContext context;
  StatusReply reply;
  const grpc::Status status = Stub(Connect())->Status(&context, StatusRequest(), &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.name(), "host2");
}

TEST_F(ControlServerTest, AGroupIsSetOrTheReasonTold) {
  grpc::ClientContext context;
  SetGroupRequest request;
  request.mutable_change()->set_name("pony");
  request.mutable_change()->set_threads(2);
  GroupStatus group;
  auto stub = Stub(Connect());
  EXPECT_TRUE(stub->SetGroup(&context, request, &group).ok());
  EXPECT_EQ(group.settings().threads(), 2u);
  EXPECT_FALSE(group.settings().has_mode()) << "what is absent stays absent";
  grpc::ClientContext again;
  request.mutable_change()->set_name("cow");
  const grpc::Status status = stub->SetGroup(&again, request, &group);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "there are: pony");
}

TEST_F(ControlServerTest, GroupsComeAndGoAndEnginesMoveOrTheReasonIsTold) {
  auto stub = Stub(Connect());
  GroupStatus group;
  AddGroupRequest add;
  grpc::ClientContext nameless, named;
  EXPECT_EQ(stub->AddGroup(&nameless, add, &group).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  add.mutable_settings()->set_name("fast");
  EXPECT_TRUE(stub->AddGroup(&named, add, &group).ok());
  EXPECT_EQ(group.settings().name(), "fast");

  PlaceEngineRequest place;
  place.set_engine("cow");
  place.set_group("fast");
  place.set_weight(3);
  grpc::ClientContext unknown, known;
  EXPECT_EQ(stub->PlaceEngine(&unknown, place, &group).error_code(), grpc::StatusCode::NOT_FOUND);
  place.set_engine("pony1");
  EXPECT_TRUE(stub->PlaceEngine(&known, place, &group).ok());
  EXPECT_EQ(group.settings().weight(), 3u);

  RemoveGroupRequest remove;
  RemoveGroupReply reply;
  remove.set_name("pony");
  grpc::ClientContext in_use, empty;
  EXPECT_EQ(stub->RemoveGroup(&in_use, remove, &reply).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  remove.set_name("fast");
  EXPECT_TRUE(stub->RemoveGroup(&empty, remove, &reply).ok());
}

TEST_F(ControlServerTest, AnUpgradeStreamsItsProgressAndItsResult) {
  grpc::ClientContext context;
  auto stub = Stub(Connect());
  auto reader = stub->Upgrade(&context, UpgradeRequest());
  UpgradeProgress progress;
  ASSERT_TRUE(reader->Read(&progress));
  EXPECT_EQ(progress.phase().name(), "prepare");
  ASSERT_TRUE(reader->Read(&progress));
  EXPECT_EQ(progress.result().version_after(), "2");
  EXPECT_FALSE(reader->Read(&progress));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ControlServerTest, AFailedUpgradeEndsWithItsReason) {
  grpc::ClientContext context;
  UpgradeRequest request;
  request.set_binary("/bad");
  auto stub = Stub(Connect());
  auto reader = stub->Upgrade(&context, request);
  UpgradeProgress progress;
  EXPECT_TRUE(reader->Read(&progress));
  EXPECT_FALSE(reader->Read(&progress));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(status.error_message(), "it died");
}

TEST_F(ControlServerTest, StatusIsAnsweredWhileAnUpgradeIsUnderWay) {
  grpc::ClientContext upgrade;
  UpgradeRequest request;
  request.set_binary("/slow");
  auto stub = Stub(Connect());
  auto reader = stub->Upgrade(&upgrade, request);
  UpgradeProgress progress;
  ASSERT_TRUE(reader->Read(&progress));
  for (int i = 0; i < 3; ++i) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    StatusReply reply;
    EXPECT_TRUE(Stub(Connect())->Status(&context, StatusRequest(), &reply).ok());
  }
  backend_.slow.set_value();
  ASSERT_TRUE(reader->Read(&progress));
  EXPECT_TRUE(progress.has_result());
}

TEST_F(ControlServerTest, ShutdownLetsACallFinish) {
  grpc::ClientContext context;
  UpgradeRequest request;
  request.set_binary("/slow");
  auto stub = Stub(Connect());
  auto reader = stub->Upgrade(&context, request);
  UpgradeProgress progress;
  ASSERT_TRUE(reader->Read(&progress));
  std::thread finisher([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    backend_.slow.set_value();
  });
  server_.Shutdown(10'000);
  finisher.join();
  ASSERT_TRUE(reader->Read(&progress));
  EXPECT_TRUE(progress.has_result());
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ControlServerTest, WhatIsNoGrpcHurtsNobodyElse) {
  UniqueFd garbage = Connect();
  const std::string noise(4096, '\xA5');
  EXPECT_GT(write(garbage.get(), noise.data(), noise.size()), 0);
  grpc::ClientContext context;
  StatusReply reply;
  EXPECT_TRUE(Stub(Connect())->Status(&context, StatusRequest(), &reply).ok());
}

// A connection made by another user, handed to us: the socket's credentials are those of whoever
// connected.
UniqueFd ConnectAs(uid_t uid, const std::string& path) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) return UniqueFd();
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(uid, uid, uid) != 0) _exit(1);
    absl::StatusOr<UniqueFd> fd = ConnectUnix(path, SOCK_STREAM);
    if (!fd.ok()) _exit(2);
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{.msg_iov = &data,
                   .msg_iovlen = 1,
                   .msg_control = control,
                   .msg_controllen = sizeof(control)};
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int sent = fd->get();
    std::memcpy(CMSG_DATA(header), &sent, sizeof(sent));
    _exit(sendmsg(pair[1], &message, 0) == 1 ? 0 : 3);
  }
  int result = -1;
  waitpid(child, &result, 0);
  UniqueFd received;
  if (result == 0) {
    char byte;
    iovec data{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{.msg_iov = &data,
                   .msg_iovlen = 1,
                   .msg_control = control,
                   .msg_controllen = sizeof(control)};
    if (recvmsg(pair[0], &message, 0) == 1) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
      received.reset(fd);
    }
  }
  close(pair[0]);
  close(pair[1]);
  return received;
}

TEST_F(ControlServerTest, AnotherUserIsDeniedEverything) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  UniqueFd listener = ListenUnix(path_, SOCK_STREAM, 0666).value();
  UniqueFd client = ConnectAs(65534, path_);
  ASSERT_TRUE(client.valid());
  fcntl(client.get(), F_SETFL, O_NONBLOCK);
  server_.Serve(UniqueFd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  auto stub = Stub(std::move(client));
  {
    grpc::ClientContext context;
    StatusReply reply;
    const grpc::Status status = stub->Status(&context, StatusRequest(), &reply);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_THAT(status.error_message(), HasSubstr("only root"));
  }
  grpc::ClientContext context;
  auto reader = stub->Upgrade(&context, UpgradeRequest());
  UpgradeProgress progress;
  EXPECT_FALSE(reader->Read(&progress));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  grpc::ClientContext set;
  GroupStatus group;
  EXPECT_EQ(stub->SetGroup(&set, SetGroupRequest(), &group).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  grpc::ClientContext add, remove, place;
  RemoveGroupReply removed;
  EXPECT_EQ(stub->AddGroup(&add, AddGroupRequest(), &group).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(stub->RemoveGroup(&remove, RemoveGroupRequest(), &removed).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(stub->PlaceEngine(&place, PlaceEngineRequest(), &group).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(backend_.status_calls, 0);
}

TEST_F(ControlServerTest, TheSocketFileIsClosedToOtherUsers) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  UniqueFd listener = ListenUnix(path_, SOCK_STREAM, 0600).value();
  EXPECT_FALSE(ConnectAs(65534, path_).valid());
}

}  // namespace
}  // namespace farrier::host
