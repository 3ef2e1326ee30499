#include "host/app_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "host/testing/app_daemon.h"
#include "host/testing/raw_app.h"
#include "pony/client/pony.h"
#include "pony/client/testing/engine_side.h"

namespace farrier::host {
namespace {

using pony::testing::EngineSide;
using testing::AppDaemon;
using ::testing::HasSubstr;
using testing::HoldingsNow;
using testing::RawApp;
using testing::TemporaryDirectory;

EngineSide Engine(const pony::SessionMemory& memory) {
  return {memory.app_area, memory.engine_area, memory.ring_entries, memory.completion_fd};
}

// What is refused may be closed a little later.
bool HeldAgain(const testing::Holdings& before) {
  for (int i = 0; i < 5000 && !(HoldingsNow() == before); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return HoldingsNow() == before;
}

class AppSessionsTest : public ::testing::Test {
 protected:
  pony_session* Open(const char* name = "app") {
    const pony_options options{
        .socket_path = path_.c_str(), .name = name, .region_bytes = 1 << 20, .ring_entries = 16};
    pony_session* session = nullptr;
    char error[256] = "";
    EXPECT_EQ(pony_open(&options, &session, error, sizeof error), 0) << error;
    return session;
  }

  static bool NoSessions(AppSessions& sessions) { return sessions.List().empty(); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "app.sock";
};

TEST_F(AppSessionsTest, AppAndEngineShareMemoryAndDoorbells) {
  AppDaemon daemon;
  daemon.Serve(path_);
  pony_session* app = Open();
  ASSERT_NE(app, nullptr);
  pony::SessionMemory memory;
  daemon.Do([&](AppSessions&) { memory = daemon.added.at(1); });
  EXPECT_EQ(memory.ring_entries, 16u);
  EXPECT_EQ(memory.region_bytes, uint64_t{1} << 20);

  EngineSide engine = Engine(memory);
  engine.WantDoorbell(true);
  char* data = static_cast<char*>(pony_alloc(app, 8));
  std::strcpy(data, "horse");
  ASSERT_EQ(pony_send(app, 1, 2, data, 8, 77), 0);
  uint64_t rung = 0;
  EXPECT_EQ(read(memory.doorbell_fd, &rung, sizeof rung), 8);
  const auto command = engine.Take();
  ASSERT_TRUE(command.has_value());
  EXPECT_STREQ(reinterpret_cast<char*>(memory.region + command->offset), "horse");

  EXPECT_EQ(pony_wait(app, 0), 0);
  ASSERT_EQ(pony_arm(app), 1);
  engine.Give({.tag = 77, .kind = PONY_EVENT_SENT});
  EXPECT_EQ(pony_wait(app, 10'000), 1);
  PonyEvent event;
  ASSERT_EQ(pony_poll(app, &event, 1), 1);
  EXPECT_EQ(event.tag, 77u);
  daemon.Do([](AppSessions&) {});  // as an engine's last touch is ordered before RemoveDone
  pony_close(app);
}

TEST_F(AppSessionsTest, SessionsKnowWhoTheyAreAndGoRoundTheEngines) {
  AppDaemon daemon({.engines = 2});
  daemon.Serve(path_);
  pony_session* apps[3] = {Open("one"), Open("two\n"), Open("three")};
  daemon.Do([&](AppSessions& sessions) {
    const auto list = sessions.List();
    ASSERT_EQ(list.size(), 3u);
    EXPECT_EQ(list[0].name, "one");
    EXPECT_EQ(list[1].name, "two?");
    EXPECT_EQ(list[0].engine, 0u);
    EXPECT_EQ(list[1].engine, 1u);
    EXPECT_EQ(list[2].engine, 0u);
    EXPECT_EQ(list[0].pid, getpid());
    EXPECT_EQ(list[0].uid, getuid());
    EXPECT_NE(sessions.Memory(2), nullptr);
    EXPECT_EQ(sessions.Memory(9), nullptr);
  });
  for (pony_session* app : apps) pony_close(app);
}

TEST_F(AppSessionsTest, WelcomeTellsSessionAndAddress) {
  AppDaemon daemon({.local_ip = 0x0A000002});
  daemon.Serve(path_);
  RawApp app(path_);
  UniqueFd region = RawApp::Region();
  PonyHello hello = RawApp::Hello();
  hello.abi_version = 7;  // newer than we are; it speaks ours too
  ASSERT_TRUE(app.Send(hello, {region.get()}));
  const auto welcome = app.Receive();
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(welcome->abi_version, PONY_ABI_VERSION);
  EXPECT_EQ(welcome->session, 1u);
  EXPECT_EQ(welcome->local_ip, 0x0A000002u);
  EXPECT_EQ(app.fds.size(), 4u);
}

TEST_F(AppSessionsTest, AreasAreSealedAndTheEngineAreaIsReadOnly) {
  AppDaemon daemon;
  daemon.Serve(path_);
  RawApp app(path_);
  UniqueFd region = RawApp::Region();
  ASSERT_EQ(app.Try(RawApp::Hello(), {region.get()}), "");
  ASSERT_EQ(app.fds.size(), 4u);
  for (int i : {0, 1}) {
    const int fd = app.fds[i].get();
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    EXPECT_NE(ftruncate(fd, 0), 0);
    struct stat file;
    ASSERT_EQ(fstat(fd, &file), 0);
    EXPECT_EQ(file.st_mode & 07777, 0600u);
  }
  EXPECT_EQ(fcntl(app.fds[1].get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, app.fds[1].get(), 0),
            MAP_FAILED);
  // A seal the app adds later could keep a successor of this farrierd from mapping the region.
  EXPECT_NE(fcntl(region.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
}

TEST_F(AppSessionsTest, MemoryStaysUntilTheEngineHasLetGo) {
  const auto before = HoldingsNow();
  {
    AppDaemon daemon;
    daemon.done_at_once = false;
    daemon.Serve(path_);
    pony_session* app = Open();
    pony_close(app);
    ASSERT_TRUE(daemon.Until([&](AppSessions&) { return daemon.removed.size() == 1; }));
    daemon.Do([&](AppSessions& sessions) {
      EXPECT_TRUE(sessions.List().empty());
      EXPECT_EQ(sessions.Memory(1), nullptr);
      daemon.added.at(1).app_area[0] = 1;  // still mapped
      EXPECT_EQ(HoldingsNow().mappings, 3u);
      sessions.RemoveDone(1);
      EXPECT_EQ(HoldingsNow().mappings, 0u);
      sessions.RemoveDone(1);
      sessions.RemoveDone(99);
    });
  }
  EXPECT_EQ(HoldingsNow(), before);
}

TEST_F(AppSessionsTest, LiveSessionIsNotUnmappedByRemoveDone) {
  AppDaemon daemon;
  daemon.Serve(path_);
  pony_session* app = Open();
  daemon.Do([&](AppSessions& sessions) {
    sessions.RemoveDone(1);
    EXPECT_NE(sessions.Memory(1), nullptr);
  });
  pony_close(app);
}

struct BadHello {
  const char* name;
  void (*spoil)(PonyHello&);
  const char* error;
};

class BadHelloTest : public AppSessionsTest, public ::testing::WithParamInterface<BadHello> {};

TEST_P(BadHelloTest, IsAnsweredWithASentence) {
  AppDaemon daemon({.max_region_bytes = 1 << 30});
  daemon.Serve(path_);
  RawApp app(path_);
  UniqueFd region = RawApp::Region();
  PonyHello hello = RawApp::Hello();
  GetParam().spoil(hello);
  EXPECT_THAT(app.Try(hello, {region.get()}), HasSubstr(GetParam().error));
  EXPECT_TRUE(app.AtEnd());
  daemon.Do([&](AppSessions& sessions) {
    EXPECT_TRUE(daemon.added.empty());
    EXPECT_EQ(sessions.counters().refused, 1u);
  });
  pony_session* good = Open();
  EXPECT_NE(good, nullptr);
  pony_close(good);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, BadHelloTest,
    ::testing::Values(
        BadHello{"Magic", [](PonyHello& h) { h.magic = 0; }, "magic is 0x0"},
        BadHello{"TooNew", [](PonyHello& h) { h.abi_version = h.abi_oldest = 2; },
                 "the app speaks ABI 2 to 2, this farrierd 1 to 1"},
        BadHello{"TooOld", [](PonyHello& h) { h.abi_version = h.abi_oldest = 0; }, "ABI 0 to 0"},
        BadHello{"Backwards", [](PonyHello& h) { h.abi_oldest = 5; }, "ABI 5 to 1"},
        BadHello{"NoRing", [](PonyHello& h) { h.ring_entries = 0; }, "ring_entries is 0"},
        BadHello{"OddRing", [](PonyHello& h) { h.ring_entries = 48; }, "power of two"},
        BadHello{"HugeRing", [](PonyHello& h) { h.ring_entries = 1u << 31; }, "16 to 65536"},
        BadHello{"NoRegion", [](PonyHello& h) { h.region_bytes = 0; }, "region_bytes is 0"},
        BadHello{"HugeRegion", [](PonyHello& h) { h.region_bytes = UINT64_MAX; },
                 "must be 1 to 1073741824"},
        BadHello{"SmallRegion", [](PonyHello& h) { h.region_bytes = 65537; },
                 "has 65536 bytes, not the 65537 promised"},
        BadHello{"Name", [](PonyHello& h) { std::memset(h.name, 'x', sizeof h.name); },
                 "end with NUL"}),
    [](const auto& info) { return info.param.name; });

TEST_F(AppSessionsTest, OnlyASealedWritableMemfdIsARegion) {
  const auto before = HoldingsNow();
  {
    AppDaemon daemon;
    daemon.Serve(path_);
    const auto answer = [&](UniqueFd region) {
      return RawApp(path_).Try(RawApp::Hello(), {region.get()});
    };
    EXPECT_THAT(answer(RawApp::Region(65536, 0)), HasSubstr("F_SEAL_SHRINK"));
    EXPECT_THAT(answer(RawApp::Region(65536, F_SEAL_SHRINK | F_SEAL_WRITE)),
                HasSubstr("cannot be mapped for writing"));
    EXPECT_THAT(answer(UniqueFd(open("/dev/null", O_RDWR))), HasSubstr("must be a memfd"));
    EXPECT_THAT(
        answer(UniqueFd(open(directory_.operator/("file").c_str(), O_RDWR | O_CREAT, 0600))),
        HasSubstr("must be a memfd"));
    UniqueFd region = RawApp::Region();
    EXPECT_THAT(
        answer(UniqueFd(open(("/proc/self/fd/" + std::to_string(region.get())).c_str(), O_RDONLY))),
        HasSubstr("cannot be mapped for writing"));
    // Huge pages may be missing when they are touched, which would kill us. Not every machine has
    // them.
    UniqueFd huge(memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
    if (huge.valid() && ftruncate(huge.get(), 2 << 20) == 0) {
      fcntl(huge.get(), F_ADD_SEALS, F_SEAL_SHRINK);
      EXPECT_THAT(answer(std::move(huge)), HasSubstr("ordinary pages"));
    }
    ASSERT_TRUE(daemon.Until(NoSessions));
    daemon.Do([](AppSessions& sessions) { EXPECT_EQ(sessions.counters().opened, 0u); });
  }
  EXPECT_TRUE(HeldAgain(before));
}

TEST_F(AppSessionsTest, ExactlyOneDescriptorIsTaken) {
  const auto before = HoldingsNow();
  {
    AppDaemon daemon;
    daemon.Serve(path_);
    UniqueFd region = RawApp::Region();
    for (size_t count : {size_t{0}, size_t{2}, size_t{4}, size_t{5}, size_t{253}}) {
      RawApp app(path_);
      EXPECT_THAT(app.Try(RawApp::Hello(), std::vector<int>(count, region.get())),
                  HasSubstr("must carry one"))
          << count;
    }
  }
  EXPECT_EQ(HoldingsNow().fds, before.fds);
}

// A socket whose last close waits for a peer that does not read.
UniqueFd Lingering(UniqueFd& peer) {
  UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener.get(), name, length), 0);
  EXPECT_EQ(listen(listener.get(), 1), 0);
  EXPECT_EQ(getsockname(listener.get(), name, &length), 0);
  UniqueFd stuck(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(stuck.get(), name, length), 0);
  peer.reset(accept(listener.get(), nullptr, nullptr));
  const linger patience{.l_onoff = 1, .l_linger = 300};
  EXPECT_EQ(setsockopt(stuck.get(), SOL_SOCKET, SO_LINGER, &patience, sizeof patience), 0);
  const std::vector<char> bytes(1 << 20);
  while (send(stuck.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) continue;
  return stuck;
}

TEST_F(AppSessionsTest, DescriptorsWhoseCloseWaitsHoldNobodyUp) {
  const auto before = HoldingsNow();
  {
    AppDaemon daemon;
    daemon.Serve(path_);
    UniqueFd peers[4];
    // While the daemon does not look, so that the last descriptor is the one in its socket.
    const auto send = [&](RawApp& app, UniqueFd& peer, std::vector<int> fds) {
      UniqueFd stuck = Lingering(peer);
      fds.push_back(stuck.get());
      daemon.Do([&](AppSessions&) {
        ASSERT_TRUE(app.Send(RawApp::Hello(), fds));
        stuck.reset();
      });
    };
    UniqueFd region = RawApp::Region();
    RawApp instead(path_);  // of the region
    send(instead, peers[0], {});
    EXPECT_THAT(instead.Answer(), HasSubstr("must be a memfd"));
    RawApp more(path_);  // than asked for
    send(more, peers[1], {region.get(), region.get(), region.get(), region.get()});
    EXPECT_THAT(more.Answer(), HasSubstr("must carry one"));
    RawApp unasked(path_);
    ASSERT_EQ(unasked.Try(RawApp::Hello(), {region.get()}), "");
    send(unasked, peers[2], {});
    EXPECT_TRUE(unasked.AtEnd());
    RawApp unread(path_);  // behind the message that ends the session
    ASSERT_EQ(unread.Try(RawApp::Hello(), {region.get()}), "");
    UniqueFd stuck = Lingering(peers[3]);
    daemon.Do([&](AppSessions&) {
      ASSERT_TRUE(unread.Send(RawApp::Hello(), {}));
      ASSERT_TRUE(unread.Send(RawApp::Hello(), {stuck.get()}));
      stuck.reset();
    });
    EXPECT_TRUE(unread.AtEnd());
    const auto begin = std::chrono::steady_clock::now();
    pony_session* good = Open();
    EXPECT_NE(good, nullptr);
    pony_close(good);
    ASSERT_TRUE(daemon.Until(NoSessions));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  }
  EXPECT_TRUE(HeldAgain(before));  // their peers are gone
}

TEST_F(AppSessionsTest, HelloOfTheWrongLengthIsRefused) {
  AppDaemon daemon;
  daemon.Serve(path_);
  const PonyHello hello = RawApp::Hello();
  const auto* bytes = reinterpret_cast<const uint8_t*>(&hello);
  UniqueFd region = RawApp::Region();
  RawApp half(path_);
  ASSERT_TRUE(half.Send({bytes, 44}, {region.get()}));
  EXPECT_THAT(half.Answer(), HasSubstr("HELLO has 44 bytes; it must have 88"));
  RawApp whale(path_);
  ASSERT_TRUE(whale.Send(std::vector<uint8_t>(100'000), {region.get()}));
  EXPECT_THAT(whale.Answer(), HasSubstr("bytes and more"));
}

TEST_F(AppSessionsTest, AppThatSaysNothingIsDroppedAtTheDeadline) {
  AppDaemon daemon({.handshake_timeout = 50 * runtime::kMillisecond});
  daemon.Serve(path_);
  RawApp silent(path_);
  EXPECT_TRUE(silent.AtEnd());
  daemon.Do([](AppSessions& sessions) { EXPECT_EQ(sessions.counters().expired, 1u); });
}

TEST_F(AppSessionsTest, SilentAppsMakeRoomForOthers) {
  AppDaemon daemon({.max_handshakes = 3});
  daemon.Serve(path_);
  std::vector<std::unique_ptr<RawApp>> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(std::make_unique<RawApp>(path_));
  pony_session* app = Open();
  EXPECT_NE(app, nullptr);
  EXPECT_TRUE(silent[0]->AtEnd());
  pony_close(app);
}

TEST_F(AppSessionsTest, ThereAreOnlySoManySessions) {
  AppDaemon daemon({.max_sessions = 2});
  daemon.Serve(path_);
  pony_session* apps[2] = {Open(), Open()};
  const pony_options options{.socket_path = path_.c_str()};
  pony_session* third = nullptr;
  char error[256];
  EXPECT_EQ(pony_open(&options, &third, error, sizeof error), -ECONNREFUSED);
  EXPECT_THAT(error, HasSubstr("2 sessions already"));
  pony_close(apps[0]);
  ASSERT_TRUE(daemon.Until([](AppSessions& sessions) { return sessions.List().size() == 1; }));
  apps[0] = Open();
  EXPECT_NE(apps[0], nullptr);
  for (pony_session* app : apps) pony_close(app);
}

TEST_F(AppSessionsTest, AppIsToldWhatTheEngineSays) {
  const auto before = HoldingsNow();
  {
    AppDaemon daemon;
    daemon.add_status = absl::ResourceExhaustedError("the engine is full");
    daemon.Serve(path_);
    RawApp app(path_);
    UniqueFd region = RawApp::Region();
    EXPECT_EQ(app.Try(RawApp::Hello(), {region.get()}), "the engine is full");
    daemon.Do([](AppSessions& sessions) { EXPECT_TRUE(sessions.List().empty()); });
  }
  EXPECT_EQ(HoldingsNow(), before);
}

TEST_F(AppSessionsTest, TalkingAfterTheHandshakeEndsTheSession) {
  const auto before = HoldingsNow();
  {
    AppDaemon daemon;
    daemon.Serve(path_);
    pony_session* other = Open();
    UniqueFd region = RawApp::Region();
    RawApp app(path_);
    ASSERT_EQ(app.Try(RawApp::Hello(), {region.get()}), "");
    ASSERT_TRUE(app.Send(RawApp::Hello(), {region.get(), region.get()}));
    EXPECT_TRUE(app.AtEnd());
    daemon.Do([&](AppSessions& sessions) {
      ASSERT_EQ(daemon.removed.size(), 1u);
      EXPECT_EQ(daemon.removed[0].id, 2u);
      EXPECT_EQ(sessions.List().size(), 1u);
    });
    EXPECT_EQ(pony_wait(other, 0), 0);
    pony_close(other);
  }
  EXPECT_EQ(HoldingsNow(), before);
}

TEST_F(AppSessionsTest, RunningOutOfDescriptorsIsSurvived) {
  AppDaemon daemon;
  daemon.Serve(path_);
  UniqueFd region = RawApp::Region();
  RawApp first(path_);
  ASSERT_TRUE(
      daemon.Until([](AppSessions& sessions) { return sessions.Export().handshakes.size() == 1; }));
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  rlimit none = old;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_un address{.sun_family = AF_UNIX};
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  const int connected =
      connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  const std::string answer = first.Try(RawApp::Hello(), {region.get()});
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  ASSERT_EQ(connected, 0);
  EXPECT_THAT(answer, HasSubstr("must carry one"));  // the kernel could not deliver it
  RawApp second(std::move(socket));
  EXPECT_EQ(second.Try(RawApp::Hello(), {region.get()}), "") << "accepted later";
}

TEST_F(AppSessionsTest, DeathOfTheDaemonIsSeenAndASessionCanBeOpenedAnew) {
  auto daemon = std::make_unique<AppDaemon>();
  daemon->Serve(path_);
  pony_session* app = Open();
  pony::SessionMemory memory;
  daemon->Do([&](AppSessions&) { memory = daemon->added.at(1); });
  Engine(memory).Give({.tag = 5, .kind = PONY_EVENT_SENT});
  daemon.reset();

  PonyEvent event;
  EXPECT_EQ(pony_wait(app, -1), 1) << "what was there already still comes";
  ASSERT_EQ(pony_poll(app, &event, 1), 1);
  EXPECT_EQ(event.tag, 5u);
  EXPECT_EQ(pony_wait(app, -1), -ECONNRESET);
  EXPECT_EQ(pony_poll(app, &event, 1), -ECONNRESET);
  EXPECT_EQ(pony_listen(app, 1, 1), -ECONNRESET);
  EXPECT_EQ(pony_arm(app), -ECONNRESET);
  pony_close(app);

  const pony_options options{.socket_path = path_.c_str()};
  char error[256];
  EXPECT_EQ(pony_open(&options, &app, error, sizeof error), -ECONNREFUSED);
  EXPECT_THAT(error, HasSubstr("is farrierd running?"));

  daemon = std::make_unique<AppDaemon>();
  daemon->Serve(path_);
  app = Open();
  ASSERT_NE(app, nullptr);
  EXPECT_EQ(pony_listen(app, 1, 1), 0);
  pony_close(app);
}

TEST_F(AppSessionsTest, AppThatNeverSleepsSeesTheDaemonDieToo) {
  auto daemon = std::make_unique<AppDaemon>();
  daemon->Serve(path_);
  pony_session* app = Open();
  daemon.reset();
  PonyEvent event;
  int status = 0;
  for (int i = 0; i < 1000 && status == 0; ++i) status = pony_poll(app, &event, 1);
  EXPECT_EQ(status, -ECONNRESET);
  pony_close(app);
}

TEST_F(AppSessionsTest, NothingLeaksOverManySessions) {
  AppDaemon daemon;
  daemon.Serve(path_);
  pony_close(Open());
  ASSERT_TRUE(daemon.Until(NoSessions));
  const auto before = HoldingsNow();
  for (int i = 0; i < 50; ++i) {
    pony_session* app = Open();
    ASSERT_EQ(pony_listen(app, 1, 1), 0);
    pony_close(app);
  }
  ASSERT_TRUE(daemon.Until(NoSessions));
  EXPECT_EQ(HoldingsNow(), before);
}

}  // namespace
}  // namespace farrier::host
