#include "hw/sim/csr_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/fake_card.h"

namespace farrier::sim {
namespace {

class CsrServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = CsrServer::Listen(path_, epoll_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  void TearDown() override {
    server_.reset();
    EXPECT_FALSE(std::filesystem::exists(path_));
    close(epoll_);
  }

  int Connect() {
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    path_.copy(address.sun_path, path_.size());
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  // Sends one datagram and returns what comes back.
  regs::CsrAnswer Ask(int fd, const void* bytes, size_t size) {
    EXPECT_EQ(send(fd, bytes, size, 0), static_cast<ssize_t>(size));
    server_->Serve(card_);
    regs::CsrAnswer answer = {.magic = 0};
    EXPECT_EQ(recv(fd, &answer, sizeof(answer), 0), static_cast<ssize_t>(sizeof(answer)));
    EXPECT_EQ(answer.magic, regs::kCsrSocketMagic);
    return answer;
  }
  regs::CsrAnswer Ask(int fd, const regs::CsrRequest& request) {
    return Ask(fd, &request, sizeof(request));
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("farrier_csr_server." + std::to_string(getpid()));
  const int epoll_ = epoll_create1(0);
  driver::FakeCard card_;
  std::unique_ptr<CsrServer> server_;
};

TEST_F(CsrServerTest, ReadsAndWritesForSeveralClients) {
  const int a = Connect(), b = Connect();
  const auto written = Ask(a, {.op = regs::kCsrOpWrite, .offset = 0x48, .value = 99});
  EXPECT_EQ(written.status, regs::kCsrStatusOk);
  const auto read = Ask(b, {.op = regs::kCsrOpRead, .offset = 0x48});
  EXPECT_EQ(read.status, regs::kCsrStatusOk);
  EXPECT_EQ(read.offset, 0x48u);
  EXPECT_EQ(read.value, 99u);
  close(a), close(b);
}

TEST_F(CsrServerTest, MalformedDatagramsAreAnsweredWithAnErrorAndTouchNothing) {
  const int fd = Connect();
  const regs::CsrRequest good = {.op = regs::kCsrOpWrite, .offset = 0x48, .value = 1};
  uint8_t bytes[64] = {};
  memcpy(bytes, &good, sizeof(good));
  for (size_t size = 0; size < sizeof(bytes); ++size) {
    if (size == sizeof(good)) continue;
    EXPECT_EQ(Ask(fd, bytes, size).status, regs::kCsrStatusBadRequest) << size;
  }
  std::vector<regs::CsrRequest> bad(5, good);
  bad[0].magic ^= 1;
  bad[1].op = 0;
  bad[2].op = 3;
  bad[3].offset = 0x49;
  bad[4].offset = regs::kWindowBytes;
  for (const auto& request : bad) {
    const auto answer = Ask(fd, request);
    EXPECT_EQ(answer.status, regs::kCsrStatusBadRequest);
    EXPECT_EQ(answer.offset, request.offset);
  }
  EXPECT_THAT(card_.csr, testing::IsEmpty());
  EXPECT_EQ(Ask(fd, good).status, regs::kCsrStatusOk) << "the connection lives on";
  close(fd);
}

TEST_F(CsrServerTest, AClientThatDoesNotReadIsCutOffAndNobodyElseWaits) {
  const int rude = Connect(), polite = Connect();
  const regs::CsrRequest request = {.op = regs::kCsrOpRead, .offset = 0};
  int sent = 0;
  for (int round = 0; round < 10000; ++round) {
    if (send(rude, &request, sizeof(request), MSG_NOSIGNAL) < 0 && errno != EAGAIN) break;
    ++sent;
    server_->Serve(card_);
  }
  EXPECT_LT(sent, 10000) << "it was cut off";
  EXPECT_EQ(Ask(polite, request).status, regs::kCsrStatusOk);
  close(rude), close(polite);
}

TEST_F(CsrServerTest, TooManyClientsAreTurnedAwayAndPlacesComeBack) {
  std::vector<int> clients;
  for (size_t i = 0; i < CsrServer::kMaxClients; ++i) {
    clients.push_back(Connect());
    server_->Serve(card_);
  }
  const int late = Connect();
  server_->Serve(card_);
  char byte;
  EXPECT_EQ(recv(late, &byte, 1, 0), 0);
  close(late);
  for (const int fd : clients) close(fd);
  server_->Serve(card_);
  const int next = Connect();
  EXPECT_EQ(Ask(next, {.op = regs::kCsrOpRead, .offset = 0}).status, regs::kCsrStatusOk);
  close(next);
}

TEST_F(CsrServerTest, ARequestWakesTheEpoll) {
  epoll_event event;
  EXPECT_EQ(epoll_wait(epoll_, &event, 1, 0), 0);
  const int fd = Connect();
  EXPECT_EQ(epoll_wait(epoll_, &event, 1, 0), 1);
  server_->Serve(card_);
  EXPECT_EQ(epoll_wait(epoll_, &event, 1, 0), 0);
  const regs::CsrRequest request = {.op = regs::kCsrOpRead};
  ASSERT_GT(send(fd, &request, sizeof(request), 0), 0);
  EXPECT_EQ(epoll_wait(epoll_, &event, 1, 0), 1);
  close(fd);
}

TEST_F(CsrServerTest, ASocketThatIsServedIsNotTakenAway) {
  const auto second = CsrServer::Listen(path_, epoll_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  const int fd = Connect();
  EXPECT_EQ(Ask(fd, {.op = regs::kCsrOpRead, .offset = 0}).status, regs::kCsrStatusOk);
  close(fd);
}

TEST(CsrServer, ASocketLeftBehindIsReplaced) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("farrier_csr_stale." + std::to_string(getpid()));
  const int epoll = epoll_create1(0);
  const int stale = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(stale);
  EXPECT_TRUE(CsrServer::Listen(path, epoll).ok());
  close(epoll);
}

}  // namespace
}  // namespace farrier::sim
