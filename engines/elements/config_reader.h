#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engines/elements/match.h"
#include "engines/elements/pipeline.pb.h"

namespace farrier::elements {

// What is wrong with a configuration, one line each: field, value, what would be right.
class ConfigErrors {
 public:
  void Add(absl::string_view path, absl::string_view value, absl::string_view what);
  void Missing(absl::string_view path, absl::string_view example);
  // Whether `value` is from `least` to `most`; notes it if not.
  bool InRange(absl::string_view path, uint64_t value, uint64_t least, uint64_t most);

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

// These turn text of a configuration into what elements take. What cannot be is noted, and what is
// returned is then of no meaning.
Match ReadMatch(const MatchConfig& config, const std::string& path, ConfigErrors& errors);
uint32_t ReadIpv4(const std::string& text, absl::string_view path, ConfigErrors& errors);
std::array<uint8_t, 6> ReadMac(const std::string& text, absl::string_view path,
                               ConfigErrors& errors);

}  // namespace farrier::elements
