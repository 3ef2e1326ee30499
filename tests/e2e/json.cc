#include "tests/e2e/json.h"

#include <google/protobuf/util/json_util.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace farrier::e2e {

absl::Status ParseJson(const std::string& text, const std::string& what,
                       google::protobuf::Message& message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &message, options);
  if (status.ok()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      what, " is not the JSON it should be: ", status.message().ToString(), "\n", text));
}

absl::Status ParseJsonFile(const std::filesystem::path& path, google::protobuf::Message& message) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return ParseJson(text.str(), path.string(), message);
}

double Number(const google::protobuf::Struct& json, const std::string& name) {
  const auto field = json.fields().find(name);
  return field == json.fields().end() ? 0 : field->second.number_value();
}

}  // namespace farrier::e2e
