#include "host/app_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "host/testing/app_daemon.h"
#include "host/testing/app_sessions_fixture.h"
#include "host/testing/raw_app.h"
#include "pony/client/pony.h"
#include "pony/client/testing/engine_side.h"

namespace farrier::host {
namespace {

using pony::testing::EngineSide;
using testing::AppDaemon;
using testing::AppSessionsTest;
using ::testing::HasSubstr;
using testing::HoldingsNow;
using testing::RawApp;

EngineSide Engine(const pony::SessionMemory& memory) {
  return {memory.app_area, memory.engine_area, memory.ring_entries, memory.completion_fd};
}

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
