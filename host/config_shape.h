#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>

#include <string>
#include <vector>

namespace farrier::host {

// The shape of a document against a schema: names and types, so that an error can tell the path as
// the user wrote it and the names that exist. Protobuf's own parser says less.
void CheckShape(const google::protobuf::Struct& document, const google::protobuf::Descriptor& type,
                std::vector<std::string>& errors);

}  // namespace farrier::host
