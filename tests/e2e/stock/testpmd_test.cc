// dpdk-testpmd on a raw function: receives, sends, and gets its flows spread over four queues.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "hw/regs/registers.h"
#include "hw/sim/testing/capture_file.h"
#include "hw/sim/testing/card_process_fixture.h"

namespace farrier::e2e {
namespace {

using sim::testing::kPatience;
using ::testing::Each;
using ::testing::Gt;
using Frame = sim::testing::Frame;

constexpr int kFlows = 128;
constexpr int kPacketsPerFlow = 5;
constexpr int kQueues = 4;

// UDP from one of many ports; the source MAC, which testpmd prints, says which flow it is.
Frame FlowFrame(int flow) {
  Frame frame(60 + flow % 64);
  frame[0] = frame[6] = 2;
  frame[11] = static_cast<uint8_t>(flow);
  frame[12] = 0x08;
  frame[14] = 0x45;
  frame[17] = static_cast<uint8_t>(frame.size() - 14);
  frame[22] = 64;
  frame[23] = 17;
  frame[26] = frame[30] = 10;
  frame[29] = 1;
  frame[33] = 2;
  frame[34] = 0x80;
  frame[35] = static_cast<uint8_t>(flow);
  frame[36] = 0x1F;
  frame[37] = 0x90;
  frame[39] = static_cast<uint8_t>(frame.size() - 34);
  return frame;
}

// As testpmd's 5tswap sends it back.
Frame Swapped(Frame frame) {
  std::swap_ranges(&frame[0], &frame[6], &frame[6]);
  std::swap_ranges(&frame[26], &frame[30], &frame[30]);
  std::swap_ranges(&frame[34], &frame[36], &frame[36]);
  return frame;
}

class Testpmd : public sim::testing::EveryCard {
 protected:
  void SetUp() override {
    auto there = RunToEnd({.argv = {"sh", "-c", "command -v dpdk-testpmd"}}, kPatience);
    if (!there.ok() || there->exit_code != 0) {
      GTEST_SKIP() << "no dpdk-testpmd here: make setup";
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Cards, Testpmd, ::testing::Values("model", "rtl"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Testpmd, ReceivesSendsAndHasEachFlowOnOneOfFourQueues) {
  std::vector<Frame> frames;
  for (int i = 0; i < kFlows * kPacketsPerFlow; ++i) frames.push_back(FlowFrame(i % kFlows));
  const std::filesystem::path in = directory_ / "in.pcap", out = directory_ / "out.pcap";
  sim::testing::WriteCapture(in, frames);
  Process card =
      StartCard("card", absl::StrCat("net_pcap0,rx_pcap=", in.string(), ",tx_pcap=", out.string()),
                // testpmd prints each packet, and shares the processors with others.
                {"--raw", "0", "--wire-rate", "2000"});
  auto window = Window("card");
  std::ofstream(directory_ / "commands") << "set verbose 1\n";
  Process testpmd = StartTestpmd(
      "testpmd", "card", 0,
      {"--forward-mode=5tswap", "--cmdline-file=" + (directory_ / "commands").string()}, kQueues);
  // Now that all queues are there, the file may be played.
  const regs::SwitchWord attached{.state = static_cast<uint32_t>(regs::OwnerState::kAttached),
                                  .log2_queues = 2};
  ASSERT_TRUE(window->Write(regs::kRegOwnerSwitch(0), attached.Pack()).ok());
  const auto counter = [&](uint32_t offset) {
    EXPECT_TRUE(window->Write(regs::kRegCounterSnapshot, 0).ok());
    return *window->Read(offset);
  };
  const auto delivered = [&] {
    return counter(regs::kRegOwnerCounter(static_cast<uint32_t>(regs::OwnerCounter::kDelivered)));
  };
  ASSERT_TRUE(Eventually([&] { return delivered() == frames.size(); })) << delivered();
  const auto sent = [&] {
    return counter(regs::kRegGlobalCounter(static_cast<uint32_t>(regs::GlobalCounter::kTxPackets)));
  };
  EXPECT_TRUE(Eventually([&] { return sent() == frames.size(); })) << sent();
  testpmd.Stop();
  ASSERT_EQ(card.Stop(), 0) << card.Output();

  // What it sent.
  std::map<Frame, int> want, got;
  for (const Frame& frame : frames) ++want[Swapped(frame)];
  for (const Frame& frame : sim::testing::ReadCapture(out)) ++got[frame];
  EXPECT_EQ(got, want);

  // Where it got what.
  std::map<int, std::set<int>> queues_of_flow;
  std::array<int, kQueues> packets{};
  std::istringstream lines(testpmd.Output());
  const std::regex burst("port 0/queue (\\d+): received \\d+ packets");
  const std::regex packet("src=02:00:00:00:00:([0-9A-F]{2}) - dst=02:00:00:00:00:00 ");
  int queue = -1;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, burst)) {
      queue = std::stoi(match[1]);
    } else if (line.find(": sent ") != std::string::npos) {
      queue = -1;
    } else if (queue >= 0 && std::regex_search(line, match, packet)) {
      queues_of_flow[std::stoi(match[1], nullptr, 16)].insert(queue);
      ++packets.at(static_cast<size_t>(queue));
    }
  }
  EXPECT_EQ(queues_of_flow.size(), static_cast<size_t>(kFlows));
  for (const auto& [flow, queues] : queues_of_flow) {
    EXPECT_EQ(queues.size(), 1u) << "flow " << flow << " was on several queues";
  }
  EXPECT_EQ(absl::c_accumulate(packets, 0), std::ssize(frames));
  EXPECT_THAT(packets, Each(Gt(0)));
}

}  // namespace
}  // namespace farrier::e2e
