#include "upgrade/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "upgrade/new_side.h"
#include "upgrade/old_side.h"
#include "upgrade/socket_channel.h"

namespace farrier::upgrade {
namespace {

using runtime::kMillisecond;
using runtime::UniqueFd;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr int kSnapshotParts = 20;

// One engine's row, compared and swapped as the card does.
struct FakeRow {
  RowState state = RowState::kAttached;
  int function = 0;
  uint16_t generation = 3;
};

class FakeRows final : public RowAccess {
 public:
  FakeRows(FakeRow& row, int function) : row_(row), function_(function) {}
  absl::StatusOr<Row> Read(EngineIndex) override {
    if (silent > 0 && --silent >= 0) return absl::UnavailableError("no answer");
    return Row{row_.state, row_.function == function_, row_.generation};
  }
  absl::Status Write(EngineIndex, RowState state, uint16_t expected) override {
    if (expected != row_.generation) return absl::OkStatus();
    row_.state = state;
    row_.function = function_;
    if (state == RowState::kAttached) row_.generation = NextGeneration(row_.generation);
    return absl::OkStatus();
  }
  int silent = 0;  // reads that fail

 private:
  FakeRow& row_;
  const int function_;
};

// Writes down what it is asked; things that are awaited come at the third look.
class FakeHost final : public EngineHost, public PeerProcess {
 public:
  absl::Status SendAttachments(bool last, Channel& channel) override {
    (void)Log(last ? "attach last" : "attach");
    Parcel parcel;
    parcel.message.mutable_attachment()->set_kind(last ? "last" : "first");
    parcel.fds.emplace_back(eventfd(last ? 2 : 1, 0));
    return channel.Post(std::move(parcel));
  }
  absl::StatusOr<bool> TakeSnapshot(EngineIndex, runtime::StateSink& sink) override {
    sink.Append({.kind = "part", .schema = 1, .bytes = std::string(200'000, 'a' + parts)});
    return ++parts == kSnapshotParts;
  }
  absl::StatusOr<bool> MarkSeen(EngineIndex) override { return Third("mark"); }
  absl::Status Stop(EngineIndex) override { return Log("stop"); }
  absl::Status TakeDelta(EngineIndex, runtime::StateSink& sink) override {
    sink.Append({.kind = "part", .schema = 1, .bytes = "delta"});
    return Log("delta");
  }
  absl::StatusOr<bool> TxDrained(EngineIndex) override { return Third("drained"); }
  absl::Status Resume(EngineIndex, uint16_t generation) override {
    return Log(absl::StrCat("resume ", generation));
  }
  void DropSnapshot(EngineIndex) override { (void)Log("drop snapshot"); }
  void Release(EngineIndex) override { (void)Log("release"); }
  absl::Status Accept(const Attachment& attachment, std::vector<UniqueFd> fds) override {
    eventfd_t value = 0;
    if (fds.size() == 1) eventfd_read(fds[0].get(), &value);
    return Log(absl::StrCat("accept ", attachment.kind(), " ", value));
  }
  absl::StatusOr<bool> Prepare(const std::vector<EngineSpec>& engines) override {
    return Third(absl::StrCat("prepare ", engines.size()));
  }
  absl::Status Restore(EngineIndex, runtime::StateSource& source) override {
    while (const auto record = source.Next()) {
      if (record->bytes != "delta" && (record->bytes[0] != 'a' + parts++)) {
        return absl::InvalidArgumentError("out of order");
      }
      if (record->bytes == "delta") return Log("restore delta");
    }
    return absl::OkStatus();
  }
  absl::Status Start(EngineIndex, uint16_t generation) override {
    return Log(absl::StrCat("start ", generation));
  }
  void Serve() override { (void)Log("serve"); }
  absl::Status StartFresh(EngineIndex, uint16_t generation) override {
    return Log(absl::StrCat("start fresh ", generation));
  }

  void Kill() override {
    (void)Log("kill");
    if (on_kill) on_kill();
  }
  bool HasExited() override { return *Third("peer exited"); }

  absl::Status Log(const std::string& line) {
    log.push_back(line);
    return line == fails ? absl::InternalError(absl::StrCat("injected: ", line)) : absl::OkStatus();
  }
  absl::StatusOr<bool> Third(const std::string& what) {
    if (++looks % 3 != 0) return false;
    if (absl::Status status = Log(what); !status.ok()) return status;
    return true;
  }

  std::vector<std::string> log;
  std::string fails;  // the line that fails
  std::function<void()> on_kill;
  int parts = 0;
  int looks = 0;
};

// Both processes of a hand-over in one, over a real socket.
class DriverTest : public testing::Test {
 protected:
  struct Process {
    std::unique_ptr<Side> side;
    FakeHost host;
    std::unique_ptr<FakeRows> rows;
    std::unique_ptr<SocketChannel> channel;
    std::unique_ptr<Driver> driver;

    void End() {
      driver.reset();
      channel.reset();
    }
  };

  void SetUp() override {
    OldSideOptions old_options{.build = "1.0", .engines = {EngineSpec()}, .kinds = {{"part", 1}}};
    NewSideOptions new_options{.build = "2.0"};
    new_options.kinds["part"].set_oldest(1);
    new_options.kinds["part"].set_newest(2);
    old_.side = MakeOldSide(std::move(old_options));
    new_.side = MakeNewSide(std::move(new_options));
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    raw_new_end_ = ends[1];
    int function = 0;
    for (Process* process : {&old_, &new_}) {
      process->rows = std::make_unique<FakeRows>(row_, function);
      process->channel = *SocketChannel::Create(UniqueFd(ends[function]));
      process->driver = std::make_unique<Driver>(*process->side, process->host, *process->rows,
                                                 *process->channel, process->host, clock_);
      ++function;
    }
    old_.host.on_kill = [this] { new_.End(); };
    new_.host.on_kill = [this] { old_.End(); };
  }

  // Steps both in turn, letting time pass as they ask, until `end` says so.
  void RunUntil(const std::function<bool()>& end) {
    for (int i = 0; i < 10'000 && !end(); ++i) {
      runtime::Nanoseconds next = runtime::kNever;
      bool progress = false;
      for (Process* process : {&old_, &new_}) {
        if (process->driver && !process->driver->done() && process->driver->Step()) progress = true;
        if (process->driver) next = std::min(next, process->driver->NextStep());
      }
      if (progress) continue;
      ASSERT_NE(next, runtime::kNever) << "both wait for ever";
      clock_.AdvanceTo(std::max(clock_.Now() + 1, next));
    }
    EXPECT_TRUE(end());
  }
  bool Ended() {
    return (!old_.driver || old_.driver->done()) && (!new_.driver || new_.driver->done());
  }

  runtime::ManualClock clock_;
  FakeRow row_;
  Process old_, new_;
  int raw_new_end_ = -1;
};

TEST_F(DriverTest, CarriesAHandOverOut) {
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(old_.side->outcome(), Outcome::kCompleted);
  EXPECT_EQ(new_.side->outcome(), Outcome::kCompleted);
  EXPECT_THAT(old_.host.log,
              ElementsAre("attach", "mark", "stop", "delta", "drained", "release", "attach last"));
  EXPECT_THAT(new_.host.log, ElementsAre("accept first 1", "prepare 1", "restore delta", "start 4",
                                         "accept last 2", "serve"));
  EXPECT_EQ(new_.host.parts, kSnapshotParts);
  EXPECT_EQ(row_.function, 1);
  EXPECT_EQ(row_.generation, 4);
  EXPECT_EQ(new_.side->report().engines(0).fate(), EngineReport::MOVED);
}

TEST_F(DriverTest, TakesNoSnapshotThatTheOtherSideHasNoRoomFor) {
  RunUntil([&] { return new_.side->report().ready_at() > 0; });
  for (int i = 0; i < 10; ++i) old_.driver->Step();
  EXPECT_GT(old_.host.parts, 0);
  while (!old_.channel->Congested()) {
    Parcel filler;
    filler.message.mutable_attachment()->set_kind("filler");
    ASSERT_TRUE(old_.channel->Post(std::move(filler)).ok());
  }
  const int before = old_.host.parts;
  for (int i = 0; i < 10; ++i) old_.driver->Step();
  EXPECT_EQ(old_.host.parts, before);
  EXPECT_LE(old_.driver->NextStep(), clock_.Now() + kMillisecond);  // looks again
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(new_.host.parts, kSnapshotParts);
}

TEST_F(DriverTest, AsksACardAgainThatDidNotAnswer) {
  RunUntil([&] { return !new_.host.log.empty() && new_.host.log.back() == "restore delta"; });
  new_.rows->silent = 3;
  old_.rows->silent = 0;
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(new_.side->outcome(), Outcome::kCompleted);
  EXPECT_EQ(row_.generation, 4);
}

TEST_F(DriverTest, AFailureOnTheNewSideRollsBack) {
  new_.host.fails = "restore delta";
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(old_.side->outcome(), Outcome::kGivenUp);
  EXPECT_THAT(old_.side->report().failure(), HasSubstr("injected: restore delta"));
  EXPECT_THAT(old_.host.log, IsSupersetOf({"resume 4", "kill"}));
  EXPECT_EQ(row_.function, 0);
  EXPECT_EQ(row_.state, RowState::kAttached);
}

TEST_F(DriverTest, AnAttachmentThatIsNotTakenGivesTheHandOverUp) {
  new_.host.fails = "accept first 1";
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(old_.side->outcome(), Outcome::kGivenUp);
  EXPECT_THAT(old_.side->report().failure(), HasSubstr("injected: accept first 1"));
  EXPECT_EQ(row_.generation, 3);
}

TEST_F(DriverTest, AnEngineThatDoesNotStopKeepsRunningWhereItIs) {
  old_.host.fails = "stop";
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(old_.side->outcome(), Outcome::kGivenUp);
  EXPECT_THAT(old_.host.log, IsSupersetOf({"resume 4", "drop snapshot"}));
  EXPECT_EQ(row_.function, 0);
}

TEST_F(DriverTest, NonsenseFromTheNewProcessIsItsEndAndNothingElse) {
  RunUntil([&] { return new_.side->report().ready_at() > 0; });
  const std::string nonsense = "nonsense";
  ASSERT_EQ(send(raw_new_end_, nonsense.data(), nonsense.size(), 0),
            static_cast<ssize_t>(nonsense.size()));
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(old_.side->outcome(), Outcome::kGivenUp);
  EXPECT_THAT(old_.host.log, IsSupersetOf({"drop snapshot", "kill"}));
  EXPECT_EQ(row_.function, 0);
}

// Every message that can be said, at the first and in the midst: what does not belong there ends
// the hand-over, and the engine stays.
TEST_F(DriverTest, MessagesThatDoNotBelongGiveUp) {
  for (const int field : {1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13}) {
    SetUp();
    row_ = {};
    Message message;
    const google::protobuf::FieldDescriptor* body = Message::descriptor()->FindFieldByNumber(field);
    Message* prototype = &message;
    prototype->GetReflection()->MutableMessage(prototype, body);
    ASSERT_TRUE(new_.channel->Post({.message = message}).ok());
    if (field == 1) {  // the first hello is right
      ASSERT_TRUE(new_.channel->Post({.message = message}).ok());
    }
    RunUntil([&] { return Ended(); });
    EXPECT_EQ(old_.side->outcome(), Outcome::kGivenUp) << body->name();
    EXPECT_EQ(row_.function, 0) << body->name();
    EXPECT_EQ(row_.generation, 3) << body->name();
    old_ = Process();
    new_ = Process();
  }
}

TEST_F(DriverTest, TheRowIsBelievedAndNotTheWord) {
  RunUntil([&] { return !old_.host.log.empty() && old_.host.log.back() == "delta"; });
  Message lie;
  lie.mutable_committed()->set_engine(0);
  ASSERT_TRUE(new_.channel->Post({.message = lie}).ok());
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(old_.side->outcome(), Outcome::kGivenUp);
  EXPECT_THAT(old_.host.log, IsSupersetOf({"resume 4", "kill"}));
  EXPECT_EQ(row_.function, 0);
}

TEST_F(DriverTest, DeathOfTheOldProcessAfterItsDeltaLosesNothing) {
  RunUntil([&] { return !old_.host.log.empty() && old_.host.log.back() == "delta"; });
  old_.End();
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(new_.side->outcome(), Outcome::kCompleted);
  EXPECT_THAT(new_.host.log, IsSupersetOf({"kill", "peer exited", "restore delta", "start 4"}));
}

TEST_F(DriverTest, DeathOfTheOldProcessBeforeItsDeltaIsCrashRecovery) {
  RunUntil([&] { return row_.state == RowState::kHeld; });
  old_.End();
  RunUntil([&] { return Ended(); });
  EXPECT_EQ(new_.side->outcome(), Outcome::kCompleted);
  EXPECT_THAT(new_.host.log, IsSupersetOf({"kill", "start fresh 4", "serve"}));
}

}  // namespace
}  // namespace farrier::upgrade
