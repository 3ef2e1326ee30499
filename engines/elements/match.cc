#include "engines/elements/match.h"

#include <algorithm>
#include <cstring>

#include "engines/elements/bytes.h"

namespace farrier::elements {

// The key's word `word` of eight frames. Put together in a register: a load does not get at eight
// small stores before they have left the core.
MatchTable::Lanes MatchTable::Gather(Frame* const* frames, size_t word) {
  const auto lane = [&](size_t i) {
    uint16_t value;
    std::memcpy(&value, &frames[i]->headers.key[2 * word], sizeof(value));
    return value;
  };
  const Lanes lanes = {lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7)};
  return lanes << 8 | lanes >> 8;  // the byte order of the wire
}

void MatchTable::Ask(size_t word, uint16_t first, uint16_t last) {
  if (first == 0 && last == UINT16_MAX) return;
  auto column = std::find(words_.begin(), words_.end(), word);
  if (column == words_.end()) column = words_.insert(column, static_cast<uint8_t>(word));
  ranges_.push_back({.first = Lanes{} + first,
                     .size = Lanes{} + static_cast<uint16_t>(last - first),
                     .word = static_cast<size_t>(column - words_.begin())});
}

// A prefix is a range in each of the words that it covers.
void MatchTable::AskPrefix(Rule& rule, size_t word, const Prefix& prefix) {
  rule.Need(prefix.v6 ? Headers::kV6 : Headers::kV4);
  for (int i = 0; 16 * i < prefix.bits; ++i) {
    const int bits = std::min(prefix.bits - 16 * i, 16);
    const auto rest = static_cast<uint16_t>(0xFFFF >> bits);  // free bits
    const auto base = static_cast<uint16_t>(Load16(&prefix.address[2 * i]) & ~rest);
    Ask(word + i, base, base | rest);
  }
}

MatchTable::MatchTable(std::span<const Match> rules) {
  // From the last to the first, so that the first that matches has the last word.
  for (size_t i = rules.size(); i-- > 0;) {
    const Match& match = rules[i];
    Rule& rule = rules_.emplace_back();
    const size_t before = ranges_.size();
    if (match.ether_type) Ask(Headers::kEtherType, *match.ether_type, *match.ether_type);
    if (match.vlan) {
      rule.Need(Headers::kTagged);
      Ask(Headers::kVlan, *match.vlan, *match.vlan);
    }
    if (match.source) AskPrefix(rule, Headers::kSource, *match.source);
    if (match.destination) AskPrefix(rule, Headers::kDestination, *match.destination);
    if (match.protocol || match.dscp || match.fragment) rule.Need(Headers::kIp);
    if (match.protocol) Ask(Headers::kProtocol, *match.protocol, *match.protocol);
    if (match.dscp) Ask(Headers::kDscp, *match.dscp, *match.dscp);
    if (match.source_ports || match.destination_ports) rule.Need(Headers::kPorts);
    if (match.source_ports) {
      Ask(Headers::kSourcePort, match.source_ports->first, match.source_ports->last);
    }
    if (match.destination_ports) {
      Ask(Headers::kDestinationPort, match.destination_ports->first, match.destination_ports->last);
    }
    if (match.fragment) {
      rule.flags_mask |= uint8_t{Headers::kFragment};
      if (*match.fragment) rule.flags_value |= uint8_t{Headers::kFragment};
    }
    rule.ranges = ranges_.size() - before;
  }
}

void MatchTable::Find(Batch batch, std::span<uint8_t, kMaxBatch> first) const {
  for (Frame* frame : batch) frame->Parsed();
  for (size_t begin = 0; begin < batch.size(); begin += kLanes) {
    const size_t count = std::min(batch.size() - begin, kLanes);
    Frame* const* frames = &batch[begin];
    // If frames are lacking, one stands in for them, and what comes of it is not looked at.
    std::array<Frame*, kLanes> padded;
    if (count < kLanes) {
      padded.fill(frames[0]);
      std::copy_n(frames, count, padded.begin());
      frames = padded.data();
    }
    const auto flag = [&](size_t i) { return uint16_t{frames[i]->headers.flags}; };
    const Lanes flags = {flag(0), flag(1), flag(2), flag(3), flag(4), flag(5), flag(6), flag(7)};
    std::array<Lanes, Headers::kWords> words;
    for (size_t i = 0; i < words_.size(); ++i) words[i] = Gather(frames, words_[i]);

    Lanes found = Lanes{} + kNoRule;
    Lanes number = Lanes{} + static_cast<uint16_t>(rules_.size());
    const Range* range = ranges_.data();
    for (const Rule& rule : rules_) {
      number -= 1;
      Lanes right = Lanes(((flags ^ rule.flags_value) & rule.flags_mask) == 0);
      for (const Range* end = range + rule.ranges; range != end; ++range) {
        right &= Lanes(words[range->word] - range->first <= range->size);
      }
      found = (found & ~right) | (number & right);
    }
    for (size_t i = 0; i < count; ++i) first[begin + i] = static_cast<uint8_t>(found[i]);
  }
}

}  // namespace farrier::elements
