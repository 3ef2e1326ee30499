#include "engines/elements/match.h"

#include <algorithm>
#include <bit>

#include "engines/elements/bytes.h"

namespace farrier::elements {
namespace {

struct Range {
  uint16_t first = 0;
  uint16_t last = UINT16_MAX;
  bool any() const { return first == 0 && last == UINT16_MAX; }
};

// A rule as a range for each word of the key, and what its flags are to be.
struct WordRule {
  std::array<Range, Headers::kWords> words;
  uint8_t flags_mask = Headers::kMalformed;
  uint8_t flags_value = 0;

  void Need(uint8_t flags) {
    flags_mask |= flags;
    flags_value |= flags;
  }
  void SetWord(Headers::Word word, uint16_t first, uint16_t last) { words[word] = {first, last}; }
  void SetPrefix(Headers::Word word, const Prefix& prefix) {
    Need(prefix.v6 ? Headers::kV6 : Headers::kV4);
    for (int i = 0; 16 * i < prefix.bits; ++i) {
      const int bits = std::min(prefix.bits - 16 * i, 16);
      const auto rest = static_cast<uint16_t>(0xFFFF >> bits);  // free bits
      const auto base = static_cast<uint16_t>(Load16(&prefix.address[2 * i]) & ~rest);
      words[word + i] = {base, static_cast<uint16_t>(base | rest)};
    }
  }
};

WordRule Compile(const Match& match) {
  WordRule rule;
  if (match.ether_type) rule.SetWord(Headers::kEtherType, *match.ether_type, *match.ether_type);
  if (match.vlan) {
    rule.Need(Headers::kTagged);
    rule.SetWord(Headers::kVlan, *match.vlan, *match.vlan);
  }
  if (match.source) rule.SetPrefix(Headers::kSource, *match.source);
  if (match.destination) rule.SetPrefix(Headers::kDestination, *match.destination);
  if (match.protocol) rule.SetWord(Headers::kProtocol, *match.protocol, *match.protocol);
  if (match.dscp) rule.SetWord(Headers::kDscp, *match.dscp, *match.dscp);
  if (match.source_ports) {
    rule.Need(Headers::kPorts);
    rule.SetWord(Headers::kSourcePort, match.source_ports->first, match.source_ports->last);
  }
  if (match.destination_ports) {
    rule.Need(Headers::kPorts);
    rule.SetWord(Headers::kDestinationPort, match.destination_ports->first,
                 match.destination_ports->last);
  }
  if (match.fragment) {
    rule.flags_mask |= Headers::kFragment;
    if (*match.fragment) rule.flags_value |= Headers::kFragment;
  }
  return rule;
}

// Whether a rule needs an IP header without saying of which version.
bool NeedsAnyIp(const Match& match) { return match.protocol || match.dscp || match.fragment; }

// For the 256 values from `start` on of word `word`: which rules each suits.
std::array<uint64_t, 256> PageOf(const std::vector<WordRule>& rules, size_t word, size_t start) {
  std::array<uint64_t, 256> page;
  uint64_t whole = 0;  // rules that all of them suit
  for (size_t i = 0; i < rules.size(); ++i) {
    const Range& range = rules[i].words[word];
    if (range.first <= start && start + 255 <= range.last) whole |= uint64_t{1} << i;
  }
  page.fill(whole);
  for (size_t i = 0; i < rules.size(); ++i) {
    if ((whole >> i & 1) != 0) continue;
    const size_t first = std::max<size_t>(rules[i].words[word].first, start);
    const size_t last = std::min<size_t>(rules[i].words[word].last, start + 255);
    for (size_t value = first; value <= last; ++value) page[value - start] |= uint64_t{1} << i;
  }
  return page;
}

constexpr uint8_t kIp = Headers::kV4 | Headers::kV6;

}  // namespace

MatchTable::MatchTable(std::span<const Match> rules) {
  std::vector<WordRule> compiled;
  for (const Match& match : rules) compiled.push_back(Compile(match));

  for (size_t flags = 0; flags < by_flags_.size(); ++flags) {
    for (size_t i = 0; i < rules.size(); ++i) {
      const bool suits = (flags & compiled[i].flags_mask) == compiled[i].flags_value &&
                         (!NeedsAnyIp(rules[i]) || (flags & kIp) != 0);
      if (suits) by_flags_[flags] |= uint64_t{1} << i;
    }
  }
  for (size_t word = 0; word < Headers::kWords; ++word) {
    const bool looked_at = std::any_of(compiled.begin(), compiled.end(), [&](const WordRule& rule) {
      return !rule.words[word].any();
    });
    if (!looked_at) continue;
    Field field = {.offset = 2 * word, .page_of = {}, .pages = {}};
    for (size_t high = 0; high < 256; ++high) {
      const Page page = PageOf(compiled, word, high << 8);
      const auto same = std::find(field.pages.begin(), field.pages.end(), page);
      field.page_of[high] = static_cast<uint16_t>(same - field.pages.begin());
      if (same == field.pages.end()) field.pages.push_back(page);
    }
    fields_.push_back(std::move(field));
  }
}

void MatchTable::Find(Batch batch, std::span<uint8_t, kMaxBatch> first) const {
  std::array<uint64_t, kMaxBatch> matching;
  for (size_t i = 0; i < batch.size(); ++i) {
    matching[i] = by_flags_[batch[i]->Parsed().flags & (by_flags_.size() - 1)];
  }
  for (const Field& field : fields_) {
    const Page* pages = field.pages.data();
    for (size_t i = 0; i < batch.size(); ++i) {
      const uint8_t* word = &batch[i]->headers.key[field.offset];
      matching[i] &= pages[field.page_of[word[0]]][word[1]];
    }
  }
  // Of no bit set it is kNoRule.
  for (size_t i = 0; i < batch.size(); ++i) {
    first[i] = static_cast<uint8_t>(std::countr_zero(matching[i]));
  }
}

}  // namespace farrier::elements
