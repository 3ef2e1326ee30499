// Apps that say what they should not, too much, or nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "host/app_sessions.h"
#include "host/testing/app_daemon.h"
#include "host/testing/app_sessions_fixture.h"
#include "host/testing/raw_app.h"
#include "pony/client/pony.h"

namespace farrier::host {
namespace {

using testing::AppDaemon;
using testing::AppSessionsTest;
using ::testing::HasSubstr;
using testing::HoldingsNow;
using testing::RawApp;

// What is refused may be closed a little later.
bool HeldAgain(const testing::Holdings& before) {
  for (int i = 0; i < 5000 && !(HoldingsNow() == before); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return HoldingsNow() == before;
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

}  // namespace
}  // namespace farrier::host
