#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace farrier::host::testing {

// Prometheus' text format (version 0.0.4), read by its rules: what it does not allow, and what
// promtool would complain of, fails the test.
struct MetricsText {
  struct Family {
    std::string type;
    std::string help;
  };
  std::map<std::string, Family> families;
  std::map<std::string, double> samples;  // by name and labels as they stand, unescaped

  // Of the one sample that there is with this name and these labels, as they stand.
  std::optional<double> Value(const std::string& sample) const {
    const auto found = samples.find(sample);
    return found == samples.end() ? std::nullopt : std::optional(found->second);
  }

  // Sum over the samples of a name, those whose labels contain `with` alone.
  double Sum(const std::string& name, const std::string& with = "") const {
    double sum = 0;
    for (const auto& [sample, value] : samples) {
      const std::string start = sample.substr(0, sample.find('{'));
      if (start == name && absl::StrContains(sample, with)) sum += value;
    }
    return sum;
  }
};

namespace internal {

inline bool IsName(absl::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  for (const char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

// Reads {name="value",...} off the front of `line` with escapes undone; nullopt: it is none.
inline std::optional<std::map<std::string, std::string>> ReadLabels(absl::string_view& line) {
  std::map<std::string, std::string> labels;
  if (!absl::ConsumePrefix(&line, "{")) return labels;
  while (!absl::ConsumePrefix(&line, "}")) {
    const size_t equals = line.find('=');
    if (equals == absl::string_view::npos) return std::nullopt;
    const std::string name(line.substr(0, equals));
    line.remove_prefix(equals + 1);
    if (!IsName(name) || !absl::ConsumePrefix(&line, "\"")) return std::nullopt;
    std::string value;
    for (;;) {
      if (line.empty()) return std::nullopt;
      char c = line[0];
      line.remove_prefix(1);
      if (c == '"') break;
      if (c == '\\') {
        if (line.empty() || !absl::StrContains("\\\"n", line.substr(0, 1))) return std::nullopt;
        c = line[0] == 'n' ? '\n' : line[0];
        line.remove_prefix(1);
      }
      value.push_back(c);
    }
    if (!labels.emplace(name, value).second) return std::nullopt;
    if (!absl::ConsumePrefix(&line, ",") && !absl::StartsWith(line, "}")) return std::nullopt;
  }
  return labels;
}

inline void Lint(const std::string& name, const MetricsText::Family& family) {
  EXPECT_TRUE(absl::StartsWith(name, "farrier_")) << name;
  EXPECT_FALSE(family.help.empty()) << name << " has no HELP";
  EXPECT_TRUE(family.type == "counter" || family.type == "gauge" || family.type == "histogram")
      << name << ": TYPE " << family.type;
  EXPECT_EQ(absl::EndsWith(name, "_total"), family.type == "counter") << name;
  // Base units, and not in the middle.
  for (const char* unit :
       {"_ms", "_us", "_ns", "_milliseconds", "_percent", "_kb", "_mb", "_mbps"}) {
    EXPECT_FALSE(absl::StrContains(absl::StrCat(name, "_"), absl::StrCat(unit, "_"))) << name;
  }
  for (const char* unit : {"seconds", "bytes", "ratio"}) {
    const absl::string_view base = absl::StripSuffix(name, "_total");
    EXPECT_EQ(absl::StrContains(absl::StrCat(base, "_"), absl::StrCat("_", unit, "_")),
              absl::EndsWith(base, absl::StrCat("_", unit)))
        << name << ": the unit comes last";
  }
  for (const char* reserved : {"_count", "_sum", "_bucket"}) {
    EXPECT_FALSE(absl::EndsWith(name, reserved)) << name;
  }
}

}  // namespace internal

inline MetricsText ReadMetrics(const std::string& text) {
  MetricsText read;
  std::set<std::string> ended;  // families that others have come after
  std::string current;
  EXPECT_TRUE(text.empty() || text.back() == '\n') << "the last line is not ended";
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::string whole(line);
    if (absl::ConsumePrefix(&line, "# ")) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
      if (words.size() != 3) {
        ADD_FAILURE() << whole;
        continue;
      }
      if (current != words[1]) {
        EXPECT_TRUE(ended.insert(current).second) << whole;
        EXPECT_FALSE(ended.contains(words[1])) << "comes twice: " << whole;
        current = words[1];
      }
      std::string& field =
          words[0] == "TYPE" ? read.families[current].type : read.families[current].help;
      EXPECT_TRUE(words[0] == "TYPE" || words[0] == "HELP") << whole;
      EXPECT_EQ(field, "") << whole;
      field = words[2];
      continue;
    }
    const size_t name_end = line.find_first_of("{ ");
    const std::string name(line.substr(0, name_end));
    EXPECT_TRUE(internal::IsName(name)) << whole;
    line.remove_prefix(name.size());
    const auto labels = internal::ReadLabels(line);
    double value = 0;
    if (!labels || !absl::ConsumePrefix(&line, " ") || !absl::SimpleAtod(line, &value)) {
      ADD_FAILURE() << "not a sample: " << whole;
      continue;
    }
    std::string family = name;
    if (read.families[current].type == "histogram") {
      for (const char* suffix : {"_bucket", "_sum", "_count"}) {
        if (name == current + suffix) family = current;
      }
    }
    EXPECT_EQ(family, current) << "is not among its family: " << whole;
    std::string key = name;
    for (const auto& [label, said] : *labels) {
      absl::StrAppend(&key, key == name ? "{" : ",", label, "=\"", said, "\"");
    }
    if (!labels->empty()) key += "}";
    EXPECT_TRUE(read.samples.emplace(key, value).second) << "comes twice: " << whole;
    if (read.families[current].type != "gauge") {
      EXPECT_GE(value, 0) << whole;
    }
  }
  for (const auto& [name, family] : read.families) internal::Lint(name, family);
  return read;
}

// Names of the metrics that a table of Markdown lists, each in the first column as code.
inline std::set<std::string> DocumentedMetrics(const std::string& path) {
  std::set<std::string> names;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  for (std::string line; std::getline(file, line);) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "| `farrier_")) continue;
    EXPECT_TRUE(names.insert(absl::StrCat("farrier_", rest.substr(0, rest.find('`')))).second)
        << line;
  }
  return names;
}

}  // namespace farrier::host::testing
