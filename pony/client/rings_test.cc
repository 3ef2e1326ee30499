#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "pony/client/pony.h"
#include "pony/client/pony_rings.h"
#include "pony/client/testing/engine_side.h"

namespace farrier::pony {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kEntries = 16;
constexpr size_t kRegion = 4 * PONY_MAX_MESSAGE;

struct AlignedFree {
  void operator()(uint8_t* memory) const { std::free(memory); }
};
using Area = std::unique_ptr<uint8_t, AlignedFree>;

Area MakeArea(size_t bytes) {
  Area area(static_cast<uint8_t*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
  std::memset(area.get(), 0, bytes);
  return area;
}

// A session and the engine's end of it, on private memory.
class Rings : public ::testing::Test {
 protected:
  Rings()
      : app_area_(MakeArea(pony_app_area_bytes(kEntries))),
        engine_area_(MakeArea(pony_engine_area_bytes(kEntries))),
        region_(MakeArea(kRegion)),
        doorbell_(eventfd(0, EFD_NONBLOCK)) {
    EXPECT_EQ(pony_completion_pair(&completion_, &wait_), 0);
    pony_format_app_area(app_area_.get(), kEntries);
    pony_format_engine_area(engine_area_.get(), kEntries);
    memory_ = {.app_area = app_area_.get(),
               .app_area_bytes = pony_app_area_bytes(kEntries),
               .engine_area = engine_area_.get(),
               .engine_area_bytes = pony_engine_area_bytes(kEntries),
               .region = region_.get(),
               .region_bytes = kRegion,
               .doorbell_fd = doorbell_,
               .completion_fd = wait_};
  }
  ~Rings() override {
    pony_close(session_);
    close(doorbell_);
    close(completion_);
    close(wait_);
  }

  // Both ends, with all indices at `start`.
  void Attach(uint32_t start = 0) {
    app()->command_tail = app()->completion_head = start;
    engine_header()->command_head = engine_header()->completion_tail = start;
    ASSERT_EQ(pony_attach(&memory_, &session_, error_, sizeof error_), 0) << error_;
    engine_.emplace(app_area_.get(), engine_area_.get(), kEntries, completion_);
  }

  PonyAppArea* app() { return reinterpret_cast<PonyAppArea*>(app_area_.get()); }
  PonyEngineArea* engine_header() { return reinterpret_cast<PonyEngineArea*>(engine_area_.get()); }

  static bool Rung(int fd) {
    uint64_t count;
    return read(fd, &count, sizeof count) == sizeof count;
  }

  static bool Readable(int fd) {
    pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
  }

  Area app_area_, engine_area_, region_;
  int doorbell_;
  int completion_ = -1;  // the engine's end
  int wait_ = -1;        // the app's
  pony_memory memory_{};
  pony_session* session_ = nullptr;
  std::optional<testing::EngineSide> engine_;
  char error_[256] = "";
};

PonyEvent Sent(uint64_t tag) { return {.tag = tag, .kind = PONY_EVENT_SENT}; }

TEST_F(Rings, CommandsArriveAsTheyWereGiven) {
  Attach();
  void* data = pony_alloc(session_, 100);
  const uint64_t offset = static_cast<uint8_t*>(data) - region_.get();
  ASSERT_EQ(pony_connect(session_, 0x0A000002, 7, 1), 0);
  ASSERT_EQ(pony_listen(session_, 8, 2), 0);
  ASSERT_EQ(pony_send(session_, 5, 6, data, 100, 3), 0);
  ASSERT_EQ(pony_post_recv(session_, 5, region_.get(), PONY_MAX_MESSAGE, 4), 0);
  ASSERT_EQ(pony_disconnect(session_, 5, 9), 0);

  auto command = engine_->Take();
  EXPECT_EQ(command->op, PONY_OP_CONNECT);
  EXPECT_EQ(command->remote_ip, 0x0A000002u);
  EXPECT_EQ(command->service, 7);
  EXPECT_EQ(command->tag, 1u);
  command = engine_->Take();
  EXPECT_EQ(command->op, PONY_OP_LISTEN);
  EXPECT_EQ(command->service, 8);
  command = engine_->Take();
  EXPECT_EQ(command->op, PONY_OP_SEND);
  EXPECT_EQ(command->connection, 5u);
  EXPECT_EQ(command->stream, 6u);
  EXPECT_EQ(command->offset, offset);
  EXPECT_EQ(command->length, 100u);
  EXPECT_EQ(command->tag, 3u);
  command = engine_->Take();
  EXPECT_EQ(command->op, PONY_OP_POST_RECV);
  EXPECT_EQ(command->length, PONY_MAX_MESSAGE);
  command = engine_->Take();
  EXPECT_EQ(command->op, PONY_OP_CLOSE);
  EXPECT_EQ(command->tag, 9u);
  EXPECT_FALSE(engine_->Take().has_value());
}

TEST_F(Rings, CommandRingThatIsFullSaysTryAgain) {
  Attach();
  for (uint32_t i = 0; i < kEntries; ++i) ASSERT_EQ(pony_listen(session_, 1, i), 0);
  EXPECT_EQ(pony_listen(session_, 1, 99), -EAGAIN);
  EXPECT_EQ(engine_->Take()->tag, 0u);
  EXPECT_EQ(pony_listen(session_, 1, 100), 0);
  EXPECT_EQ(pony_listen(session_, 1, 101), -EAGAIN);
}

TEST_F(Rings, IndicesRunThroughTheEndOf32Bits) {
  Attach(UINT32_MAX - 5);
  PonyEvent events[kEntries];
  for (uint64_t i = 0; i < 40; ++i) {
    ASSERT_EQ(pony_listen(session_, 1, i), 0);
    ASSERT_EQ(engine_->Take()->tag, i);
    ASSERT_TRUE(engine_->Give(Sent(i)));
    ASSERT_EQ(pony_poll(session_, events, kEntries), 1);
    ASSERT_EQ(events[0].tag, i);
  }
  EXPECT_EQ(app()->command_tail, 34u);
  EXPECT_EQ(app()->completion_head, 34u);
}

TEST_F(Rings, RingsFillAndEmptyAcrossTheEndOf32Bits) {
  Attach(UINT32_MAX - 5);
  PonyEvent events[kEntries + 1];
  for (uint32_t i = 0; i < kEntries; ++i) ASSERT_TRUE(engine_->Give(Sent(i)));
  ASSERT_FALSE(engine_->Give(Sent(99)));
  ASSERT_EQ(pony_poll(session_, events, 10), 10);
  ASSERT_EQ(pony_poll(session_, events + 10, 10), 6);
  for (uint32_t i = 0; i < kEntries; ++i) EXPECT_EQ(events[i].tag, i);
  EXPECT_EQ(pony_poll(session_, events, 10), 0);
}

TEST_F(Rings, DoorbellIsRungOnlyWhenTheEngineSleeps) {
  Attach();
  ASSERT_EQ(pony_listen(session_, 1, 0), 0);
  EXPECT_FALSE(Rung(doorbell_));
  engine_->WantDoorbell(true);
  ASSERT_EQ(pony_listen(session_, 1, 0), 0);
  EXPECT_TRUE(Rung(doorbell_));
}

TEST_F(Rings, RoomInAFullCompletionRingRingsTheDoorbell) {
  Attach();
  engine_->WantDoorbell(true);
  PonyEvent events[kEntries];
  for (uint32_t i = 0; i + 1 < kEntries; ++i) ASSERT_TRUE(engine_->Give(Sent(i)));
  ASSERT_EQ(pony_poll(session_, events, 1), 1);
  EXPECT_FALSE(Rung(doorbell_)) << "the ring was not full: nothing can be waiting";
  while (engine_->Give(Sent(0))) {
  }
  ASSERT_EQ(pony_poll(session_, events, 1), 1);
  EXPECT_TRUE(Rung(doorbell_));
}

TEST_F(Rings, ArmSaysWhetherToWait) {
  Attach();
  PonyEvent event;
  ASSERT_TRUE(engine_->Give(Sent(1)));
  EXPECT_FALSE(Readable(pony_fd(session_))) << "nobody asked to be woken";
  EXPECT_EQ(pony_arm(session_), 0);
  EXPECT_EQ(app()->want_event, 0u);
  ASSERT_EQ(pony_poll(session_, &event, 1), 1);

  EXPECT_EQ(pony_arm(session_), 1);
  EXPECT_EQ(app()->want_event, 1u);
  ASSERT_TRUE(engine_->Give(Sent(2)));
  EXPECT_TRUE(Readable(pony_fd(session_)));
  ASSERT_EQ(pony_poll(session_, &event, 1), 1);
  EXPECT_EQ(app()->want_event, 0u);
  EXPECT_FALSE(Readable(pony_fd(session_))) << "poll takes the signal in";
}

TEST_F(Rings, WaitSleepsThroughASignalWithoutEvents) {
  Attach();
  engine_->Signal();
  EXPECT_EQ(pony_wait(session_, 20), 0);
  ASSERT_TRUE(engine_->Give(Sent(1)));
  EXPECT_EQ(pony_wait(session_, -1), 1);
}

TEST_F(Rings, WorksWithoutAnyFileDescriptor) {
  memory_.doorbell_fd = memory_.completion_fd = -1;
  Attach();
  engine_->WantDoorbell(true);
  EXPECT_EQ(pony_fd(session_), -1);
  EXPECT_EQ(pony_listen(session_, 1, 1), 0);
  EXPECT_EQ(pony_arm(session_), 1);
  EXPECT_EQ(pony_wait(session_, -1), 0);
}

TEST_F(Rings, BadArgumentsAreRefusedBeforeTheRing) {
  Attach();
  uint8_t outside[64];
  EXPECT_EQ(pony_connect(session_, 1, 0, 0), -EINVAL);
  EXPECT_EQ(pony_listen(session_, 0, 0), -EINVAL);
  EXPECT_EQ(pony_send(session_, 1, 0, region_.get(), 0, 0), -EINVAL);
  EXPECT_EQ(pony_send(session_, 1, 0, region_.get(), PONY_MAX_MESSAGE + 1, 0), -EINVAL);
  EXPECT_EQ(pony_send(session_, 1, 0, outside, 8, 0), -EINVAL);
  EXPECT_EQ(pony_send(session_, 1, 0, region_.get() + kRegion - 7, 8, 0), -EINVAL);
  EXPECT_EQ(pony_send(session_, 1, 0, nullptr, 8, 0), -EINVAL);
  EXPECT_EQ(pony_post_recv(session_, 1, region_.get(), PONY_MAX_MESSAGE - 1, 0), -EINVAL);
  EXPECT_EQ(pony_post_recv(session_, 1, region_.get() + 1, kRegion, 0), -EINVAL);
  PonyEvent event;
  EXPECT_EQ(pony_poll(session_, &event, 0), -EINVAL);
  EXPECT_FALSE(engine_->HasCommand());
}

TEST_F(Rings, EngineIndicesThatMakeNoSenseEndTheSession) {
  Attach();
  PonyEvent events[64];
  engine_header()->completion_tail = kEntries + 1;
  EXPECT_EQ(pony_poll(session_, events, 64), -EPROTO);
  EXPECT_EQ(pony_listen(session_, 1, 0), -EPROTO);
  EXPECT_EQ(pony_arm(session_), -EPROTO);
  EXPECT_EQ(pony_wait(session_, -1), -EPROTO);
}

TEST_F(Rings, CommandHeadThatMakesNoSenseEndsTheSession) {
  Attach();
  engine_header()->command_head = 1;  // nothing was ever sent
  EXPECT_EQ(pony_listen(session_, 1, 0), -EPROTO);
  EXPECT_EQ(pony_listen(session_, 1, 0), -EPROTO);
}

TEST_F(Rings, EventsThatPointOutsideTheRegionEndTheSession) {
  for (const PonyEvent& bad :
       {PonyEvent{.offset = kRegion - 7, .length = 8, .kind = PONY_EVENT_RECEIVED},
        PonyEvent{.offset = UINT64_MAX, .length = 8, .kind = PONY_EVENT_RECEIVED},
        PonyEvent{.offset = 0, .length = PONY_MAX_MESSAGE + 1, .kind = PONY_EVENT_RECEIVED},
        PonyEvent{.kind = 0}, PonyEvent{.kind = PONY_EVENT_REFUSED + 1}}) {
    Attach();
    PonyEvent event;
    ASSERT_TRUE(engine_->Give(bad));
    EXPECT_EQ(pony_poll(session_, &event, 1), -EPROTO);
    EXPECT_EQ(pony_poll(session_, &event, 1), -EPROTO);
    pony_close(session_);
    session_ = nullptr;
  }
}

TEST_F(Rings, PayloadIsWhereTheEventSays) {
  Attach();
  PonyEvent event{.offset = 128, .length = 8, .kind = PONY_EVENT_RECEIVED};
  EXPECT_EQ(pony_payload(session_, &event), region_.get() + 128);
  event.offset = kRegion;
  EXPECT_EQ(pony_payload(session_, &event), nullptr);
}

TEST_F(Rings, HeadersThatMakeNoSenseAreRefused) {
  PonyAreaHeader* header = &engine_header()->header;
  const PonyAreaHeader good = *header;
  const auto refused = [&] {
    const int status = pony_attach(&memory_, &session_, error_, sizeof error_);
    *header = good;
    return status == -EPROTO && session_ == nullptr;
  };
  header->magic = 1;
  EXPECT_TRUE(refused());
  EXPECT_THAT(error_, HasSubstr("engine area has magic 0x1"));
  header->abi_version = 2;
  EXPECT_TRUE(refused());
  for (uint32_t entries : {0u, 8u, 24u, 32u, 131072u, 0x80000000u}) {
    header->ring_entries = entries;
    EXPECT_TRUE(refused()) << entries;
  }
  for (uint32_t offset : {0u, 192u, 257u, 320u, 0xffffffc0u}) {
    header->ring_offset = offset;
    EXPECT_TRUE(refused()) << offset;
  }
  header->area_bytes += 1;
  EXPECT_TRUE(refused());
  header->entry_bytes = 32;
  EXPECT_TRUE(refused());
  memory_.app_area_bytes = 128;
  EXPECT_TRUE(refused());
  EXPECT_THAT(error_, HasSubstr("app area has 128 bytes"));
}

// A producer and a consumer that sleep whenever they can: a lost wake-up hangs here.
TEST_F(Rings, NoWakeUpIsLostBetweenThreads) {
  constexpr uint64_t kMessages = 50'000;
  Attach(UINT32_MAX - 1000);
  const auto sleep = [](int fd) {
    pollfd wait = {.fd = fd, .events = POLLIN};
    ASSERT_EQ(poll(&wait, 1, 30'000), 1) << "lost wake-up";
    Rung(fd);
  };
  std::thread engine([&] {
    std::optional<uint64_t> held;  // a completion the ring had no room for
    for (uint64_t next = 0; next < kMessages;) {
      if (!held) {
        if (auto command = engine_->Take()) held = command->tag;
      }
      if (held && engine_->Give(Sent(*held))) {
        ASSERT_EQ(*held, next);
        ++next;
        held.reset();
        continue;
      }
      engine_->WantDoorbell(true);
      if (!(held ? engine_->HasRoom() : engine_->HasCommand())) sleep(doorbell_);
      engine_->WantDoorbell(false);
    }
  });
  uint64_t given = 0, taken = 0;
  PonyEvent events[3];
  while (taken < kMessages) {
    int moved = 0;
    // Twice as much under way as a ring holds, so that each of them is full at times.
    while (given < kMessages && given - taken < 2 * kEntries &&
           pony_listen(session_, 1, given) == 0) {
      ++given;
      ++moved;
    }
    const int count = pony_poll(session_, events, 3);
    ASSERT_GE(count, 0);
    for (int i = 0; i < count; ++i) ASSERT_EQ(events[i].tag, taken++);
    if (moved + count == 0) {
      ASSERT_EQ(pony_wait(session_, 30'000), 1) << "lost wake-up";
    }
  }
  engine.join();
}

}  // namespace
}  // namespace farrier::pony
