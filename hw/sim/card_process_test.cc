// farrier-card and its hosts as real processes.

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/card_info.h"
#include "hw/driver/owner_row.h"
#include "hw/sim/testing/card_process_fixture.h"

namespace farrier::sim {
namespace {

using driver::OwnerRow;
using driver::SocketCsrWindow;
using testing::CardProcessTest;
using testing::EveryCard;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Process;

INSTANTIATE_TEST_SUITE_P(Backend, EveryCard, ::testing::Values("model", "rtl"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(CardProcessTest, AnswersItsRegistersAndEndsLeavingNothing) {
  Process card = StartCard("card", "net_ring0", {"--mac", "02:00:00:00:00:07"});
  auto window = Window("card");
  const auto info = driver::Identify(*window);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->mac[5], 7);
  EXPECT_TRUE(window->Write(regs::kRegScratch, 0xABCD).ok());
  EXPECT_EQ(*Window("card")->Read(regs::kRegScratch), 0xABCDu);
  // The clock runs although nothing happens.
  const uint32_t before = *window->Read(regs::kRegTimeLo);
  absl::SleepFor(absl::Milliseconds(20));
  EXPECT_GT(*window->Read(regs::kRegTimeLo) - before, 10'000'000u);
  const pid_t pid = card.pid();
  EXPECT_EQ(card.Stop(), 0) << card.Output();
  EXPECT_FALSE(std::filesystem::exists(directory_ / "card"));
  EXPECT_FALSE(std::filesystem::exists(absl::StrCat("/var/run/dpdk/farrier-", pid)));
  EXPECT_THAT(ReportOf("card"), HasSubstr("\"backend\": \"model\""));
}

TEST_P(EveryCard, AHostSendsToItselfOverALoopingWire) {
  Process card = StartCard("card", "net_ring0");
  Process host = StartHost("host", "ping", "card", {"--count", "50"});
  EXPECT_EQ(*host.Wait(kPatience), 0) << host.Output();
  EXPECT_THAT(host.Output(), HasSubstr("received 50"));
  EXPECT_THAT(host.Output(), HasSubstr("bad_prefix 0 wrong_owner 0"));
  EXPECT_EQ(card.Stop(), 0);
}

TEST_P(EveryCard, TwoCardsBackToBackOverMemif) {
  // The client first: it must find the server when that comes.
  Process b = StartCard("b", Memif("client"));
  Process a = StartCard("a", Memif("server"));
  Process echo = StartHost("echo", "echo", "a", {"--port", "7001"});
  Process ping = StartHost("ping", "ping", "b", {"--port", "7002", "--to", "7001"});
  EXPECT_EQ(*ping.Wait(kPatience), 0) << ping.Output();
  echo.Signal(SIGTERM);
  EXPECT_EQ(a.Stop(), 0) << a.Output();
  // The wire is mended when the peer comes back.
  Process again = StartCard("a", Memif("server"));
  Process echo2 = StartHost("echo2", "echo", "a", {"--port", "7001"});
  Process ping2 = StartHost("ping2", "ping", "b", {"--port", "7002", "--to", "7001"});
  EXPECT_EQ(*ping2.Wait(kPatience), 0) << ping2.Output();
  EXPECT_EQ(b.Stop(), 0);
}

TEST_F(CardProcessTest, TwoCardsEndAtOnce) {
  for (int i = 0; i < 8; ++i) {
    Process a = StartCard("a", Memif("server"));
    Process b = StartCard("b", Memif("client"));
    absl::SleepFor(absl::Milliseconds(250));
    a.Signal(SIGTERM);
    b.Signal(SIGTERM);
    EXPECT_EQ(*a.Wait(kPatience), 0) << "round " << i;
    EXPECT_EQ(*b.Wait(kPatience), 0) << "round " << i;
  }
}

// The next host may come by the same function or by the other.
class HeldPackets : public CardProcessTest,
                    public ::testing::WithParamInterface<std::tuple<const char*, int>> {
 protected:
  HeldPackets() { backend_ = std::get<0>(GetParam()); }
  int NextFunction() const { return std::get<1>(GetParam()); }
};

TEST_P(HeldPackets, SurviveTheDeathOfTheirHostAndComeInOrder) {
  Process a = StartCard("a", Memif("server"));
  Process b = StartCard("b", Memif("client"));
  Process first = StartHost("first", "receive", "a", {"--port", "7001", "--count", "1000"});
  Process s1 = StartHost("s1", "send", "b", {"--to", "7001", "--port", "7002", "--count", "10"});
  ASSERT_EQ(*s1.Wait(kPatience), 0) << s1.Output();
  ASSERT_TRUE(Eventually([&] { return Packets(first.Output()).size() == 10; })) << first.Output();

  auto window = Window("a");
  OwnerRow row(*window, runtime::OwnerId{1});
  auto word = *row.Read();
  word.state = static_cast<uint32_t>(regs::OwnerState::kHeld);
  ASSERT_TRUE(row.Switch(word)->won);
  Process s2 = StartHost("s2", "send", "b", {"--to", "7001", "--port", "7002", "--count", "40"});
  ASSERT_TRUE(Eventually([&] { return *row.ReadParked() == 40u; })) << *row.ReadParked();
  first.Signal(SIGKILL);
  ASSERT_EQ(*first.Wait(kPatience), 128 + SIGKILL);
  EXPECT_EQ(Packets(first.Output()).size(), 10u);

  Process second =
      StartHost("second", "receive", "a",
                {"--port", "7001", "--count", "45", "--function", absl::StrCat(NextFunction())});
  Process s3 = StartHost("s3", "send", "b", {"--to", "7001", "--port", "7002", "--count", "5"});
  EXPECT_EQ(*second.Wait(kPatience), 0) << second.Output();
  std::vector<std::string> want;
  for (int i = 0; i < 40; ++i) want.push_back(absl::StrFormat("packet %d held 1", i));
  for (int i = 0; i < 5; ++i) want.push_back(absl::StrFormat("packet %d held 0", i));
  EXPECT_EQ(Packets(second.Output()), want);

  const auto counters = *row.ReadCounters();
  using C = regs::OwnerCounter;
  EXPECT_EQ(counters[C::kIn], 55u);
  EXPECT_EQ(counters[C::kDelivered], 55u);
  EXPECT_EQ(counters[C::kHeld], 40u);
  EXPECT_EQ(a.Stop(), 0);
  EXPECT_EQ(b.Stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(NextHostOnFunction, HeldPackets,
                         ::testing::Combine(::testing::Values("model", "rtl"),
                                            ::testing::Values(0, 1)));

TEST_P(EveryCard, WithoutAHostThereIsNoCredit) {
  Process card = StartCard("card", "net_ring0");
  {
    Process dead = StartHost("dead", "receive", "card", {"--port", "7001"});
    dead.Signal(SIGKILL);
    ASSERT_TRUE(dead.Wait(kPatience).ok());
  }
  Process sender = StartHost("sender", "send", "card",
                             {"--function", "1", "--owner", "2", "--to", "7001", "--count", "20"});
  EXPECT_EQ(*sender.Wait(kPatience), 0) << sender.Output();
  auto window = Window("card");
  OwnerRow row(*window, runtime::OwnerId{1});
  ASSERT_TRUE(Eventually([&] { return (*row.ReadCounters())[regs::OwnerCounter::kIn] == 20; }));
  const auto counters = *row.ReadCounters();
  EXPECT_EQ(counters[regs::OwnerCounter::kDropNoCredit], 20u);
  EXPECT_EQ(counters[regs::OwnerCounter::kDelivered], 0u);
  EXPECT_EQ(card.Stop(), 0);
}

TEST_F(CardProcessTest, AStoppedHostHurtsNobodyElse) {
  Process card = StartCard("card", "net_ring0");
  Process stopped = StartHost("stopped", "receive", "card", {"--port", "7001"});
  stopped.Signal(SIGSTOP);
  Process flood = StartHost("flood", "send", "card",
                            {"--function", "1", "--owner", "2", "--to", "7001", "--count", "2000"});
  EXPECT_EQ(*flood.Wait(kPatience), 0);
  Process ping = StartHost("ping", "ping", "card",
                           {"--function", "1", "--owner", "3", "--port", "7003", "--to", "7003"});
  EXPECT_EQ(*ping.Wait(kPatience), 0) << ping.Output();
  stopped.Signal(SIGKILL);
  EXPECT_EQ(card.Stop(), 0);
}

TEST_F(CardProcessTest, NoiseOnAVhostSocketHurtsNobody) {
  Process card = StartCard("card", "net_ring0");
  for (int i = 0; i < 20; ++i) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    const std::string path = directory_ / "card/function0.sock";
    path.copy(address.sun_path, path.size());
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    std::vector<uint8_t> noise(12 + i * 7, static_cast<uint8_t>(i * 37));
    [[maybe_unused]] const auto n = send(fd, noise.data(), noise.size(), MSG_NOSIGNAL);
    close(fd);
  }
  Process host = StartHost("host", "ping", "card", {"--count", "20"});
  EXPECT_EQ(*host.Wait(kPatience), 0) << host.Output();
  EXPECT_EQ(card.Stop(), 0) << card.Output();
}

TEST_F(CardProcessTest, ALossyWireLosesWhatItIsTold) {
  Process card = StartCard("card", "net_ring0", {"--fault", "loss=0.5,seed=3"});
  Process host = StartHost("host", "send", "card", {"--count", "1000"});
  EXPECT_EQ(*host.Wait(kPatience), 0);
  EXPECT_EQ(card.Stop(), 0);
  EXPECT_NEAR(ReportedNumber("card", "lost"), 500, 100);
  EXPECT_EQ(ReportedNumber("card", "lost") + ReportedNumber("card", "rx_packets"), 1000);
}

TEST_P(EveryCard, ARawFunctionServesTestpmd) {
  Process a = StartCard("a", Memif("server"), {"--raw", "0"});
  Process b = StartCard("b", Memif("client"));
  auto window = Window("a");
  OwnerRow row(*window, runtime::OwnerId{0});
  ASSERT_TRUE(row.Switch({.state = static_cast<uint32_t>(regs::OwnerState::kAttached)})->won);
  Process testpmd = StartTestpmd("testpmd", "a", 0, {"--forward-mode=5tswap"});
  // Swapped, a packet to 7001 from 7002 comes back to 7002.
  Process ping =
      StartHost("ping", "ping", "b", {"--port", "7002", "--to", "7001", "--count", "50"});
  EXPECT_EQ(*ping.Wait(kPatience), 0) << ping.Output() << testpmd.Output();
  testpmd.Stop();
  EXPECT_EQ(a.Stop(), 0);
  EXPECT_EQ(b.Stop(), 0);
}

TEST_F(CardProcessTest, IdleItSleeps) {
  Process card = StartCard("card", "net_ring0");
  Process host = StartHost("host", "receive", "card", {"--seconds", "30"});
  absl::SleepFor(absl::Seconds(1));
  const auto cpu_ticks = [&] {
    std::ifstream stat(absl::StrFormat("/proc/%d/stat", card.pid()));
    std::string word;
    long user = 0, system = 0;
    for (int i = 0; i < 13; ++i) stat >> word;
    stat >> user >> system;
    return user + system;
  };
  const long before = cpu_ticks();
  absl::SleepFor(absl::Seconds(2));
  const double share = static_cast<double>(cpu_ticks() - before) / sysconf(_SC_CLK_TCK) / 2;
  RecordProperty("idle_cpu_share", std::to_string(share));
  EXPECT_LT(share, 0.25);
  host.Signal(SIGKILL);
  EXPECT_EQ(card.Stop(), 0);
}

struct BadArguments {
  std::vector<std::string> arguments;
  std::string complaint;
};

class BadCommandLine : public CardProcessTest,
                       public ::testing::WithParamInterface<BadArguments> {};

TEST_P(BadCommandLine, IsRefusedWithTheReason) {
  std::vector<std::string> argv = {FARRIER_CARD};
  for (std::string argument : GetParam().arguments) {
    if (argument == "DIR") argument = directory_ / "card";
    argv.push_back(argument);
  }
  Process card = Launch("card", argv);
  EXPECT_GT(*card.Wait(kPatience), 0);
  EXPECT_THAT(card.Output(), HasSubstr(GetParam().complaint));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "card"));
}

INSTANTIATE_TEST_SUITE_P(
    FarrierCard, BadCommandLine,
    ::testing::Values(
        BadArguments{{}, "--dir is required"}, BadArguments{{"--dir", "DIR"}, "--wire is required"},
        BadArguments{{"--dir", "DIR", "--wire", "net_ring0", "--backend", "x"}, "card \"x\""},
        BadArguments{{"--dir", "DIR", "--wire", "net_nonsense0"}, "net_nonsense0"},
        BadArguments{{"--dir", "DIR", "--wire", "net_af_packet0,iface=nowhere"}, "iface=nowhere"},
        BadArguments{{"--dir", "DIR", "--wire", "net_ring0", "--fault", "loss=2"}, "loss=2"},
        BadArguments{{"--dir", "DIR", "--wire", "net_ring0", "--raw", "2"}, "function 2"},
        BadArguments{{"--dir", "DIR", "--wire", "net_ring0", "--mac", "1:2"}, "--mac 1:2"},
        BadArguments{{"--dir", "DIR", "--wire", "net_ring0", "--report", "/no/where"}, "/no/where"},
        BadArguments{{"--dir", "/proc/card", "--wire", "net_ring0"}, "/proc/card"}));

TEST_F(CardProcessTest, TwoCardsDoNotShareADirectory) {
  Process card = StartCard("card", "net_ring0");
  Process second =
      Launch("second", {FARRIER_CARD, "--dir", directory_ / "card", "--wire", "net_ring0"});
  EXPECT_EQ(*second.Wait(kPatience), 1);
  EXPECT_THAT(second.Output(), HasSubstr("another card serves"));
  Process host = StartHost("host", "ping", "card", {"--count", "5"});
  EXPECT_EQ(*host.Wait(kPatience), 0) << "the first is unharmed";
  EXPECT_EQ(card.Stop(), 0);
}

}  // namespace
}  // namespace farrier::sim
