#include "host/metrics_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>

#include <atomic>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/tcp_socket.h"

namespace farrier::host {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kGet[] = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";

// A listener on a port of loopback that was free.
UniqueFd Listen() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in any{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  EXPECT_EQ(listen(fd.get(), 64), 0);
  return fd;
}

int PortOf(int listener) {
  sockaddr_in bound{};
  socklen_t length = sizeof bound;
  getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &length);
  return ntohs(bound.sin_port);
}

class Client {
 public:
  explicit Client(int listener) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in server{};
    socklen_t length = sizeof server;
    getsockname(listener, reinterpret_cast<sockaddr*>(&server), &length);
    EXPECT_EQ(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&server), length), 0);
    const timeval patience{.tv_sec = 20};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  Client& Say(const std::string& text) {
    EXPECT_EQ(send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    return *this;
  }

  // All that comes until the server closes; "reset" if it does so in another way.
  std::string Hear() {
    std::string heard;
    char bytes[4096];
    for (;;) {
      const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, 0);
      if (got < 0) return "reset";
      if (got == 0) return heard;
      heard.append(bytes, static_cast<size_t>(got));
    }
  }

  bool HearsNothing(int ms) {
    pollfd wait{.fd = fd_.get(), .events = POLLIN};
    return poll(&wait, 1, ms) == 0;
  }

 private:
  UniqueFd fd_;
};

class MetricsServerTest : public ::testing::Test {
 protected:
  void Start(std::function<absl::StatusOr<std::string>()> source, const runtime::Clock& clock,
             runtime::Nanoseconds patience = 20 * runtime::kSecond) {
    auto server = MetricsServer::Start(
        {.listener = Listen(), .clock = &clock, .source = std::move(source), .patience = patience});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void Start(std::function<absl::StatusOr<std::string>()> source) {
    Start(std::move(source), monotonic_);
  }

  std::string Ask(const std::string& request = kGet) {
    return Client(server_->listener()).Say(request).Hear();
  }

  const runtime::MonotonicClock monotonic_;
  const runtime::ManualClock stopped_;
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsServerTest, GivesWhatTheSourceSays) {
  Start([] { return "farrier_x 1\n"; });
  EXPECT_THAT(Ask(),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                    HasSubstr("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
                    HasSubstr("\r\nContent-Length: 12\r\n"), EndsWith("\r\n\r\nfarrier_x 1\n")));
  EXPECT_THAT(Ask("GET /metrics?name=x HTTP/1.0\n\n"), EndsWith("farrier_x 1\n"));
}

TEST_F(MetricsServerTest, GivesALongTextWhole) {
  const std::string text(8 << 20, 'x');
  Start([&] { return text; });
  Client client(server_->listener());
  client.Say(kGet);
  const std::string heard = client.Hear();
  EXPECT_TRUE(std::string_view(heard).ends_with(text));
}

TEST_F(MetricsServerTest, RefusesWhatItDoesNotUnderstand) {
  Start([] { return "farrier_x 1\n"; });
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Ask("GET /metricsandmore HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Ask("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
              AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nAllow: GET\r\n")));
  EXPECT_THAT(Ask("\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask(std::string("\0\xff\n\n", 4)), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x')),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(MetricsServerTest, ASlowClientKeepsNobodyWaitingAndIsSentAwayInTheEnd) {
  Start([] { return "farrier_x 1\n"; }, monotonic_, /*patience=*/300 * runtime::kMillisecond);
  Client silent(server_->listener());
  Client halfway(server_->listener());
  halfway.Say("GET /metrics HT");
  EXPECT_THAT(Ask(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(silent.Hear(), "");
  EXPECT_THAT(halfway.Hear(), testing::AnyOf("", "reset"));
}

TEST_F(MetricsServerTest, MoreClientsThanItTakesAtOnceWaitForTheirTurn) {
  Start([] { return "farrier_x 1\n"; }, monotonic_, /*patience=*/300 * runtime::kMillisecond);
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 60; ++i) silent.push_back(std::make_unique<Client>(server_->listener()));
  EXPECT_THAT(Ask(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(MetricsServerTest, AsksTheSourceOnceHoweverManyAsk) {
  std::atomic<int> asked = 0;
  Start([&] { return absl::StrCat("farrier_x ", ++asked, "\n"); }, stopped_);
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Ask(), EndsWith("farrier_x 1\n"));
}

TEST_F(MetricsServerTest, SaysTheSameAgainWhereTheSourceWantsThat) {
  std::atomic<bool> moving = false;
  Start([&]() -> absl::StatusOr<std::string> {
    if (moving) return absl::UnavailableError("engines move");
    return "farrier_x 1\n";
  });
  EXPECT_THAT(Ask(), EndsWith("farrier_x 1\n"));
  moving = true;
  absl::SleepFor(absl::Milliseconds(150));  // what it said is not fresh any more
  EXPECT_THAT(Ask(), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("farrier_x 1\n")));
}

TEST_F(MetricsServerTest, TellsTheSourcesErrors) {
  Start([]() -> absl::StatusOr<std::string> { return absl::DeadlineExceededError("no answer"); });
  EXPECT_THAT(Ask(), AllOf(StartsWith("HTTP/1.1 503 "), EndsWith("no answer\n")));
}

TEST_F(MetricsServerTest, WhoConnectsWhileNobodyAcceptsIsServedByTheSuccessor) {
  Start([] { return "farrier_x 1\n"; });
  UniqueFd handed_over(fcntl(server_->listener(), F_DUPFD_CLOEXEC, 0));
  server_->Accept(false);
  EXPECT_TRUE(Client(handed_over.get()).Say(kGet).HearsNothing(100));
  Client waiting(handed_over.get());
  waiting.Say(kGet);
  server_.reset();
  auto successor =
      MetricsServer::Start({.listener = std::move(handed_over), .clock = &monotonic_, .source = [] {
                              return "farrier_x 2\n";
                            }});
  ASSERT_TRUE(successor.ok());
  EXPECT_THAT(waiting.Hear(), EndsWith("farrier_x 2\n"));
}

TEST_F(MetricsServerTest, AcceptsAgainWhenASuccessionCameToNothing) {
  Start([] { return "farrier_x 1\n"; });
  server_->Accept(false);
  Client waiting(server_->listener());
  waiting.Say(kGet);
  EXPECT_TRUE(waiting.HearsNothing(100));
  server_->Accept(true);
  EXPECT_THAT(waiting.Hear(), EndsWith("farrier_x 1\n"));
}

TEST_F(MetricsServerTest, WhoHasAskedIsAnsweredBeforeItEnds) {
  std::promise<void> asked, go_on;
  std::atomic<int> times = 0;
  Start([&] {
    if (++times == 2) {  // the first is its own
      asked.set_value();
      go_on.get_future().wait();
    }
    return "farrier_x 1\n";
  });
  absl::SleepFor(absl::Milliseconds(150));
  Client client(server_->listener());
  client.Say(kGet);
  asked.get_future().wait();
  std::thread ending([&] { server_.reset(); });
  go_on.set_value();
  EXPECT_THAT(client.Hear(), EndsWith("farrier_x 1\n"));
  ending.join();
}

TEST(TcpSocket, APortInUseIsNamed) {
  const UniqueFd taken = Listen();
  const std::string address = absl::StrCat("127.0.0.1:", PortOf(taken.get()));
  const absl::Status status = ListenTcp(address).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(address + " is in use by another process; end that one or configure"));
}

TEST(TcpSocket, AnAddressOfAnotherMachineIsNamed) {
  EXPECT_THAT(std::string(ListenTcp("192.0.2.1:9464").status().message()),
              HasSubstr("192.0.2.1:9464 is no address of this machine"));
}

TEST(TcpSocket, ListensOnIpv6Too) {
  const int free_port = PortOf(Listen().get());
  const absl::StatusOr<UniqueFd> listener = ListenTcp(absl::StrCat("[::1]:", free_port));
  if (absl::IsNotFound(listener.status())) GTEST_SKIP() << "no IPv6 here";
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(PortOf(listener->get()), free_port) << "in the same place as of IPv4";
}

}  // namespace
}  // namespace farrier::host
