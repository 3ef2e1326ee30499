// Waveforms of the RTL, read back.

#include <gtkwave/fstapi.h>

#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/sim/testing/card_process_fixture.h"

namespace farrier::sim {
namespace {

using testing::CardProcessTest;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Process;

TEST_F(CardProcessTest, WithoutTheTracingProgramItSaysWhatToBuild) {
  const std::string alone = directory_ / "farrier-card";
  std::filesystem::copy_file(FARRIER_CARD, alone);
  Process card = Launch("card", {alone, "--backend", "rtl", "--dir", directory_ / "card", "--wire",
                                 "net_ring0", "--trace", directory_ / "card.fst"});
  EXPECT_EQ(*card.Wait(kPatience), 1);
  EXPECT_THAT(card.Output(), HasSubstr("make trace"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "card.fst"));
}

TEST_F(CardProcessTest, TheModelHasNoWaveforms) {
  Process card = Launch("card", {FARRIER_CARD, "--dir", directory_ / "card", "--wire", "net_ring0",
                                 "--trace", directory_ / "card.fst"});
  EXPECT_EQ(*card.Wait(kPatience), 1);
  EXPECT_THAT(card.Output(), HasSubstr("--backend rtl"));
}

class Trace : public CardProcessTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(FARRIER_CARD_TRACE)) {
      GTEST_SKIP() << "farrier-card-trace is not built: make trace";
    }
  }

  // Runs a card with a little traffic.
  void Record(std::vector<std::string> more) {
    std::vector<std::string> argv = {FARRIER_CARD, "--backend",         "rtl",
                                     "--dir",      directory_ / "card", "--wire",
                                     "net_ring0",  "--trace",           directory_ / "card.fst"};
    argv.insert(argv.end(), more.begin(), more.end());
    Process card = Launch("card", argv);
    ASSERT_TRUE(card.WaitForOutput("ready", kPatience).ok()) << card.Output();
    Process host = StartHost("host", "ping", "card", {"--count", "100"});
    ASSERT_EQ(*host.Wait(kPatience), 0) << host.Output();
    ASSERT_EQ(card.Stop(), 0) << card.Output();
  }

  struct Contents {
    uint64_t start_ns = 0;
    uint64_t end_ns = 0;
    std::map<std::string, uint64_t> changes;  // by signal of the top module
  };

  Contents Read() {
    Contents contents;
    void* const file = fstReaderOpen((directory_ / "card.fst").c_str());
    if (file == nullptr) {
      ADD_FAILURE() << "no FST file";
      return contents;
    }
    contents.start_ns = fstReaderGetStartTime(file);
    contents.end_ns = fstReaderGetEndTime(file);
    std::map<fstHandle, std::string> names;
    while (const fstHier* entry = fstReaderIterateHier(file)) {
      if (entry->htyp == FST_HT_VAR) names.emplace(entry->u.var.handle, entry->u.var.name);
    }
    fstReaderSetFacProcessMaskAll(file);
    std::map<fstHandle, uint64_t> changes;
    fstReaderIterBlocks(
        file,
        [](void* counts, uint64_t, fstHandle handle, const unsigned char*) {
          ++(*static_cast<std::map<fstHandle, uint64_t>*>(counts))[handle];
        },
        &changes, nullptr);
    fstReaderClose(file);
    for (const auto& [handle, count] : changes) contents.changes[names[handle]] += count;
    return contents;
  }
};

TEST_F(Trace, ShowsTheClockAndThePackets) {
  Record({"--trace-cycles", "0"});
  Contents contents = Read();
  EXPECT_GT(contents.changes.size(), 100u);
  EXPECT_GE(contents.changes["clk_i"], 2 * (contents.end_ns - contents.start_ns) / 4 - 2);
  EXPECT_GE(contents.changes["rx_valid_i"], 100u);
  EXPECT_GE(contents.changes["tx_valid_o"], 100u);
}

TEST_F(Trace, KeepsToItsWindow) {
  // Behind the reset, which takes some 9,400 cycles, and while packets come.
  Record({"--trace-from", "10000", "--trace-cycles", "100"});
  Contents contents = Read();
  EXPECT_EQ(contents.start_ns, 40'000u);
  EXPECT_EQ(contents.end_ns, 40'000u + 4 * 99 + 2);
  EXPECT_EQ(contents.changes["clk_i"], 200u);
}

TEST_F(Trace, AFileThatCannotBeWrittenIsNamed) {
  Process card = Launch("card", {FARRIER_CARD, "--backend", "rtl", "--dir", directory_ / "card",
                                 "--wire", "net_ring0", "--trace", "/no/where"});
  EXPECT_EQ(*card.Wait(kPatience), 1);
  EXPECT_THAT(card.Output(), HasSubstr("/no/where"));
}

}  // namespace
}  // namespace farrier::sim
