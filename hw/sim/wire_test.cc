// farrier-card's wires other than memif: network interfaces and capture files.

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/regs/registers.h"
#include "hw/sim/testing/capture_file.h"
#include "hw/sim/testing/card_process_fixture.h"

namespace farrier::sim {
namespace {

using testing::CardProcessTest;
using testing::EveryCard;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Process;

using testing::Frame;
using testing::ReadCapture;
using testing::WriteCapture;

// UDP from 10.0.0.1:7002 to 10.0.0.1:7001 with a number, as farrier-card-host has them.
Frame NumberedFrame(uint32_t number, size_t bytes = 60) {
  Frame frame(bytes);
  frame[0] = frame[6] = 2;
  frame[12] = 0x08;
  frame[14] = 0x45;
  frame[16] = static_cast<uint8_t>((bytes - 14) >> 8);
  frame[17] = static_cast<uint8_t>(bytes - 14);
  frame[22] = 64;
  frame[23] = 17;
  frame[26] = frame[30] = 10;
  frame[29] = frame[33] = 1;
  frame[34] = frame[36] = 7002 >> 8;
  frame[35] = 7002 & 0xFF;
  frame[37] = 7001 & 0xFF;
  frame[39] = static_cast<uint8_t>(bytes - 34);
  std::memcpy(&frame[42], &number, sizeof(number));
  return frame;
}

TEST_P(EveryCard, PlaysACaptureFileOnceToWhoeverListens) {
  std::vector<Frame> frames;
  for (uint32_t i = 0; i < 200; ++i) frames.push_back(NumberedFrame(i, 60 + i));
  WriteCapture(directory_ / "in.pcap", frames);
  Process card = StartCard("card", "net_pcap0,rx_pcap=" + (directory_ / "in.pcap").string());
  absl::SleepFor(absl::Milliseconds(200));  // nobody listens: nothing may be lost
  Process host = StartHost("host", "receive", "card", {"--port", "7001", "--count", "200"});
  EXPECT_EQ(*host.Wait(kPatience), 0) << host.Output();
  std::vector<std::string> want;
  for (int i = 0; i < 200; ++i) want.push_back(absl::StrFormat("packet %d held 0", i));
  EXPECT_EQ(Packets(host.Output()), want);
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(card.Stop(), 0) << card.Output();
  EXPECT_EQ(ReportedNumber("card", "rx_packets"), 200) << "once";
}

TEST_P(EveryCard, WritesWhatItSendsIntoACaptureFile) {
  WriteCapture(directory_ / "in.pcap", {});
  const std::string out = directory_ / "out.pcap";
  Process card = StartCard(
      "card",
      absl::StrCat("net_pcap0,rx_pcap=", (directory_ / "in.pcap").string(), ",tx_pcap=", out));
  Process host = StartHost("host", "send", "card",
                           {"--port", "7002", "--to", "7001", "--count", "100", "--bytes", "300"});
  EXPECT_EQ(*host.Wait(kPatience), 0) << host.Output();
  ASSERT_TRUE(Eventually([&] { return *Window("card")->Read(regs::kRegOwnerTxSeen(1)) == 100; }));
  EXPECT_EQ(card.Stop(), 0) << card.Output();
  std::vector<Frame> want;
  for (uint32_t i = 0; i < 100; ++i) want.push_back(NumberedFrame(i, 300));
  for (Frame& frame : want) frame[38] = (300 - 34) >> 8;
  EXPECT_EQ(ReadCapture(out), want);
}

TEST_F(CardProcessTest, PlaysForEverAtTheSetPace) {
  WriteCapture(directory_ / "in.pcap", {NumberedFrame(0), NumberedFrame(1)});
  Process card = StartCard(
      "card", absl::StrCat("net_pcap0,infinite_rx=1,rx_pcap=", (directory_ / "in.pcap").string()),
      {"--wire-rate", "500"});
  const absl::Time start = absl::Now();
  Process host = StartHost("host", "receive", "card", {"--port", "7001", "--count", "1000"});
  EXPECT_EQ(*host.Wait(kPatience), 0) << host.Output();
  // Late is the machine's fault; early would be ours.
  EXPECT_GT(absl::Now() - start, absl::Milliseconds(1700));
  EXPECT_EQ(card.Stop(), 0);
}

TEST_F(CardProcessTest, ACaptureFileThatIsNoneIsRefused) {
  std::ofstream(directory_ / "in.pcap") << "nonsense";
  Process card = Launch("card", {FARRIER_CARD, "--dir", directory_ / "card", "--wire",
                                 "net_pcap0,rx_pcap=" + (directory_ / "in.pcap").string()});
  EXPECT_EQ(*card.Wait(kPatience), 1);
  EXPECT_THAT(card.Output(), HasSubstr("in.pcap"));
}

// Two cards, each with its end of a veth pair in a network namespace of its own.
class OverVeth : public EveryCard {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
    if (Run({"ip", "netns", "add", Namespace(0)}) != 0 ||
        Run({"ip", "netns", "add", Namespace(1)}) != 0 ||
        Run({"ip", "link", "add", "wire", "mtu", "3000", "netns", Namespace(0), "type", "veth",
             "peer", "name", "wire", "mtu", "3000", "netns", Namespace(1)}) != 0) {
      GTEST_SKIP() << "no network namespaces or veth here: " << output_;
    }
    for (int end : {0, 1}) {
      const std::string quiet = "echo 1 > /proc/sys/net/ipv6/conf/wire/disable_ipv6";
      ASSERT_EQ(Run({"ip", "netns", "exec", Namespace(end), "sh", "-c", quiet}), 0) << output_;
      ASSERT_EQ(Run({"ip", "-n", Namespace(end), "link", "set", "wire", "up"}), 0) << output_;
    }
  }
  void TearDown() override {
    for (int end : {0, 1}) Run({"ip", "netns", "del", Namespace(end)});
  }

  static std::string Namespace(int end) {
    return absl::StrFormat("farrier-wire-%d-%d", getpid(), end);
  }

  int Run(std::vector<std::string> argv) {
    auto run = e2e::RunToEnd({.argv = std::move(argv)}, kPatience);
    output_ = run.ok() ? run->output : std::string(run.status().message());
    return run.ok() ? run->exit_code : -1;
  }

  Process StartCardAt(int end, const std::string& name, const std::string& driver) {
    network_namespace_ = Namespace(end);
    Process card = StartCard(name, driver + "0,iface=wire");
    network_namespace_.clear();
    return card;
  }

  void ExpectPingsBetween(Process& a, Process& b) {
    Process echo = StartHost("echo", "echo", "a", {"--port", "7001"});
    Process ping =
        StartHost("ping", "ping", "b",
                  {"--port", "7002", "--to", "7001", "--count", "50", "--bytes", "1500"});
    EXPECT_EQ(*ping.Wait(kPatience), 0) << ping.Output();
    echo.Signal(SIGTERM);
    EXPECT_EQ(a.Stop(), 0) << a.Output();
    EXPECT_EQ(b.Stop(), 0) << b.Output();
  }

  std::string output_;
};

INSTANTIATE_TEST_SUITE_P(Backend, OverVeth, ::testing::Values("model", "rtl"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(OverVeth, XdpSocketsCarryPackets) {
  const int probe = socket(AF_XDP, SOCK_RAW, 0);
  if (probe < 0) GTEST_SKIP() << "this kernel has no AF_XDP: " << strerror(errno);
  close(probe);
  // Twice: nothing of the first may be in the second's way, not even of one that was killed.
  {
    Process a = StartCardAt(0, "a", "net_af_xdp");
    a.Signal(SIGKILL);
    ASSERT_TRUE(a.Wait(kPatience).ok());
  }
  for (int round = 0; round < 2; ++round) {
    Process a = StartCardAt(0, "a", "net_af_xdp");
    Process b = StartCardAt(1, "b", "net_af_xdp");
    ExpectPingsBetween(a, b);
    EXPECT_EQ(Run({"ip", "-n", Namespace(0), "link", "show", "wire"}), 0);
    EXPECT_THAT(output_, ::testing::Not(HasSubstr("xdp"))) << "its program is still there";
  }
}

TEST_P(OverVeth, PacketSocketsCarryPackets) {
  Process a = StartCardAt(0, "a", "net_af_packet");
  Process b = StartCardAt(1, "b", "net_af_packet");
  ExpectPingsBetween(a, b);
}

}  // namespace
}  // namespace farrier::sim
