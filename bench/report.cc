#include "bench/report.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace farrier::bench {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

std::string CpuModel() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (absl::StartsWith(line, "model name")) {
      return std::string(absl::StripLeadingAsciiWhitespace(line.substr(line.find(':') + 1)));
    }
  }
  return "unknown";
}

Struct Machine() {
  utsname name{};
  uname(&name);
  Struct machine;
  auto& fields = *machine.mutable_fields();
  fields["cpu"].set_string_value(CpuModel());
  fields["cores"].set_number_value(static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN)));
  fields["kernel"].set_string_value(name.release);
  return machine;
}

Value ToJson(const Figure& figure) {
  Value value;
  auto& fields = *value.mutable_struct_value()->mutable_fields();
  fields["name"].set_string_value(figure.name);
  fields["value"].set_number_value(figure.value);
  fields["unit"].set_string_value(figure.unit);
  if (figure.target.empty()) {
    fields["target"].set_null_value(google::protobuf::NULL_VALUE);
  } else {
    fields["target"].set_string_value(figure.target);
  }
  fields["met"].set_bool_value(figure.met());
  return value;
}

// The figures of an earlier report; none if there is no such file or it is not a report.
google::protobuf::ListValue Earlier(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  Struct report;
  if (!google::protobuf::util::JsonStringToMessage(text.str(), &report).ok()) return {};
  const auto figures = report.fields().find("figures");
  if (figures == report.fields().end()) return {};
  return figures->second.list_value();
}

std::string FormatValue(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return absl::StrFormat("%.0f", value);
  return std::abs(value) >= 100 ? absl::StrFormat("%.1f", value) : absl::StrFormat("%.3g", value);
}

}  // namespace

bool Figure::met() const {
  if (target.empty()) return true;
  const std::vector<std::string> words = absl::StrSplit(target, ' ');
  double bound = 0;
  if (words.size() != 2 || !absl::SimpleAtod(words[1], &bound)) return false;
  if (words[0] == "<=") return value <= bound;
  if (words[0] == ">=") return value >= bound;
  return words[0] == "==" && value == bound;
}

absl::Status WriteReport(const std::filesystem::path& path, const std::string& prefix,
                         const std::vector<Figure>& figures) {
  Struct report;
  auto& all = *(*report.mutable_fields())["figures"].mutable_list_value();
  const google::protobuf::ListValue earlier = Earlier(path);
  for (const Value& figure : earlier.values()) {
    const auto& fields = figure.struct_value().fields();
    const auto name = fields.find("name");
    if (name != fields.end() && !absl::StartsWith(name->second.string_value(), prefix)) {
      *all.add_values() = figure;
    }
  }
  for (const Figure& figure : figures) *all.add_values() = ToJson(figure);
  *(*report.mutable_fields())["machine"].mutable_struct_value() = Machine();

  std::string text;
  google::protobuf::util::JsonPrintOptions print;
  print.add_whitespace = true;
  if (!google::protobuf::util::MessageToJsonString(report, &text, print).ok()) {
    return absl::InternalError("the report does not form JSON");
  }
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream out(path);
  out << text;
  out.close();
  if (!out) return absl::UnavailableError(absl::StrCat("cannot write ", path.string()));
  return absl::OkStatus();
}

std::string FormatTable(const std::vector<Figure>& figures) {
  size_t width = 0;
  for (const Figure& figure : figures) width = std::max(width, figure.name.size());
  std::string table;
  for (const Figure& figure : figures) {
    std::string verdict;
    if (!figure.target.empty()) {
      verdict = absl::StrCat("   target ", figure.target, figure.met() ? "" : "   MISSED");
    }
    absl::StrAppendFormat(&table, "  %-*s %14s %s%s\n", static_cast<int>(width), figure.name,
                          FormatValue(figure.value), figure.unit, verdict);
  }
  return table;
}

}  // namespace farrier::bench
