#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace farrier::e2e {

// Reads what a program printed as JSON; unknown fields are skipped. `what` names it in errors.
absl::Status ParseJson(const std::string& text, const std::string& what,
                       google::protobuf::Message& message);
absl::Status ParseJsonFile(const std::filesystem::path& path, google::protobuf::Message& message);

// A member that is a number; 0 if there is none.
double Number(const google::protobuf::Struct& json, const std::string& name);

}  // namespace farrier::e2e
