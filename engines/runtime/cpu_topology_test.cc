#include "engines/runtime/cpu_topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "engines/runtime/thread_class.h"

namespace farrier::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(CpuListTest, ReadsWhatTheKernelWrites) {
  EXPECT_THAT(*ParseCpuList("0-3,8,10-11\n"), ElementsAre(0, 1, 2, 3, 8, 10, 11));
  EXPECT_THAT(*ParseCpuList("\t7 "), ElementsAre(7));
  EXPECT_THAT(*ParseCpuList("3-3"), ElementsAre(3));
  EXPECT_THAT(*ParseCpuList("9,1-2,2"), ElementsAre(1, 2, 9));
  EXPECT_THAT(*ParseCpuList("8191"), ElementsAre(8191));
  EXPECT_THAT(*ParseCpuList("\n"), IsEmpty());
  EXPECT_THAT(*ParseCpuList(""), IsEmpty());
}

TEST(CpuListTest, SaysWhatIsMalformed) {
  for (const char* list :
       {"a", "1-", "-1", "-", "1--2", "1-2-3", "3-1", "1,", ",1", "1,,2", "1;2", "1 -2", "1, 2",
        "+1", "0x1", "1-2:1/2", "8192", "0-4294967295", "99999999999999999999"}) {
    const absl::StatusOr<std::vector<int>> cpus = ParseCpuList(list);
    EXPECT_TRUE(absl::IsInvalidArgument(cpus.status())) << list;
    EXPECT_THAT(std::string(cpus.status().message()), HasSubstr(list));
  }
}

TEST(CpuListTest, WritesRangesWhereItCan) {
  EXPECT_EQ(FormatCpuList({0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
  EXPECT_EQ(FormatCpuList({5, 4, 5, 1}), "1,4-5");
  EXPECT_EQ(FormatCpuList({}), "");
}

// A machine made of files.
class FakeMachineTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "/cpu_topology_" + std::to_string(getpid());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void Allow(const std::string& cpus) {
    Write("/proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t" + cpus +
                                   "\nMems_allowed:\t3\nMems_allowed_list:\t0-1\n");
  }
  // CPUs 0-3 and 4-7 on a node each; 3 and 7 isolated; 9 not plugged in.
  void WriteTwoNodes() {
    Write("/sys/devices/system/cpu/online", "0-7\n");
    Write("/sys/devices/system/cpu/isolated", "3,7\n");
    Write("/sys/devices/system/node/online", "0-1\n");
    Write("/sys/devices/system/node/node0/cpulist", "0-3\n");
    Write("/sys/devices/system/node/node1/cpulist", "4-7,9\n");
    Allow("0-127");
  }
  CpuTopology Topology() {
    absl::StatusOr<CpuTopology> topology = ReadCpuTopology(root_);
    EXPECT_TRUE(topology.ok()) << topology.status();
    return topology.ok() ? *topology : CpuTopology();
  }

  std::string root_;
};

TEST_F(FakeMachineTest, HasNodesAndIsolatedCpus) {
  WriteTwoNodes();
  const CpuTopology topology = Topology();
  EXPECT_THAT(topology.allowed, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(topology.isolated, ElementsAre(3, 7));
  EXPECT_THAT(topology.node_of, ElementsAre(Pair(0, 0), Pair(1, 0), Pair(2, 0), Pair(3, 0),
                                            Pair(4, 1), Pair(5, 1), Pair(6, 1), Pair(7, 1)));
}

TEST_F(FakeMachineTest, CpusetPartitionsAreIsolatedToo) {
  WriteTwoNodes();
  Write("/sys/fs/cgroup/cpuset.cpus.isolated", "5-6\n");
  EXPECT_THAT(Topology().isolated, ElementsAre(3, 5, 6, 7));
}

TEST_F(FakeMachineTest, WithoutNumaEverythingIsNodeZero) {
  Write("/sys/devices/system/cpu/online", "0-1\n");
  Allow("1");
  const CpuTopology topology = Topology();
  EXPECT_THAT(topology.allowed, ElementsAre(1));
  EXPECT_THAT(topology.isolated, IsEmpty());
  EXPECT_THAT(topology.node_of, ElementsAre(Pair(0, 0), Pair(1, 0)));
}

TEST_F(FakeMachineTest, WhatCannotBeReadIsNamed) {
  const auto error = [this] { return ReadCpuTopology(root_).status().ToString(); };
  EXPECT_THAT(error(), HasSubstr("/sys/devices/system/cpu/online cannot be read"));
  Write("/sys/devices/system/cpu/online", "0-x\n");
  EXPECT_THAT(error(), HasSubstr("cpu/online: \"0-x\""));
  Write("/sys/devices/system/cpu/online", "0-1\n");
  EXPECT_THAT(error(), HasSubstr("/proc/self/status cannot be read"));
  Write("/proc/self/status", "Name:\tx\n");
  EXPECT_THAT(error(), HasSubstr("has no Cpus_allowed_list"));
  Allow("6-7");
  EXPECT_THAT(error(), HasSubstr("allows CPUs 6-7, of which none is online"));
  Allow("0");
  Write("/sys/devices/system/cpu/isolated", "?\n");
  EXPECT_THAT(error(), HasSubstr("cpu/isolated: \"?\""));
}

TEST_F(FakeMachineTest, AGroupGetsWhatIsNotIsolatedOfItsNode) {
  WriteTwoNodes();
  const CpuTopology topology = Topology();
  EXPECT_THAT(*ChooseCpus(topology, {}, -1), ElementsAre(0, 1, 2, 4, 5, 6));
  EXPECT_THAT(*ChooseCpus(topology, {}, 1), ElementsAre(4, 5, 6));
  EXPECT_THAT(*ChooseCpus(topology, {}, 2), ElementsAre(0, 1, 2, 4, 5, 6));  // has no CPUs
}

TEST_F(FakeMachineTest, AProcessOfIsolatedCpusUsesThem) {
  WriteTwoNodes();
  Allow("3,7");
  EXPECT_THAT(*ChooseCpus(Topology(), {}, -1), ElementsAre(3, 7));
  EXPECT_THAT(*ChooseCpus(Topology(), {}, 1), ElementsAre(7));
}

TEST_F(FakeMachineTest, AGroupGetsExactlyTheCpusItNames) {
  WriteTwoNodes();
  EXPECT_THAT(*ChooseCpus(Topology(), {7, 0}, 0), ElementsAre(7, 0));
}

TEST_F(FakeMachineTest, ACpuThatIsNotToBeHadIsNamed) {
  WriteTwoNodes();
  Allow("0-2,4");
  const auto error = [topology = Topology()](const std::vector<int>& wanted) {
    const absl::StatusOr<std::vector<int>> cpus = ChooseCpus(topology, wanted, -1);
    EXPECT_TRUE(absl::IsInvalidArgument(cpus.status()));
    return std::string(cpus.status().message());
  };
  EXPECT_EQ(error({0, 9}), "CPU 9 is not there: online are 0-7");
  EXPECT_EQ(error({-1}), "CPU -1 is not there: online are 0-7");
  EXPECT_EQ(error({0, 5}), "CPU 5 is not for this process: its affinity and cpuset allow 0-2,4");
  EXPECT_EQ(error({1, 0, 1}), "CPU 1 is named twice");
}

// From here on it is the machine of the test.

std::vector<int> AffinityOf(pid_t tid) {
  cpu_set_t set;
  EXPECT_EQ(sched_getaffinity(tid, sizeof(set), &set), 0);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

TEST(CpuTopologyTest, ThisMachineIsAsItsKernelSays) {
  const absl::StatusOr<CpuTopology> topology = ReadCpuTopology("");
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->allowed, AffinityOf(0));
  EXPECT_EQ(topology->node_of.size(), static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN)));
}

TEST(CpuTopologyTest, AThreadIsBoundAndSetFreeAgain) {
  const std::vector<int> all = AffinityOf(0);
  std::thread([&all] {
    EXPECT_TRUE(SetAffinity(0, {all.back()}).ok());
    EXPECT_THAT(AffinityOf(0), ElementsAre(all.back()));
    EXPECT_TRUE(SetAffinity(gettid(), all).ok());
    EXPECT_EQ(AffinityOf(0), all);
  }).join();
  EXPECT_EQ(AffinityOf(0), all);
}

TEST(CpuTopologyTest, CpusThatAreNotThereAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(SetAffinity(0, {})));
  EXPECT_TRUE(absl::IsInvalidArgument(SetAffinity(0, {8191})));
  EXPECT_TRUE(absl::IsInvalidArgument(SetAffinity(0, {8192})));
  EXPECT_TRUE(absl::IsInvalidArgument(SetAffinity(0, {0, -1})));
}

TEST(CpuTopologyTest, AThreadOfDeadlineIsNotBound) {
  const std::vector<int> all = AffinityOf(0);
  if (all.size() < 2) GTEST_SKIP() << "a thread of one CPU is not bound";
  std::thread([&all] {
    const ThreadClass obtained = SetThreadClass(0, {.percent = 10}).obtained;
    const absl::Status bound = SetAffinity(0, {all.front()});
    if (obtained == ThreadClass::kDeadline) {
      EXPECT_TRUE(absl::IsFailedPrecondition(bound)) << bound;
      EXPECT_TRUE(SetAffinity(0, all).ok());
    } else {
      EXPECT_TRUE(bound.ok()) << bound;
    }
  }).join();
}

TEST(CpuTopologyTest, MemoryIsPreferredFromANode) {
  std::thread([] {
    const int node = ReadCpuTopology("")->node_of.begin()->second;
    const absl::Status status = PreferMemoryOfNode(node);
    int policy = -1;
    unsigned long nodes[1024 / (8 * sizeof(unsigned long))] = {};
    if (syscall(SYS_get_mempolicy, &policy, nodes, 1024, nullptr, 0) != 0) {
      // Without NUMA there is nothing to do; a sandbox that forbids asking forbids telling too.
      EXPECT_TRUE(status.ok() || absl::IsPermissionDenied(status)) << status;
      return;
    }
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(policy, MPOL_PREFERRED);
    EXPECT_EQ(nodes[0], 1UL << node);
    EXPECT_TRUE(absl::IsInvalidArgument(PreferMemoryOfNode(1000)));
  }).join();
  EXPECT_TRUE(absl::IsInvalidArgument(PreferMemoryOfNode(-1)));
  EXPECT_TRUE(absl::IsInvalidArgument(PreferMemoryOfNode(1024)));
}

}  // namespace
}  // namespace farrier::runtime
