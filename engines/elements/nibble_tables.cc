#include "engines/elements/nibble_tables.h"

#include <immintrin.h>

#include <algorithm>
#include <utility>

#include "engines/elements/match_table.h"

// The build is for any x86-64. What is marked runs on processors with AVX2 only; it has neither
// lambdas nor templates, which would not be.
#define FARRIER_AVX2 __attribute__((target("avx2")))

namespace farrier::elements {
namespace {

constexpr size_t kFrames = 16;  // at a time
constexpr size_t kGroup = 8;    // rules at a time

// Headers are transposed in chunks of 16 bytes, into 8 words of 2 bytes; a word holds the first
// byte of all frames, then the second. All that a rule of IPv4 looks at is in the first chunk,
// which is always there. The last chunk overlaps the one before.
constexpr size_t kChunkBytes = 16;
constexpr size_t kChunkWords = 8;
constexpr size_t kMaxChunks = (sizeof(Headers) + kChunkBytes - 1) / kChunkBytes;
constexpr size_t kFlagsWord = offsetof(Headers, flags) / 2;
static_assert(offsetof(Headers, flags) % 2 == 0 && kFlagsWord < kChunkWords);
static_assert(sizeof(Headers) >= kChunkBytes && sizeof(Headers) % 2 == 0);

uint8_t BitIf(bool set, size_t bit) { return static_cast<uint8_t>(set << bit); }

}  // namespace

// Which word of the transposed headers has this byte and the next. Adds its chunk.
size_t NibbleTables::WordAt(size_t byte) {
  const size_t chunk = std::min(byte / kChunkBytes * kChunkBytes, sizeof(Headers) - kChunkBytes);
  auto at = std::find(chunks_.begin(), chunks_.end(), chunk);
  if (at == chunks_.end()) at = chunks_.insert(at, chunk);
  return (at - chunks_.begin()) * kChunkWords + (byte - chunk) / 2;
}

void NibbleTables::AddWord(std::span<const HeaderRule> rules, size_t byte) {
  WordTables& tables = words_.emplace_back();
  tables.word = WordAt(byte);
  for (size_t i = 0; i < rules.size(); ++i) {
    for (size_t half = 0; half < 2; ++half) {
      const uint8_t mask = rules[i].mask[byte + half];
      const uint8_t value = rules[i].value[byte + half];
      for (uint8_t nibble = 0; nibble < 16; ++nibble) {
        const int wrong = ((nibble << 4 | nibble) & mask) ^ value;
        tables.low[half][nibble] |= BitIf((wrong & 0x0F) == 0, i);
        tables.high[half][nibble] |= BitIf((wrong & 0xF0) == 0, i);
      }
    }
  }
}

void NibbleTables::AddRange(std::span<const HeaderRule> rules,
                            std::optional<PortRange> HeaderRule::*ports, size_t byte) {
  RangeTables& tables = ranges_.emplace_back();
  tables.word = WordAt(byte);
  for (size_t i = 0; i < rules.size(); ++i) {
    const PortRange range = (rules[i].*ports).value_or(PortRange{0, UINT16_MAX});
    for (size_t digit = 0; digit < 4; ++digit) {
      const int first = range.first >> (4 * digit) & 15;
      const int last = range.last >> (4 * digit) & 15;
      auto& [beyond, at] = tables.digits[digit];
      for (int value = 0; value < 16; ++value) {
        beyond[0][value] |= BitIf(value > first, i);
        beyond[1][value] |= BitIf(value < last, i);
        at[0][value] |= BitIf(value == first, i);
        at[1][value] |= BitIf(value == last, i);
      }
    }
  }
}

NibbleTables::NibbleTables(std::span<const HeaderRule> rules) : chunks_{0} {
  for (size_t begin = 0; begin < rules.size(); begin += kGroup) {
    const auto group = rules.subspan(begin, std::min(kGroup, rules.size() - begin));
    const size_t words = words_.size();
    const size_t ranges = ranges_.size();
    // All rules look at the flags, so bits of rules that are not there are 0 from here on.
    for (size_t byte = 0; byte < sizeof(Headers); byte += 2) {
      const auto asks = [byte](const HeaderRule& rule) {
        return (rule.mask[byte] | rule.mask[byte + 1]) != 0;
      };
      if (std::any_of(group.begin(), group.end(), asks)) AddWord(group, byte);
    }
    for (const auto& [ports, byte] :
         {std::pair{&HeaderRule::source_ports, offsetof(Headers, source_port)},
          std::pair{&HeaderRule::destination_ports, offsetof(Headers, destination_port)}}) {
      const auto asks = [&ports](const HeaderRule& rule) { return (rule.*ports).has_value(); };
      if (std::any_of(group.begin(), group.end(), asks)) AddRange(group, ports, byte);
    }
    groups_.push_back({words_.size() - words, ranges_.size() - ranges});
  }
}

namespace {

FARRIER_AVX2 inline __m128i Load(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}

FARRIER_AVX2 inline __m256i Low(__m256i bytes) {
  return _mm256_and_si256(bytes, _mm256_set1_epi8(15));
}

FARRIER_AVX2 inline __m256i High(__m256i bytes) { return Low(_mm256_srli_epi16(bytes, 4)); }

// The first table at the first 16 nibbles, the second at the others.
FARRIER_AVX2 inline __m256i Lookup(const std::array<std::array<uint8_t, 16>, 2>& tables,
                                   __m256i nibbles) {
  const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&tables));
  return _mm256_shuffle_epi8(both, nibbles);
}

// In each half: the bytes of the first four vectors by turns with those of the last four.
FARRIER_AVX2 inline void Interleave(const __m256i* from, __m256i* to) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    to[2 * i] = _mm256_unpacklo_epi8(from[i], from[i + 4]);
    to[2 * i + 1] = _mm256_unpackhi_epi8(from[i], from[i + 4]);
  }
}

// The 16 bytes from `chunk` on of the headers of 16 frames, as 8 words.
FARRIER_AVX2 __attribute__((noinline)) void Transpose(Frame* const* frames, size_t chunk,
                                                      __m256i* words) {
  __m256i rows[8], mixed[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const auto* first = reinterpret_cast<const uint8_t*>(&frames[i]->headers) + chunk;
    const auto* second = reinterpret_cast<const uint8_t*>(&frames[i + 8]->headers) + chunk;
    rows[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(Load(first)), Load(second), 1);
  }
  // Three times that is a transposition of 8 rows in each half.
  Interleave(rows, mixed);
  Interleave(mixed, rows);
  Interleave(rows, mixed);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) words[i] = _mm256_permute4x64_epi64(mixed[i], 0b11'01'10'00);
}

FARRIER_AVX2 inline bool AllParsed(const __m256i* words) {
  static_assert(Headers::kParsed == 0x80);  // the bit that movemask takes
  return _mm_movemask_epi8(_mm256_castsi256_si128(words[kFlagsWord])) == 0xFFFF;
}

void Parse(Frame* const* frames) {
  for (size_t i = 0; i < kFrames; ++i) frames[i]->Parsed();
}

// The number of the lowest bit that is set in each byte, 128 if none is.
FARRIER_AVX2 inline __m128i LowestBit(__m128i bytes) {
  const __m128i in_low = _mm_setr_epi8(-128, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0);
  const __m128i in_high = _mm_setr_epi8(-128, 4, 5, 4, 6, 4, 5, 4, 7, 4, 5, 4, 6, 4, 5, 4);
  const __m128i low = _mm_and_si128(bytes, _mm_set1_epi8(15));
  const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
  return _mm_min_epu8(_mm_shuffle_epi8(in_low, low), _mm_shuffle_epi8(in_high, high));
}

}  // namespace

FARRIER_AVX2 void NibbleTables::FindSixteen(Frame* const* frames, uint8_t* verdicts) const {
  __m256i words[kMaxChunks * kChunkWords];
  // Mostly all have been parsed or none.
  if (!frames[0]->headers.Has(Headers::kParsed)) Parse(frames);
  Transpose(frames, 0, words);
  if (!AllParsed(words)) {
    Parse(frames);
    Transpose(frames, 0, words);
  }
  for (size_t i = 1; i < chunks_.size(); ++i) {
    Transpose(frames, chunks_[i], &words[i * kChunkWords]);
  }

  const WordTables* word = words_.data();
  const RangeTables* range = ranges_.data();
  __m128i found = _mm_set1_epi8(MatchTable::kNoRule);
  __m128i first_of_group = _mm_setzero_si128();
  for (const Group& group : groups_) {
    // By the word's first byte in one half, by its second byte in the other.
    __m256i rules = _mm256_set1_epi8(-1);
    for (const WordTables* end = word + group.words; word != end; ++word) {
      const __m256i bytes = words[word->word];
      rules = _mm256_and_si256(rules, Lookup(word->low, Low(bytes)));
      rules = _mm256_and_si256(rules, Lookup(word->high, High(bytes)));
    }
    for (const RangeTables* end = range + group.ranges; range != end; ++range) {
      // Whether what has been read of the port is not below the first one of the range, and in the
      // other half not above the last one.
      __m256i inside = _mm256_set1_epi8(-1);
      const auto* bytes = reinterpret_cast<const __m128i*>(&words[range->word]);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const __m256i twice = _mm256_broadcastsi128_si256(bytes[1 - i / 2]);
        const __m256i digit = i % 2 == 0 ? Low(twice) : High(twice);
        inside = _mm256_and_si256(inside, Lookup(range->digits[i].at, digit));
        inside = _mm256_or_si256(inside, Lookup(range->digits[i].beyond, digit));
      }
      rules = _mm256_and_si256(rules, inside);
    }
    const __m128i matching =
        _mm_and_si128(_mm256_castsi256_si128(rules), _mm256_extracti128_si256(rules, 1));
    found = _mm_min_epu8(found, _mm_add_epi8(first_of_group, LowestBit(matching)));
    first_of_group = _mm_add_epi8(first_of_group, _mm_set1_epi8(kGroup));
  }

  // A malformed frame has found no rule.
  static_assert(MatchTable::kMalformed == MatchTable::kNoRule + 1);
  static_assert(Headers::kMalformed == 1 << 5);
  const __m128i flags = _mm256_castsi256_si128(words[kFlagsWord]);
  const __m128i malformed = _mm_and_si128(_mm_srli_epi16(flags, 5), _mm_set1_epi8(1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(verdicts), _mm_add_epi8(found, malformed));
}

void NibbleTables::Find(Batch batch, std::span<uint8_t, kMaxBatch> verdicts) const {
  static_assert(kMaxBatch % kFrames == 0);
  for (size_t begin = 0; begin < batch.size(); begin += kFrames) {
    const size_t count = std::min(batch.size() - begin, kFrames);
    Frame* const* frames = &batch[begin];
    // If frames are lacking, one stands in for them.
    Frame* padded[kFrames];
    if (count < kFrames) {
      for (size_t i = 0; i < kFrames; ++i) padded[i] = frames[i < count ? i : 0];
      frames = padded;
    }
    FindSixteen(frames, &verdicts[begin]);
  }
}

}  // namespace farrier::elements
