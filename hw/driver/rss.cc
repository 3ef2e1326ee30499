#include "hw/driver/rss.h"

#include "absl/strings/str_format.h"

namespace farrier::driver {
namespace {

constexpr uint32_t kEntriesPerWord = 8;
constexpr uint32_t kBitsPerEntry = 4;
constexpr uint32_t kTableWords = regs::kRssEntries / kEntriesPerWord;

}  // namespace

RssKey DefaultRssKey() {
  return {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
          0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
          0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
}

RssTable DefaultRssTable() {
  RssTable table;
  for (size_t i = 0; i < table.size(); ++i) table[i] = i % regs::kMaxQueues;
  return table;
}

absl::Status Rss::Load(const RssKey& key, const RssTable& table) {
  if (!present_) return absl::FailedPreconditionError("this card has no RSS");
  std::array<uint32_t, regs::kRssKeyWords> key_words{};
  for (size_t i = 0; i < key.size(); ++i) key_words[i / 4] = key_words[i / 4] << 8 | key[i];
  std::array<uint32_t, kTableWords> table_words{};
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i] >= regs::kMaxQueues) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "RSS table: entry %d is %d; there are 0 to %d", i, table[i], regs::kMaxQueues - 1));
    }
    table_words[i / kEntriesPerWord] |= uint32_t{table[i]} << (kBitsPerEntry * (i % 8));
  }
  // Both halves: one that is not written would bring back what was in use before the last time.
  const auto stage = [&](uint32_t offset, uint32_t word) -> absl::Status {
    if (auto status = window_.Write(offset, word); !status.ok()) return status;
    const auto staged = window_.Read(offset);
    if (!staged.ok()) return staged.status();
    if (*staged == word) return absl::OkStatus();
    return absl::InternalError(
        absl::StrFormat("the card did not take 0x%08x at 0x%x (RSS)", word, offset));
  };
  for (uint32_t i = 0; i < key_words.size(); ++i) {
    if (auto status = stage(regs::kRegRssKey(i), key_words[i]); !status.ok()) return status;
  }
  for (uint32_t i = 0; i < table_words.size(); ++i) {
    if (auto status = stage(regs::kRegRssTable(i), table_words[i]); !status.ok()) return status;
  }
  return window_.Write(regs::kRegRssCommit, 1);
}

}  // namespace farrier::driver
