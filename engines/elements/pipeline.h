#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engines/elements/pipeline.pb.h"

namespace farrier::elements {

// Reads and validates the JSON form of a Pipeline. The error lists all that is wrong, one line
// each: the field's path, its value and what would be right; `origin` stands before them, e.g. the
// file's name.
absl::StatusOr<Pipeline> ParsePipeline(absl::string_view json, absl::string_view origin);
// The same for one that came as a message.
absl::Status ValidatePipeline(const Pipeline& pipeline, absl::string_view origin);
// The same as lines without an origin, for one that is part of something; empty: it is good.
std::vector<std::string> PipelineErrors(const Pipeline& pipeline);

// An output in a configuration.
struct OutputConfig {
  std::string path;    // of its field, below the element, e.g. "classifier.rules[1].output"
  std::string target;  // name of an element
};
// An element's outputs as they stand in its configuration.
std::vector<OutputConfig> OutputsOf(const ElementConfig& element);

}  // namespace farrier::elements
