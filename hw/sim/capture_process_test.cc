// farrier-card --pcap, read back by tcpdump and libpcap.

#include <pcap/pcap.h>
#include <time.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/regs/registers.h"
#include "hw/sim/testing/card_process_fixture.h"

namespace farrier::sim {
namespace {

using testing::CardProcessTest;
using testing::EveryCard;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Process;

int64_t MonotonicNs() {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * int64_t{1'000'000'000} + ts.tv_nsec;
}

size_t Occurrences(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST_P(EveryCard, CapturesTheWireAndTheFunctions) {
  const std::string path = directory_ / "capture.pcapng";
  const int64_t start = MonotonicNs();
  Process card = StartCard("card", "net_ring0", {"--pcap", path});
  Process host = StartHost("host", "ping", "card",
                           {"--port", "9100", "--to", "9100", "--count", "20", "--bytes", "200"});
  ASSERT_EQ(*host.Wait(kPatience), 0) << host.Output();
  ASSERT_EQ(card.Stop(), 0) << card.Output();
  const int64_t end = MonotonicNs();

  // Host, wire, wire, host: four times each packet, and nowhere with a prefix.
  auto dump = e2e::RunToEnd({.argv = {"tcpdump", "-n", "-r", path, "udp port 9100"}}, kPatience);
  ASSERT_TRUE(dump.ok()) << dump.status();
  ASSERT_EQ(dump->exit_code, 0) << dump->output;
  EXPECT_EQ(Occurrences(dump->output, "10.0.0.1.9100 > 10.0.0.1.9100: UDP, length 158"), 80u)
      << dump->output;
  EXPECT_EQ(ReportedNumber("card", "packets"), 80);
  EXPECT_EQ(ReportedNumber("card", "lost"), 0);

  char error[PCAP_ERRBUF_SIZE];
  pcap_t* const file =
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error);
  ASSERT_NE(file, nullptr) << error;
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  int64_t last = start;
  while (pcap_next_ex(file, &header, &bytes) == 1) {
    const int64_t time = header->ts.tv_sec * int64_t{1'000'000'000} + header->ts.tv_usec;
    EXPECT_GE(time, last) << "the card's clock, in order";
    last = time;
  }
  EXPECT_LE(last, end);
  pcap_close(file);

  // Interfaces, and prefixes as comments.
  std::stringstream raw;
  raw << std::ifstream(path).rdbuf();
  for (const char* name : {"wire", "function0", "function1"})
    EXPECT_THAT(raw.str(), HasSubstr(name));
  EXPECT_EQ(Occurrences(raw.str(), "PACKET owner 1 generation 1 sequence 5 "), 2u);
}

TEST_P(EveryCard, ARawFunctionIsCapturedAsItIs) {
  const std::string path = directory_ / "capture.pcapng";
  Process card = StartCard("card", "net_ring0", {"--pcap", path, "--raw", "1"});
  auto window = Window("card");
  regs::SwitchWord row{.state = static_cast<uint32_t>(regs::OwnerState::kAttached), .function = 1};
  ASSERT_TRUE(window->Write(regs::kRegOwnerSwitch(0), row.Pack()).ok());
  Process testpmd = StartTestpmd("testpmd", "card", 1, {"--forward-mode=rxonly"});
  Process host =
      StartHost("host", "send", "card", {"--port", "9100", "--to", "9109", "--count", "20"});
  ASSERT_EQ(*host.Wait(kPatience), 0) << host.Output();
  testpmd.Stop();
  ASSERT_EQ(card.Stop(), 0) << card.Output();
  auto dump =
      e2e::RunToEnd({.argv = {"tcpdump", "-n", "-r", path, "udp dst port 9109"}}, kPatience);
  ASSERT_TRUE(dump.ok()) << dump.status();
  // From the host, to the wire, from it, and to testpmd.
  EXPECT_EQ(Occurrences(dump->output, "10.0.0.1.9100 > 10.0.0.1.9109: UDP"), 80u) << dump->output;
}

TEST_F(CardProcessTest, ACaptureThatCannotBeWrittenIsRefused) {
  Process card = Launch("card", {FARRIER_CARD, "--dir", directory_ / "card", "--wire", "net_ring0",
                                 "--pcap", "/no/where"});
  EXPECT_EQ(*card.Wait(kPatience), 1);
  EXPECT_THAT(card.Output(), HasSubstr("/no/where"));
}

}  // namespace
}  // namespace farrier::sim
