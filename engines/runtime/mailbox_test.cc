#include "engines/runtime/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

namespace farrier::runtime {
namespace {

class MailboxTest : public testing::Test {
 protected:
  // Looks into the mailbox until `end`, as an engine's thread does.
  void RunUntil(const std::atomic<bool>& end) {
    while (!end) {
      mailbox_->RunPending();
      std::this_thread::yield();
    }
  }

  MonotonicClock clock_;
  std::unique_ptr<Mailbox> mailbox_ = *Mailbox::Create(clock_);
};

TEST_F(MailboxTest, RunsTheClosureOnTheEnginesThreadBeforeThePosterGoesOn) {
  mailbox_->Open();
  std::atomic<bool> end = false;
  std::thread engine([&] { RunUntil(end); });
  std::thread::id ran_on;
  EXPECT_TRUE(mailbox_->Run([&] { ran_on = std::this_thread::get_id(); }, kSecond).ok());
  EXPECT_EQ(ran_on, engine.get_id());
  end = true;
  engine.join();
}

TEST_F(MailboxTest, ClosedFromTheStart) {
  bool ran = false;
  EXPECT_TRUE(absl::IsUnavailable(mailbox_->Run([&] { ran = true; }, kSecond)));
  EXPECT_FALSE(mailbox_->RunPending());
  EXPECT_FALSE(ran);
}

TEST_F(MailboxTest, GivesUpAtTheDeadlineAndNeverRunsTheClosureAfterwards) {
  mailbox_->Open();
  bool ran = false;
  EXPECT_TRUE(absl::IsDeadlineExceeded(mailbox_->Run([&] { ran = true; }, kMillisecond)));
  EXPECT_FALSE(mailbox_->RunPending());
  EXPECT_FALSE(ran);
}

// Time that passes when the test says so, on any thread.
class AtomicClock final : public Clock {
 public:
  Nanoseconds Now() const override { return now; }
  std::atomic<Nanoseconds> now = 1;
};

TEST_F(MailboxTest, AwaitsAClosureThatHasBegunBeyondTheDeadline) {
  AtomicClock clock;
  mailbox_ = *Mailbox::Create(clock);
  mailbox_->Open();
  std::atomic<bool> end = false;
  std::thread engine([&] { RunUntil(end); });
  bool finished = false;
  const auto slow = [&] {
    clock.now += kSecond;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    finished = true;
  };
  EXPECT_TRUE(mailbox_->Run(slow, 10 * kMillisecond).ok());
  EXPECT_TRUE(finished);
  end = true;
  engine.join();
}

TEST_F(MailboxTest, ClosingSendsAWaitingPosterAway) {
  mailbox_->Open();
  ASSERT_TRUE(mailbox_->PrepareSleep());
  bool ran = false;
  absl::Status status;
  std::thread poster([&] { status = mailbox_->Run([&] { ran = true; }, kNever); });
  pollfd posted{.fd = mailbox_->wake_fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&posted, 1, 10'000), 1);
  mailbox_->Close();
  poster.join();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_FALSE(ran);
}

TEST_F(MailboxTest, OnlyASleeperIsWoken) {
  mailbox_->Open();
  EXPECT_TRUE(absl::IsDeadlineExceeded(mailbox_->Run([] {}, kMicrosecond)));
  pollfd wake{.fd = mailbox_->wake_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&wake, 1, 0), 0);
  ASSERT_TRUE(mailbox_->PrepareSleep());
  EXPECT_TRUE(absl::IsDeadlineExceeded(mailbox_->Run([] {}, kMicrosecond)));
  EXPECT_EQ(poll(&wake, 1, 0), 1);
}

TEST_F(MailboxTest, APosterNeedNotWaitOnItsThread) {
  int ran = 0;
  const auto count = [&] { ++ran; };
  const absl::FunctionRef<void()> closure = count;
  EXPECT_TRUE(absl::IsUnavailable(mailbox_->Post(closure))) << "closed";
  mailbox_->Open();
  EXPECT_EQ(mailbox_->Collect(), std::nullopt);
  ASSERT_TRUE(mailbox_->Post(closure).ok());
  EXPECT_TRUE(absl::IsUnavailable(mailbox_->Post(closure))) << "full";
  EXPECT_EQ(mailbox_->Collect(), std::nullopt);
  EXPECT_TRUE(mailbox_->RunPending());
  EXPECT_EQ(mailbox_->Collect(), absl::OkStatus());
  EXPECT_EQ(mailbox_->Collect(), std::nullopt);
  ASSERT_TRUE(mailbox_->Post(closure).ok());
  mailbox_->Close();
  EXPECT_TRUE(absl::IsUnavailable(*mailbox_->Collect()));
  EXPECT_EQ(ran, 1);
}

TEST_F(MailboxTest, NobodySleepsOnWhatIsPostedAlready) {
  mailbox_->Open();
  absl::Status status;
  std::thread poster([&] { status = mailbox_->Run([] {}, kNever); });
  while (mailbox_->PrepareSleep()) std::this_thread::yield();
  mailbox_->EndSleep();
  EXPECT_TRUE(mailbox_->RunPending());
  poster.join();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(MailboxTest, TellsThePosterWhatThrew) {
  mailbox_->Open();
  absl::Status status;
  std::thread poster([&] { status = mailbox_->Run([] { throw 1; }, kNever); });
  while (!mailbox_->RunPending()) std::this_thread::yield();
  poster.join();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
}

TEST_F(MailboxTest, PostersBehindAFullMailboxHaveADeadlineToo) {
  mailbox_->Open();
  std::atomic<bool> running = false, end = false;
  std::thread first([&] {
    const auto slow = [&] {
      running = true;
      while (!end) std::this_thread::yield();
    };
    EXPECT_TRUE(mailbox_->Run(slow, kNever).ok());
  });
  std::thread engine([&] {
    while (!mailbox_->RunPending()) std::this_thread::yield();
  });
  while (!running) std::this_thread::yield();
  EXPECT_TRUE(absl::IsDeadlineExceeded(mailbox_->Run([] {}, kMillisecond)));
  end = true;
  first.join();
  engine.join();
}

TEST_F(MailboxTest, WhoPostsAgainAndAgainKeepsNobodyOut) {
  mailbox_->Open();
  std::atomic<bool> end = false, tired = false;
  std::thread engine([&] { RunUntil(end); });
  std::vector<std::thread> greedy;
  for (int i = 0; i < 2; ++i) {
    greedy.emplace_back([&] {
      while (!tired) EXPECT_TRUE(mailbox_->Run([] {}, kNever).ok());
    });
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(mailbox_->Run([] {}, 5 * kSecond).ok());
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  tired = true;
  for (std::thread& poster : greedy) poster.join();
  end = true;
  engine.join();
}

TEST_F(MailboxTest, ReopensAfterARefusal) {
  mailbox_->Open();
  mailbox_->Close();
  EXPECT_TRUE(absl::IsUnavailable(mailbox_->Run([] {}, kSecond)));
  mailbox_->Open();
  std::atomic<bool> end = false;
  std::thread engine([&] { RunUntil(end); });
  EXPECT_TRUE(mailbox_->Run([] {}, 10 * kSecond).ok());
  end = true;
  engine.join();
}

// A closure has run exactly if its poster was told so, whoever won the race of posters, impatient
// posters and closing.
TEST_F(MailboxTest, EveryRaceEndsWithTheTruth) {
  std::atomic<bool> end = false;
  std::atomic<int> ran = 0, told = 0, refused = 0;
  std::thread engine([&] {
    for (int round = 0; !end; ++round) {
      mailbox_->Open();
      for (int i = 0; i < 50; ++i) mailbox_->RunPending();
      if (round % 3 == 0) std::this_thread::yield();
      mailbox_->Close();
    }
  });
  std::vector<std::thread> posters;
  for (int p = 0; p < 3; ++p) {
    posters.emplace_back([&, p] {
      for (int i = 0; i < 500; ++i) {
        const absl::Status status =
            mailbox_->Run([&] { ++ran; }, p == 0 ? 20 * kMicrosecond : kSecond);
        ++(status.ok() ? told : refused);
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  end = true;
  engine.join();
  EXPECT_EQ(ran, told);
  EXPECT_EQ(told + refused, 1500);
}

}  // namespace
}  // namespace farrier::runtime
