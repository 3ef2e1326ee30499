#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "hw/driver/socket_csr_window.h"
#include "tests/e2e/process.h"

namespace farrier::sim::testing {

using e2e::Process;

inline constexpr absl::Duration kPatience = absl::Seconds(30);

// farrier-card processes, and hosts of them, in a directory that goes with the test.
class CardProcessTest : public ::testing::Test {
 protected:
  CardProcessTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "farrier_card_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~CardProcessTest() override {
    if (HasFailure()) {
      for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
        if (entry.path().extension() != ".log") continue;
        std::cerr << "--- " << entry.path().filename() << "\n"
                  << std::ifstream(entry.path()).rdbuf() << "\n";
      }
    }
    std::filesystem::remove_all(directory_);
    std::error_code not_there;  // whoever is not root has it elsewhere
    std::filesystem::remove_all("/var/run/dpdk/" + TestpmdPrefix(), not_there);
  }

  Process Launch(const std::string& name, std::vector<std::string> argv) {
    auto process = Process::Start({.argv = std::move(argv),
                                   .log = directory_ / (name + ".log"),
                                   .network_namespace = network_namespace_});
    EXPECT_TRUE(process.ok()) << process.status();
    return std::move(*process);
  }

  Process StartCard(const std::string& name, const std::string& wire,
                    std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {
        FARRIER_CARD, "--backend",       backend_,
        "--dir",      directory_ / name, "--wire",
        wire,         "--report",        directory_ / (name + ".json")};
    argv.insert(argv.end(), more.begin(), more.end());
    Process card = Launch(name, argv);
    EXPECT_TRUE(card.WaitForOutput("farrier-card: ready", kPatience).ok()) << card.Output();
    return card;
  }

  std::string Memif(const std::string& role) {
    return absl::StrCat("net_memif0,role=", role,
                        ",socket-abstract=no,socket=", (directory_ / "wire").string());
  }

  Process StartHost(const std::string& name, const std::string& command, const std::string& card,
                    std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {FARRIER_CARD_HOST, command, "--dir", directory_ / card};
    argv.insert(argv.end(), more.begin(), more.end());
    Process host = Launch(name, argv);
    EXPECT_TRUE(host.WaitForOutput("attached", kPatience).ok()) << host.Output();
    return host;
  }

  // dpdk-testpmd as a raw function's host, forwarding. `queues` pairs, with long rings: it drops
  // what finds no room, and a machine with other things to do makes it wait.
  Process StartTestpmd(const std::string& name, const std::string& card, int function,
                       std::vector<std::string> more, int queues = 1) {
    const std::string socket = directory_ / card / absl::StrCat("function", function, ".sock");
    std::vector<std::string> argv = {
        "dpdk-testpmd",
        "--no-huge",
        "-m",
        "128",
        "--no-pci",
        "--no-telemetry",
        "--no-shconf",
        absl::StrCat("--file-prefix=", TestpmdPrefix()),
        "--lcores=0@(0,1),1@(0,1)",
        absl::StrCat("--vdev=net_virtio_user0,queue_size=1024,queues=", queues, ",path=", socket),
        "--",
        "--total-num-mbufs=16384",
        "--stats-period=3600",
        "--no-flush-rx",
        "--auto-start",
        absl::StrCat("--rxq=", queues),
        absl::StrCat("--txq=", queues)};
    argv.insert(argv.end(), more.begin(), more.end());
    Process testpmd = Launch(name, argv);
    EXPECT_TRUE(testpmd.WaitForOutput("packet forwarding packets/burst", kPatience).ok())
        << testpmd.Output();
    return testpmd;
  }

  static std::string TestpmdPrefix() { return absl::StrCat("farrier-testpmd-", getpid()); }

  std::unique_ptr<driver::SocketCsrWindow> Window(const std::string& card) {
    auto window =
        driver::SocketCsrWindow::Connect(directory_ / card / "csr.sock", std::chrono::seconds(10));
    EXPECT_TRUE(window.ok()) << window.status();
    return std::move(*window);
  }

  // Until `done`, or for too long.
  template <typename F>
  bool Eventually(F done) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!done()) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return true;
  }

  std::string ReportOf(const std::string& card) {
    std::stringstream text;
    text << std::ifstream(directory_ / (card + ".json")).rdbuf();
    return text.str();
  }
  double ReportedNumber(const std::string& card, const std::string& name) {
    std::smatch match;
    const std::string report = ReportOf(card);
    if (!std::regex_search(report, match, std::regex("\"" + name + "\": ([0-9.]+)"))) return -1;
    return std::stod(match[1]);
  }

  // What a receiving host printed, e.g. "packet 3 held 1".
  static std::vector<std::string> Packets(const std::string& output) {
    std::vector<std::string> packets;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("packet")) packets.push_back(line.substr(0, line.find(" sequence")));
    }
    return packets;
  }

  std::filesystem::path directory_;
  std::string backend_ = "model";
  std::string network_namespace_;  // of what is launched; empty: this one
};

// What also depends on what is inside.
class EveryCard : public CardProcessTest, public ::testing::WithParamInterface<const char*> {
 protected:
  EveryCard() { backend_ = GetParam(); }
};

}  // namespace farrier::sim::testing
