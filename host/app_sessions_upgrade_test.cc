#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/app_sessions.h"
#include "host/testing/app_daemon.h"
#include "host/testing/app_sessions_fixture.h"
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

// Both daemons are in this process: descriptors are duplicated, as they are when they travel.
std::vector<UniqueFd> Duplicate(const std::vector<int>& fds) {
  std::vector<UniqueFd> copies;
  for (int fd : fds) copies.emplace_back(dup(fd));
  return copies;
}

class AppSessionsUpgrade : public testing::AppSessionsTest {
 protected:
  AppSessionsUpgrade() { old_->Serve(path_); }
  ~AppSessionsUpgrade() override {
    old_.reset();
    new_.reset();
    EXPECT_EQ(HoldingsNow(), before_);
  }

  // The old one freezes and exports, the new one imports.
  void HandOver() {
    uint32_t next_id = 0;
    UniqueFd listener;
    std::vector<UniqueFd> handshakes;
    std::vector<std::pair<AppSessionInfo, std::vector<UniqueFd>>> handed;
    old_->Do([&](AppSessions& sessions) {
      sessions.Freeze();
      const AppSessions::Exported exported = sessions.Export();
      next_id = exported.next_id;
      listener.reset(dup(exported.listener));
      handshakes = Duplicate(exported.handshakes);
      for (const auto& session : exported.sessions) {
        handed.emplace_back(session.info, Duplicate(session.fds));
      }
    });
    new_->Do([&](AppSessions& sessions) {
      sessions.Import(next_id, std::move(listener), std::move(handshakes));
      for (auto& [info, fds] : handed) {
        const absl::Status status = sessions.ImportSession(info, std::move(fds));
        EXPECT_TRUE(status.ok()) << status;
      }
    });
  }

  // The end of an upgrade: the old one is gone, the new one reads.
  void Switch() {
    old_->Do([](AppSessions& sessions) { sessions.Release(); });
    new_->Do([](AppSessions& sessions) { sessions.Start(); });
  }

  testing::Holdings before_ = HoldingsNow();
  std::unique_ptr<AppDaemon> old_ = std::make_unique<AppDaemon>();
  std::unique_ptr<AppDaemon> new_ = std::make_unique<AppDaemon>();
};

TEST_F(AppSessionsUpgrade, SessionGoesOnInTheNewProcess) {
  pony_session* app = Open();
  ASSERT_EQ(pony_listen(app, 3, 1), 0);
  HandOver();
  Switch();
  ASSERT_EQ(pony_arm(app), 1);
  new_->Do([](AppSessions& sessions) {
    const pony::SessionMemory* memory = sessions.Memory(1);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(sessions.List()[0].pid, getpid());
    EngineSide engine(memory->app_area, memory->engine_area, memory->ring_entries,
                      memory->completion_fd);
    EXPECT_EQ(engine.Take()->service, 3);
    engine.Give({.tag = 1, .kind = PONY_EVENT_LISTENING});
  });
  EXPECT_EQ(pony_wait(app, 10'000), 1);
  PonyEvent event;
  EXPECT_EQ(pony_poll(app, &event, 1), 1);

  old_.reset();
  EXPECT_EQ(pony_wait(app, 20), 0) << "the old process's end is not the session's";
  pony_close(app);
  EXPECT_TRUE(new_->Until([this](AppSessions&) { return new_->removed.size() == 1; }));
}

TEST_F(AppSessionsUpgrade, NewSessionsGetNewIdsAndTheOldAddress) {
  pony_close(Open());
  pony_session* kept = Open();
  HandOver();
  Switch();
  pony_session* app = Open();
  new_->Do([](AppSessions& sessions) {
    const auto list = sessions.List();
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].id, 2u);
    EXPECT_EQ(list[1].id, 3u);
  });
  pony_close(app);
  pony_close(kept);
}

TEST_F(AppSessionsUpgrade, AppsThatComeDuringTheUpgradeAreServedAfterIt) {
  RawApp half(path_);  // accepted by the old one, has not spoken yet
  ASSERT_TRUE(
      old_->Until([](AppSessions& sessions) { return sessions.Export().handshakes.size() == 1; }));
  HandOver();
  UniqueFd region = RawApp::Region();
  RawApp late(path_);
  ASSERT_TRUE(half.Send(RawApp::Hello(), {region.get()}));
  ASSERT_TRUE(late.Send(RawApp::Hello(), {region.get()}));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  old_->Do([this](AppSessions&) { EXPECT_TRUE(old_->added.empty()); });
  Switch();
  EXPECT_EQ(half.Answer(), "");
  EXPECT_EQ(late.Answer(), "");
  new_->Do([](AppSessions& sessions) { EXPECT_EQ(sessions.List().size(), 2u); });
}

TEST_F(AppSessionsUpgrade, SessionThatEndsDuringTheUpgradeIsSeenByBoth) {
  pony_session* app = Open();
  HandOver();
  pony_close(app);
  ASSERT_TRUE(old_->Until([this](AppSessions&) { return old_->removed.size() == 1; }));
  new_->Do([this](AppSessions& sessions) {
    EXPECT_TRUE(new_->removed.empty()) << "only the old one reads";
    EXPECT_NE(sessions.Memory(1), nullptr);
  });
  Switch();
  EXPECT_TRUE(new_->Until([this](AppSessions&) { return new_->removed.size() == 1; }));
}

TEST_F(AppSessionsUpgrade, SessionThatIsEndingIsHandedOverAndEndsThere) {
  old_->Do([this](AppSessions&) { old_->done_at_once = false; });
  pony_close(Open());
  ASSERT_TRUE(old_->Until([this](AppSessions&) { return old_->removed.size() == 1; }));
  HandOver();
  new_->Do([](AppSessions& sessions) { EXPECT_NE(sessions.Memory(1), nullptr); });
  Switch();
  EXPECT_TRUE(new_->Until([this](AppSessions&) { return new_->removed.size() == 1; }));
}

TEST_F(AppSessionsUpgrade, WhenItFailsTheOldOneGoesOn) {
  pony_session* app = Open();
  RawApp half(path_);
  ASSERT_TRUE(
      old_->Until([](AppSessions& sessions) { return sessions.Export().handshakes.size() == 1; }));
  HandOver();
  new_.reset();
  old_->Do([](AppSessions& sessions) { sessions.Thaw(); });
  EXPECT_EQ(pony_wait(app, 20), 0);
  UniqueFd region = RawApp::Region();
  EXPECT_EQ(half.Try(RawApp::Hello(), {region.get()}), "");
  pony_session* another = Open();
  EXPECT_NE(another, nullptr);
  pony_close(another);
  pony_close(app);
}

TEST_F(AppSessionsUpgrade, PiecesThatDoNotFitAreRefused) {
  pony_session* app = Open();
  AppSessions::Exported exported;
  old_->Do([&](AppSessions& sessions) { exported = sessions.Export(); });
  const AppSessionInfo info = exported.sessions[0].info;
  const std::vector<int> fds = exported.sessions[0].fds;
  const auto import = [&](const AppSessionInfo& spoilt, const std::vector<int>& with) {
    std::vector<UniqueFd> copies;
    old_->Do([&](AppSessions&) { copies = Duplicate(with); });
    absl::Status status;
    new_->Do(
        [&](AppSessions& sessions) { status = sessions.ImportSession(spoilt, std::move(copies)); });
    return std::string(status.message());
  };
  AppSessionInfo spoilt = info;
  EXPECT_THAT(import(info, {fds[0]}), HasSubstr("comes with 1 descriptors, not 6"));
  spoilt.id = 0;
  EXPECT_THAT(import(spoilt, fds), HasSubstr("session 0"));
  spoilt = info;
  spoilt.ring_entries = 17;
  EXPECT_THAT(import(spoilt, fds), HasSubstr("rings of 17 entries"));
  spoilt.ring_entries = 1024;
  EXPECT_THAT(import(spoilt, fds), HasSubstr("app area has"));
  spoilt = info;
  spoilt.region_bytes = 1 << 30;
  EXPECT_THAT(import(spoilt, fds), HasSubstr("region has 1048576 bytes, not the 1073741824"));
  EXPECT_THAT(import(info, std::vector<int>(6, fds[0])), HasSubstr("region must be a memfd"));
  new_->Do([](AppSessions& sessions) { EXPECT_TRUE(sessions.List().empty()); });
  EXPECT_EQ(import(info, fds), "");
  EXPECT_THAT(import(info, fds), HasSubstr("is here already"));
  new_->Do([](AppSessions& sessions) { EXPECT_EQ(sessions.List().size(), 1u); });
  pony_close(app);
}

}  // namespace
}  // namespace farrier::host
