#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "host/testing/app_daemon.h"
#include "host/testing/raw_app.h"
#include "pony/client/pony.h"
#include "pony/client/testing/engine_side.h"

namespace farrier::host {
namespace {

using pony::testing::EngineSide;
using testing::AppDaemon;
using testing::HoldingsNow;
using testing::RawApp;
using testing::TemporaryDirectory;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

// An app that says nonsense in a way that follows from the random source.
class Stranger {
 public:
  explicit Stranger(std::mt19937_64& random) : random_(random) {}

  void Visit(const std::string& path) {
    RawApp app(path);
    const int messages = Below(4) == 0 ? static_cast<int>(Below(4)) : 1;
    for (int i = 0; i < messages; ++i) Say(app);
    if (Below(2) == 0) app.Receive();  // or leave with the answer unread
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }

  void Say(RawApp& app) {
    PonyHello hello = RawApp::Hello();
    std::vector<uint8_t> bytes(sizeof hello);
    std::memcpy(bytes.data(), &hello, sizeof hello);
    for (uint64_t flips = Below(3); flips > 0; --flips) {
      const size_t at = Below(bytes.size());
      bytes[at] = static_cast<uint8_t>(Below(2) == 0 ? random_() : bytes[at] ^ 1 << Below(8));
    }
    if (Below(4) == 0) {
      // Whole fields: the 32-bit words ahead of the name.
      const uint32_t values[] = {0, 1, 15, 16, 65536, 65537, 0x7fffffff, 0x80000000, 0xffffffff};
      std::memcpy(&bytes[4 * Below(6)], &values[Below(std::size(values))], 4);
    }
    if (Below(6) == 0) bytes.resize(Below(300));
    std::vector<UniqueFd> fds;
    const uint64_t count = Below(3) == 0 ? Below(8) : 1;
    for (uint64_t i = 0; i < count; ++i) fds.push_back(Descriptor());
    std::vector<int> numbers;
    for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
    app.Send(bytes, numbers);
    if (!fds.empty() && Below(4) == 0) (void)!ftruncate(fds[0].get(), 0);  // too late, if sealed
  }

  UniqueFd Descriptor() {
    switch (Below(8)) {
      case 0:
        return UniqueFd(eventfd(0, EFD_CLOEXEC));
      case 1:
        return UniqueFd(open("/dev/zero", O_RDWR | O_CLOEXEC));
      case 2:
        return UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
      case 3:
        return RawApp::Region(Below(131072), static_cast<unsigned>(Below(32)));
      default:
        return RawApp::Region();
    }
  }

  std::mt19937_64& random_;
};

TEST(HandshakeFuzz, NonsenseHurtsNobodyAndLeavesNothingBehind) {
  const uint64_t seed = FromEnvironment("FARRIER_SEED", 1);
  const uint64_t runs = FromEnvironment("FARRIER_FUZZ_RUNS", 3000);
  SCOPED_TRACE("FARRIER_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  TemporaryDirectory directory;
  const std::string path = directory / "app.sock";
  AppDaemon daemon({.max_sessions = 8,
                    .max_handshakes = 4,
                    .handshake_timeout = 20 * runtime::kMillisecond,
                    .max_region_bytes = 1 << 20});
  daemon.Serve(path);
  const auto before = HoldingsNow();
  const pony_options options{.socket_path = path.c_str(), .region_bytes = 65536};
  pony_session* good = nullptr;
  char error[256] = "";
  ASSERT_EQ(pony_open(&options, &good, error, sizeof error), 0) << error;

  Stranger stranger(random);
  for (uint64_t run = 0; run < runs; ++run) {
    stranger.Visit(path);
    if (run % 100 != 0) continue;
    // The good app's memory is still there, and its engine still hears it.
    ASSERT_EQ(pony_listen(good, 1, run), 0);
    daemon.Do([&](AppSessions& sessions) {
      const pony::SessionMemory* memory = sessions.Memory(1);
      ASSERT_NE(memory, nullptr);
      const auto command = EngineSide(memory->app_area, memory->engine_area, memory->ring_entries,
                                      memory->completion_fd)
                               .Take();
      ASSERT_TRUE(command.has_value());
      ASSERT_EQ(command->tag, run);
    });
  }
  daemon.Do([&](AppSessions& sessions) {
    // Both must have been many, or the strangers are too strange, or not strange enough.
    EXPECT_GT(sessions.counters().opened, runs / 20);
    EXPECT_GT(sessions.counters().refused, runs / 10);
  });
  pony_close(good);
  EXPECT_TRUE(daemon.Until([](AppSessions& sessions) {
    return sessions.List().empty() && sessions.Export().handshakes.empty();
  }));
  // What strangers sent is closed on a thread of its own.
  for (int i = 0; i < 1000 && !(HoldingsNow() == before); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(HoldingsNow(), before);
}

}  // namespace
}  // namespace farrier::host
