// How full the card's hash tables get, and what packets find meanwhile.

#include <functional>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/card_csr_window.h"
#include "hw/driver/filters.h"
#include "hw/model/functional_card.h"

namespace farrier::driver {
namespace {

using regs::FilterTable;

class NoSink : public model::CardSink {
 public:
  void ToHost(int, int, std::span<const uint8_t>) override {}
  void ToWire(std::span<const uint8_t>) override {}
};

bool IsV6(FilterTable table) {
  return table == FilterTable::kV6Flow || table == FilterTable::kV6Listen;
}
bool IsFlow(FilterTable table) {
  return table == FilterTable::kV4Flow || table == FilterTable::kV6Flow;
}

// The kinds of key a host has: one address and consecutive ports, consecutive clients of one port,
// or anything at all.
enum class Keys { kConsecutive, kClients, kRandom };

FilterKey KeyOf(FilterTable table, Keys keys, uint32_t i, std::mt19937& random) {
  FilterKey key = {.table = table, .protocol = 17, .dst_port = 7000, .dst = {0x0A000001}};
  const size_t words = IsV6(table) ? 4 : 1;
  const size_t last = words - 1;
  switch (keys) {
    case Keys::kConsecutive:
      (IsFlow(table) ? key.src_port : key.dst_port) = static_cast<uint16_t>(1024 + i);
      if (IsFlow(table)) key.src[last] = 0x0A000002;
      return key;
    case Keys::kClients:  // listeners: as many addresses with 64 ports each
      (IsFlow(table) ? key.src_port : key.dst_port) = static_cast<uint16_t>(40'000 + i % 64);
      (IsFlow(table) ? key.src : key.dst)[last] = 0x0A000100 + i / 64;
      return key;
    case Keys::kRandom:
      break;
  }
  key.protocol = random() % 2 ? 6 : 17;
  key.dst_port = static_cast<uint16_t>(random());
  for (size_t w = 0; w < words; ++w) key.dst[w] = random();
  if (IsFlow(table)) {
    key.src_port = static_cast<uint16_t>(random());
    for (size_t w = 0; w < words; ++w) key.src[w] = random();
  }
  return key;
}

class FullTable : public testing::TestWithParam<std::tuple<FilterTable, Keys>> {
 protected:
  FilterTable table() const { return std::get<0>(GetParam()); }
  FilterKey Key(uint32_t i) { return KeyOf(table(), std::get<1>(GetParam()), i, random_); }

  std::mt19937 random_{7};
  NoSink sink_;
};

TEST_P(FullTable, TakesNineTenthsBeforeItSaysHowFullItIs) {
  const std::array<uint32_t, 4> depth = {2048, 2048, 512, 512};
  model::FunctionalCard card({.filter_depth = depth}, sink_);
  CardCsrWindow window(card);
  Filters filters(window, depth);
  const uint32_t places = regs::kFilterWays * depth[static_cast<size_t>(table())];
  absl::Status status;
  uint32_t installed = 0;
  while (installed < places) {
    status = filters.Install(Key(installed), runtime::OwnerId{1});
    if (!status.ok()) break;
    ++installed;
  }
  EXPECT_GE(installed, places * 9 / 10);
  if (installed == places) return;
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), testing::HasSubstr(absl::StrFormat(
                                    "is full: %d of %d places are in use", installed, places)));
  RecordProperty("installed", static_cast<int>(installed));
}

// A window that lets somebody look after each commit of the writer.
class WatchedWindow final : public CsrWindow {
 public:
  WatchedWindow(CsrWindow& window, std::function<void()> after)
      : window_(window), after_(std::move(after)) {}
  absl::StatusOr<uint32_t> Read(uint32_t offset) override { return window_.Read(offset); }
  absl::Status Write(uint32_t offset, uint32_t value) override {
    auto status = window_.Write(offset, value);
    if (offset == regs::kRegFilterCommit) after_();
    return status;
  }

 private:
  CsrWindow& window_;
  std::function<void()> after_;
};

TEST_P(FullTable, MovingEntriesNeverMiss) {
  constexpr uint32_t kDepth = 16;
  const std::array<uint32_t, 4> depth = {kDepth, kDepth, kDepth, kDepth};
  model::FunctionalCard card({.filter_depth = depth}, sink_);
  CardCsrWindow window(card);
  std::vector<std::pair<FilterKey, runtime::OwnerId>> installed;
  int commits = 0;
  const auto all_are_there = [&] {
    ++commits;
    // The staged registers are the writer's: they are put back.
    std::array<uint32_t, regs::kFilterKeyWords> key;
    for (size_t i = 0; i < key.size(); ++i) key[i] = card.ReadCsr(regs::kRegFilterKey(i));
    const uint32_t value = card.ReadCsr(regs::kRegFilterValue);
    Filters reader(window, depth);
    for (const auto& [wanted, owner] : installed) {
      const auto found = reader.Find(wanted);
      ASSERT_TRUE(found.ok());
      ASSERT_EQ(*found, owner) << "at commit " << commits;
    }
    for (size_t i = 0; i < key.size(); ++i) card.WriteCsr(regs::kRegFilterKey(i), key[i]);
    card.WriteCsr(regs::kRegFilterValue, value);
  };
  WatchedWindow watched(window, all_are_there);
  Filters filters(watched, depth);
  absl::Status status;
  for (uint32_t i = 0; status.ok() && installed.size() < 4 * kDepth; ++i) {
    const FilterKey key = Key(i);
    const auto owner = static_cast<runtime::OwnerId>(i % 251);
    status = filters.Install(key, owner);
    if (status.ok()) installed.emplace_back(key, owner);
  }
  EXPECT_GE(installed.size(), 3 * kDepth) << "of " << 4 * kDepth;  // small tables fill less well
  if (std::get<1>(GetParam()) == Keys::kRandom) {
    EXPECT_GT(commits, static_cast<int>(installed.size())) << "something had to move";
  }
  while (!installed.empty()) {
    const auto [key, owner] = installed.back();
    installed.pop_back();
    EXPECT_EQ(*filters.Find(key), owner);
    EXPECT_TRUE(filters.Remove(key).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tables, FullTable,
    testing::Combine(testing::Values(FilterTable::kV4Flow, FilterTable::kV4Listen,
                                     FilterTable::kV6Flow, FilterTable::kV6Listen),
                     testing::Values(Keys::kConsecutive, Keys::kClients, Keys::kRandom)));

}  // namespace
}  // namespace farrier::driver
