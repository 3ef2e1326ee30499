#include "host/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <string>
#include <thread>

namespace farrier::host {
namespace {

using runtime::kMillisecond;

class EventLoopTest : public testing::Test {
 protected:
  runtime::MonotonicClock clock_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create(clock_).value();
};

TEST_F(EventLoopTest, TasksRunInTheOrderPosted) {
  std::string order;
  loop_->Post([&] { order += 'a'; });
  std::thread([&] { loop_->Post([&] { order += 'b'; }); }).join();
  loop_->Post([&] { loop_->Stop(); });
  loop_->Run();
  EXPECT_EQ(order, "ab");
}

TEST_F(EventLoopTest, APostWakesASleepingLoop) {
  std::thread poster([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    loop_->Post([&] { loop_->Stop(); });
  });
  loop_->Run();
  poster.join();
}

TEST_F(EventLoopTest, TimersRunInOrderAndNotTooEarly) {
  std::string order;
  const runtime::Nanoseconds start = clock_.Now();
  loop_->After(3 * kMillisecond, [&] { loop_->Stop(); });
  loop_->After(2 * kMillisecond, [&] { order += 'b'; });
  loop_->After(1 * kMillisecond, [&] { order += 'a'; });
  const EventLoop::TimerId cancelled = loop_->After(kMillisecond, [&] { order += 'x'; });
  loop_->Cancel(cancelled);
  loop_->Run();
  EXPECT_EQ(order, "ab");
  EXPECT_GE(clock_.Now() - start, 3 * kMillisecond);
}

TEST_F(EventLoopTest, ADescriptorIsWatchedUntilForgotten) {
  UniqueFd event(eventfd(1, 0));
  int calls = 0;
  loop_->Watch(event.get(), EPOLLIN, [&](uint32_t events) {
    EXPECT_EQ(events, static_cast<uint32_t>(EPOLLIN));
    if (++calls == 3) loop_->Forget(event.get());
  });
  loop_->After(20 * kMillisecond, [&] { loop_->Stop(); });
  loop_->Run();
  EXPECT_EQ(calls, 3);
}

TEST_F(EventLoopTest, AnEventForAForgottenWatchIsNotGivenToTheNextOnTheSameDescriptor) {
  UniqueFd first(eventfd(1, 0));
  UniqueFd second(eventfd(1, 0));
  bool wrong = false;
  // Both are ready at once; whichever runs first replaces the other by an idle descriptor of the
  // same number.
  auto replace = [&](UniqueFd& other) {
    loop_->Forget(first.get());
    loop_->Forget(second.get());
    const int number = other.get();
    UniqueFd idle(eventfd(0, 0));
    ASSERT_EQ(dup2(idle.get(), number), number);
    loop_->Watch(number, EPOLLIN, [&](uint32_t) { wrong = true; });
  };
  loop_->Watch(first.get(), EPOLLIN, [&](uint32_t) { replace(second); });
  loop_->Watch(second.get(), EPOLLIN, [&](uint32_t) { replace(first); });
  loop_->After(10 * kMillisecond, [&] { loop_->Stop(); });
  loop_->Run();
  EXPECT_FALSE(wrong);
}

}  // namespace
}  // namespace farrier::host
