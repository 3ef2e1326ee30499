#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <fstream>
#include <sstream>

#include "host/testing/app_daemon.h"
#include "pony/client/testing/loopback_engine.h"
#include "tests/e2e/process.h"

namespace farrier::examples {
namespace {

using e2e::Process;
using host::AppSessionInfo;
using host::testing::AppDaemon;
using host::testing::TemporaryDirectory;
using pony::testing::LoopbackEngine;
using ::testing::HasSubstr;

// A daemon whose sessions talk with each other.
class Loopback {
 public:
  explicit Loopback(const std::string& path) {
    daemon_.on_add = [this](const AppSessionInfo& info, const pony::SessionMemory& memory) {
      daemon_.loop().Watch(memory.doorbell_fd, EPOLLIN, [this, fd = memory.doorbell_fd](uint32_t) {
        uint64_t count;
        (void)!read(fd, &count, sizeof count);
        engine.Poll();
      });
      engine.AddSession(info.id, memory);
    };
    daemon_.on_remove = [this](const AppSessionInfo& info) {
      daemon_.loop().Forget(daemon_.added.at(info.id).doorbell_fd);
      engine.RemoveSession(info.id);
    };
    daemon_.Serve(path);
  }

  AppDaemon& daemon() { return daemon_; }
  LoopbackEngine engine;

 private:
  AppDaemon daemon_;
};

// The real programs, on a daemon without a network.
class Echo : public ::testing::Test {
 protected:
  Process Start(std::vector<std::string> argv, const char* log) {
    argv[0] = std::string(FARRIER_PROGRAMS "/") + argv[0];
    auto process = Process::Start({.argv = argv, .log = directory_ / log});
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }

  Process Server(std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {"pony-echo-server", "--socket", path_, "--service", "7"};
    argv.insert(argv.end(), more.begin(), more.end());
    Process server = Start(argv, "server.log");
    EXPECT_TRUE(server.WaitForOutput("listening", absl::Seconds(10)).ok()) << server.Output();
    return server;
  }

  Process Client(std::vector<std::string> more) {
    std::vector<std::string> argv = {"pony-echo-client",
                                     "--socket",
                                     path_,
                                     "--remote",
                                     "10.0.0.2",
                                     "--service",
                                     "7",
                                     "--json",
                                     directory_ / "client.json",
                                     "--timeout",
                                     "2"};
    argv.insert(argv.end(), more.begin(), more.end());
    return Start(argv, "client.log");
  }

  static int CodeOf(Process& process) { return process.Wait(absl::Seconds(60)).value_or(-1); }

  std::string Json() {
    std::stringstream text;
    text << std::ifstream(directory_ / "client.json").rdbuf();
    return text.str();
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "app.sock";
};

TEST_F(Echo, EveryMessageIsVerified) {
  Loopback loopback(path_);
  Process server = Server();
  Process client = Client({"--messages", "2000", "--connections", "3", "--progress"});
  EXPECT_EQ(CodeOf(client), 0) << client.Output();
  EXPECT_THAT(client.Output(), HasSubstr("progress: 2000/2000 messages verified"));
  EXPECT_THAT(client.Output(), HasSubstr("verified 2000\nlost 0  corrupted 0"));
  EXPECT_THAT(Json(), HasSubstr("\"verified\": 2000"));
  EXPECT_THAT(Json(), HasSubstr("\"complete\": true"));
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(Echo, WindowsLargerThanRingsAndBuffersOnlyWait) {
  Loopback loopback(path_);
  Process server = Server({"--buffers", "1"});
  Process client =
      Client({"--messages", "3000", "--connections", "2", "--outstanding", "1024", "--max", "64"});
  EXPECT_EQ(CodeOf(client), 0) << client.Output();
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(Echo, CorruptionIsFound) {
  Loopback loopback(path_);
  int seen = 0;
  loopback.engine.tamper = [&seen](std::vector<uint8_t>& bytes) {
    if (++seen == 101) bytes.back() ^= 1;
    return 1;
  };
  Process server = Server();
  Process client = Client({"--messages", "200"});
  EXPECT_EQ(CodeOf(client), 1);
  EXPECT_THAT(client.Output(), HasSubstr("lost 0  corrupted 1  duplicated 0  misordered 0"));
}

TEST_F(Echo, LossIsFound) {
  Loopback loopback(path_);
  int seen = 0;
  loopback.engine.tamper = [&seen](std::vector<uint8_t>&) { return ++seen == 101 ? 0 : 1; };
  Process server = Server();
  Process client = Client({"--messages", "200", "--streams", "1"});
  EXPECT_EQ(CodeOf(client), 1);
  EXPECT_THAT(client.Output(), HasSubstr("no event for 2 s"));
  EXPECT_THAT(Json(), HasSubstr("\"lost\": 1,"));
}

TEST_F(Echo, DuplicationIsFound) {
  Loopback loopback(path_);
  int seen = 0;
  loopback.engine.tamper = [&seen](std::vector<uint8_t>&) { return ++seen == 101 ? 2 : 1; };
  Process server = Server();
  Process client = Client({"--messages", "200"});
  EXPECT_EQ(CodeOf(client), 1);
  EXPECT_THAT(client.Output(), HasSubstr("lost 0  corrupted 0  duplicated 1"));
}

TEST_F(Echo, ServerSurvivesClientsThatDie) {
  Loopback loopback(path_);
  Process server = Server();
  for (int i = 0; i < 3; ++i) {
    Process client = Client({"--messages", "1000000", "--progress"});
    ASSERT_TRUE(client.WaitForOutput("progress: ", absl::Seconds(10)).ok());
    client.Signal(SIGKILL);
    EXPECT_EQ(CodeOf(client), 128 + SIGKILL);
  }
  Process client = Client({"--messages", "500"});
  EXPECT_EQ(CodeOf(client), 0) << client.Output() << server.Output();
  EXPECT_TRUE(loopback.daemon().Until(
      [](host::AppSessions& sessions) { return sessions.List().size() == 1; }));
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(Echo, ServerComesBackWithTheDaemon) {
  auto loopback = std::make_unique<Loopback>(path_);
  Process server = Server();
  loopback.reset();
  ASSERT_TRUE(server.WaitForOutput("farrierd has gone", absl::Seconds(10)).ok());
  loopback = std::make_unique<Loopback>(path_);
  ASSERT_TRUE(loopback->daemon().Until(
      [](host::AppSessions& sessions) { return sessions.List().size() == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // for its LISTEN
  Process client = Client({"--messages", "100"});
  EXPECT_EQ(CodeOf(client), 0) << client.Output();
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(Echo, ClientSaysWhatIsWrong) {
  Process client = Client({});
  EXPECT_EQ(CodeOf(client), 1);
  EXPECT_THAT(client.Output(), HasSubstr("No such file or directory; is farrierd running?"));
  Loopback loopback(path_);
  Process lonely = Client({});
  EXPECT_EQ(CodeOf(lonely), 1);
  EXPECT_THAT(lonely.Output(), HasSubstr("connect: refused: nobody listens there"));
  Process server = Server();
  Process second = Start({"pony-echo-server", "--socket", path_, "--service", "7"}, "second.log");
  EXPECT_EQ(CodeOf(second), 1);
  EXPECT_THAT(second.Output(), HasSubstr("in use: the service is taken"));
}

TEST_F(Echo, InterruptEndsTheClientAtOnceWithItsAccount) {
  Loopback loopback(path_);
  Process server = Server();
  Process client = Client({"--messages", "10000000", "--progress"});
  ASSERT_TRUE(client.WaitForOutput("progress: ", absl::Seconds(10)).ok());
  client.Signal(SIGINT);
  EXPECT_EQ(CodeOf(client), 1);
  EXPECT_THAT(client.Output(), HasSubstr("pony-echo-client: interrupted"));
  EXPECT_THAT(client.Output(), HasSubstr("longest gap"));
}

TEST_F(Echo, HelloSaysHello) {
  Loopback loopback(path_);
  Process server = Server();
  Process hello = Start({"pony-hello", path_, "10.0.0.2", "7"}, "hello.log");
  EXPECT_EQ(CodeOf(hello), 0);
  EXPECT_EQ(hello.Output(), "Hello over Pony Express\n");
}

TEST_F(Echo, IdleProgramsSleep) {
  Loopback loopback(path_);
  Process server = Server();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  std::ifstream stat("/proc/" + std::to_string(server.pid()) + "/stat");
  std::string field;
  for (int i = 0; i < 13; ++i) stat >> field;
  long user = 0, system = 0;
  stat >> user >> system;
  EXPECT_LE(user + system, 10) << "ticks of 10 ms, start included";
  EXPECT_EQ(server.Stop(), 0);
}

}  // namespace
}  // namespace farrier::examples
