#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engines/elements/element.h"
#include "engines/elements/from_port.h"
#include "engines/elements/holding_element.h"
#include "engines/elements/pipeline.pb.h"
#include "engines/elements/to_port.h"

namespace farrier::elements {

struct NamedPort {
  std::string name;
  runtime::PacketPort* port;
};

// A pipeline's elements, joined; and those of them that the engine has dealings with.
struct Graph {
  std::vector<std::unique_ptr<Element>> elements;  // in the order of the pipeline
  std::vector<FromPort*> from;
  std::vector<ToPort*> to;
  std::vector<HoldingElement*> holding;
};

// Makes the elements of a pipeline, which is validated. `ports` outlive the graph; one that the
// pipeline names and that is not among them is an error.
absl::StatusOr<Graph> BuildGraph(const Pipeline& pipeline, std::span<const NamedPort> ports);

}  // namespace farrier::elements
