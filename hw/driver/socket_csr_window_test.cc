#include "hw/driver/socket_csr_window.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farrier::driver {
namespace {

using std::chrono::milliseconds;

// Answers each request with what a function says, one client after the other; no answer if it says
// nothing.
class Server {
 public:
  using Answer = std::function<std::optional<regs::CsrAnswer>(const regs::CsrRequest&)>;

  explicit Server(Answer answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    path_.copy(address.sun_path, path_.size());
    unlink(path_.c_str());
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    thread_ = std::thread([this] { Run(); });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  void Run() {
    for (;;) {
      const int client = accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      regs::CsrRequest request;
      while (recv(client, &request, sizeof(request), 0) == sizeof(request)) {
        const auto answer = answer_(request);
        if (answer) send(client, &*answer, sizeof(*answer), MSG_NOSIGNAL);
      }
      close(client);
    }
  }

  Answer answer_;
  std::string path_ =
      std::filesystem::temp_directory_path() / ("farrier_csr_test." + std::to_string(getpid()));
  int listener_;
  std::thread thread_;
};

TEST(SocketCsrWindow, ReadsAndWrites) {
  uint32_t scratch = 0;
  Server server([&](const regs::CsrRequest& request) {
    if (request.op == regs::kCsrOpWrite) scratch = request.value;
    return regs::CsrAnswer{.offset = request.offset, .value = scratch};
  });
  auto window = SocketCsrWindow::Connect(server.path());
  ASSERT_TRUE(window.ok()) << window.status();
  EXPECT_TRUE((*window)->Write(0x48, 0x12345678).ok());
  EXPECT_EQ(*(*window)->Read(0x48), 0x12345678u);
}

TEST(SocketCsrWindow, SaysWhereNobodyListens) {
  const auto window = SocketCsrWindow::Connect("/nowhere/csr.sock");
  EXPECT_EQ(window.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(window.status().message(), testing::HasSubstr("/nowhere/csr.sock"));
  EXPECT_EQ(SocketCsrWindow::Connect(std::string(200, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(SocketCsrWindow, ASilentCardIsADeadlineAndItsLateAnswerIsNotTakenForAnother) {
  int requests = 0;
  Server server([&](const regs::CsrRequest& request) -> std::optional<regs::CsrAnswer> {
    if (++requests == 1) {
      std::this_thread::sleep_for(milliseconds(150));
      return regs::CsrAnswer{.offset = request.offset, .value = 666};
    }
    return regs::CsrAnswer{.offset = request.offset, .value = 7};
  });
  auto window = SocketCsrWindow::Connect(server.path(), milliseconds(50));
  ASSERT_TRUE(window.ok());
  EXPECT_EQ((*window)->Read(0x48).status().code(), absl::StatusCode::kDeadlineExceeded);
  std::this_thread::sleep_for(milliseconds(200));
  const auto value = (*window)->Read(0x48);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, 7u);
}

TEST(SocketCsrWindow, AnAnswerToAnotherRequestIsRefused) {
  Server server([&](const regs::CsrRequest& request) {
    return regs::CsrAnswer{.offset = request.offset + 4};
  });
  auto window = SocketCsrWindow::Connect(server.path());
  EXPECT_EQ((*window)->Read(0x48).status().code(), absl::StatusCode::kUnavailable);
}

TEST(SocketCsrWindow, ABadRequestIsTheCallersFault) {
  Server server([&](const regs::CsrRequest& request) {
    return regs::CsrAnswer{.status = regs::kCsrStatusBadRequest, .offset = request.offset};
  });
  auto window = SocketCsrWindow::Connect(server.path());
  EXPECT_EQ((*window)->Read(0x49).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace farrier::driver
