#include "engines/runtime/thread_class.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace farrier::runtime {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kResetOnFork = 1;

struct Observed {
  ThreadClass thread_class = ThreadClass::kNice;
  bool resets_on_fork = false;
  int nice = 0;
  int priority = 0;
  uint64_t runtime = 0, period = 0;
};

// What the kernel says, by its own numbers.
Observed Observe(pid_t tid) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attr{};
  EXPECT_EQ(syscall(SYS_sched_getattr, tid, &attr, sizeof(attr), 0), 0);
  EXPECT_THAT(attr.policy, AnyOf(0u, 1u, 6u));
  return {.thread_class = attr.policy == 6   ? ThreadClass::kDeadline
                          : attr.policy == 1 ? ThreadClass::kFifo
                                             : ThreadClass::kNice,
          .resets_on_fork = (attr.flags & kResetOnFork) != 0,
          .nice = attr.nice,
          .priority = static_cast<int>(attr.priority),
          .runtime = attr.runtime,
          .period = attr.period};
}

// A thread that sleeps, but for what it is given to run.
class SleepingThread {
 public:
  SleepingThread() : thread_([this] { Main(); }) { started_.acquire(); }
  ~SleepingThread() {
    Run(nullptr);
    thread_.join();
  }

  pid_t tid() const { return tid_; }
  // Returns when it has run there; nullptr ends the thread.
  void Run(absl::AnyInvocable<void()> what) {
    what_ = std::move(what);
    posted_.release();
    done_.acquire();
  }

 private:
  void Main() {
    tid_ = gettid();
    started_.release();
    while (true) {
      posted_.acquire();
      const bool last = what_ == nullptr;
      if (!last) what_();
      done_.release();
      if (last) return;
    }
  }

  pid_t tid_ = 0;
  absl::AnyInvocable<void()> what_;
  std::binary_semaphore started_{0}, posted_{0}, done_{0};
  std::thread thread_;
};

void BindToOneCpu(pid_t tid) {
  cpu_set_t cpus;
  ASSERT_EQ(sched_getaffinity(tid, sizeof(cpus), &cpus), 0);
  int first = 0;
  while (!CPU_ISSET(first, &cpus)) ++first;
  CPU_ZERO(&cpus);
  CPU_SET(first, &cpus);
  ASSERT_EQ(sched_setaffinity(tid, sizeof(cpus), &cpus), 0);
}

// A grant is true, and says why whenever it is less than was asked. Machines differ in what they
// allow; as root on a stock kernel it is `wanted`.
void ExpectGrant(const ThreadClassGrant& grant, pid_t tid, ThreadClass wanted) {
  EXPECT_EQ(grant.obtained, Observe(tid).thread_class);
  EXPECT_LE(grant.obtained, wanted);
  if (grant.obtained == wanted) {
    EXPECT_THAT(grant.why, IsEmpty());
    EXPECT_TRUE(Observe(tid).resets_on_fork);
  } else {
    EXPECT_THAT(grant.why, HasSubstr(wanted == ThreadClass::kDeadline ? "SCHED_DEADLINE: E"
                                                                      : "SCHED_FIFO: E"));
    std::cout << grant.why << "\n";
  }
}

TEST(ThreadClassTest, NamesAreReadAsTheyAreWritten) {
  for (const ThreadClass each : {ThreadClass::kNice, ThreadClass::kFifo, ThreadClass::kDeadline}) {
    EXPECT_EQ(ThreadClassFromString(ToString(each)), each);
  }
  EXPECT_EQ(ToString(ThreadClass::kDeadline), "deadline");
  EXPECT_EQ(ThreadClassFromString("Fifo"), std::nullopt);
  EXPECT_EQ(ThreadClassFromString(""), std::nullopt);
}

TEST(ThreadClassTest, AnUnboundThreadGetsItsShareOfEachPeriod) {
  SleepingThread thread;
  const ThreadClassGrant grant =
      SetThreadClass(thread.tid(), {.period = 2 * kMillisecond, .percent = 30});
  ExpectGrant(grant, thread.tid(), ThreadClass::kDeadline);
  if (grant.obtained == ThreadClass::kDeadline) {
    EXPECT_EQ(Observe(thread.tid()).runtime, 600'000u);
    EXPECT_EQ(Observe(thread.tid()).period, 2'000'000u);
  }
}

TEST(ThreadClassTest, ABoundThreadGetsFifoAndIsToldWhy) {
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "a thread of one CPU is not bound";
  SleepingThread thread;
  BindToOneCpu(thread.tid());
  const ThreadClassGrant grant = SetThreadClass(thread.tid(), {.fifo_priority = 7});
  EXPECT_EQ(grant.obtained, Observe(thread.tid()).thread_class);
  EXPECT_THAT(grant.why, HasSubstr("SCHED_DEADLINE: EPERM"));
  if (grant.obtained == ThreadClass::kFifo) {
    EXPECT_THAT(grant.why, HasSubstr("`cores`"));
    EXPECT_EQ(Observe(thread.tid()).priority, 7);
  } else {
    EXPECT_EQ(grant.obtained, ThreadClass::kNice);
    EXPECT_THAT(grant.why, HasSubstr("SCHED_FIFO: EPERM"));
  }
}

TEST(ThreadClassTest, NothingBetterThanAskedForIsGiven) {
  SleepingThread thread;
  ExpectGrant(SetThreadClass(thread.tid(), {.best = ThreadClass::kFifo}), thread.tid(),
              ThreadClass::kFifo);
  ExpectGrant(SetThreadClass(thread.tid(), {.best = ThreadClass::kNice, .nice = 3}), thread.tid(),
              ThreadClass::kNice);
  EXPECT_EQ(Observe(thread.tid()).nice, 3);
}

TEST(ThreadClassTest, ZeroIsTheCallingThread) {
  SleepingThread thread;
  thread.Run([] { SetThreadClass(0, {.best = ThreadClass::kNice, .nice = 5}); });
  EXPECT_EQ(Observe(thread.tid()).nice, 5);
  EXPECT_EQ(Observe(0).nice, 0);
}

TEST(ThreadClassTest, AThreadIsDemotedAndPromotedAgainByAnother) {
  SleepingThread thread;
  for (const ThreadClass best : {ThreadClass::kDeadline, ThreadClass::kFifo}) {
    for (int round = 0; round < 2; ++round) {
      ExpectGrant(SetThreadClass(thread.tid(), {.best = best}), thread.tid(), best);
      ExpectGrant(SetThreadClass(thread.tid(), {.best = ThreadClass::kNice}), thread.tid(),
                  ThreadClass::kNice);
    }
  }
}

TEST(ThreadClassTest, WhatAThreadCreatesIsOrdinary) {
  for (const ThreadClass best : {ThreadClass::kDeadline, ThreadClass::kFifo}) {
    SleepingThread thread;
    ExpectGrant(SetThreadClass(thread.tid(), {.best = best}), thread.tid(), best);
    thread.Run([] {
      const SleepingThread child;
      EXPECT_EQ(Observe(child.tid()).thread_class, ThreadClass::kNice);
    });
  }
}

TEST(ThreadClassTest, WhenTheBandwidthIsTakenTheNextThreadFallsToFifo) {
  std::vector<std::unique_ptr<SleepingThread>> threads;
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  ThreadClassGrant grant;
  for (long i = 0; i <= cpus; ++i) {
    threads.push_back(std::make_unique<SleepingThread>());
    grant = SetThreadClass(threads.back()->tid(), {});
    ExpectGrant(grant, threads.back()->tid(), ThreadClass::kDeadline);
  }
  EXPECT_LT(grant.obtained, ThreadClass::kDeadline) << "more than all the CPUs were granted";
  if (Observe(threads.front()->tid()).thread_class == ThreadClass::kDeadline) {
    EXPECT_EQ(grant.obtained, ThreadClass::kFifo);
    EXPECT_THAT(grant.why, HasSubstr("EBUSY, the CPUs' real-time bandwidth is taken"));
    // A thread that gives its share back makes room for the next.
    SetThreadClass(threads.front()->tid(), {.best = ThreadClass::kNice});
    ExpectGrant(SetThreadClass(threads.back()->tid(), {}), threads.back()->tid(),
                ThreadClass::kDeadline);
  }
}

// The hazard: Linux does not by itself give back what a thread had that sleeps while it is demoted,
// and there is no deadline class on the machine any more until it is restarted.
TEST(ThreadClassTest, DemotingASleepingThreadGivesItsBandwidthBack) {
  SleepingThread thread;
  const ThreadClass first = SetThreadClass(thread.tid(), {}).obtained;
  for (const ThreadClass lower : {ThreadClass::kNice, ThreadClass::kFifo}) {
    for (long i = 0; i <= sysconf(_SC_NPROCESSORS_ONLN); ++i) {
      SetThreadClass(thread.tid(), {.best = lower});
      EXPECT_EQ(SetThreadClass(thread.tid(), {}).obtained, first) << i;
    }
  }
}

TEST(ThreadClassTest, SenselessRequestsAreNamed) {
  SleepingThread thread;
  const auto why = [&thread](const ThreadClassRequest& request) {
    const ThreadClassGrant grant = SetThreadClass(thread.tid(), request);
    EXPECT_EQ(grant.obtained, Observe(thread.tid()).thread_class);
    EXPECT_LT(grant.obtained, ThreadClass::kDeadline);
    return grant.why;
  };
  EXPECT_THAT(why({.percent = 0}), HasSubstr("asked for 0% of each 1000000 ns: percent must be 1"));
  EXPECT_THAT(why({.percent = 101}), HasSubstr("asked for 101%"));
  EXPECT_THAT(why({.percent = -1}), HasSubstr("asked for -1%"));
  EXPECT_THAT(why({.period = kNever}), HasSubstr("the period 100 us to 4 s"));
  EXPECT_THAT(why({.period = -1}), HasSubstr("of each -1 ns"));
  EXPECT_THAT(why({.period = 1000}), HasSubstr("SCHED_DEADLINE: E"));
  for (const int priority : {0, 100, -1}) {
    EXPECT_THAT(why({.best = ThreadClass::kFifo, .fifo_priority = priority}),
                HasSubstr("is not in 1 to 99"));
  }
}

TEST(ThreadClassTest, AThreadThatIsGoneIsSaidToBe) {
  pid_t gone;
  {
    const SleepingThread thread;
    gone = thread.tid();
  }
  EXPECT_THAT(SetThreadClass(gone, {}).why, HasSubstr("ESRCH"));
}

// What SetThreadClass says in a process without rights; fails unless it is what the kernel says
// too.
std::string WithoutRights(const ThreadClassRequest& request) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{0, 0};
    bool dropped = setrlimit(RLIMIT_RTPRIO, &none) == 0 && setrlimit(RLIMIT_NICE, &none) == 0;
    dropped &= geteuid() != 0 || setuid(65534) == 0;
    const ThreadClassGrant grant = SetThreadClass(0, request);
    const bool is_true = Observe(0).thread_class == grant.obtained;
    const std::string text = std::string(ToString(grant.obtained)) + " " + grant.why;
    const bool told = write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(dropped && is_true && told ? 0 : 1);
  }
  close(ends[1]);
  char text[1024];
  const ssize_t length = read(ends[0], text, sizeof(text));
  close(ends[0]);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return std::string(text, length < 0 ? 0 : static_cast<size_t>(length));
}

TEST(ThreadClassTest, WithoutAnyRightItIsNiceAndSaysWhatToGive) {
  EXPECT_EQ(WithoutRights({}),
            "nice SCHED_DEADLINE: EPERM, the right to it is missing: give CAP_SYS_NICE; "
            "SCHED_FIFO: EPERM, the right to it is missing: give CAP_SYS_NICE, or LimitRTPRIO=10 "
            "or more");
}

TEST(ThreadClassTest, ANiceValueThatIsRefusedLeavesTheOldOne) {
  EXPECT_THAT(WithoutRights({.best = ThreadClass::kNice, .nice = -10}),
              AnyOf(testing::StartsWith("nice nice -10: EPERM, it stays "),
                    testing::StartsWith("nice nice -10: EACCES, it stays ")));
  EXPECT_EQ(WithoutRights({.best = ThreadClass::kNice, .nice = 19}), "nice ");
}

}  // namespace
}  // namespace farrier::runtime
