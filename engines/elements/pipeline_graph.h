#pragma once

#include "engines/elements/config_reader.h"
#include "engines/elements/pipeline.pb.h"

namespace farrier::elements {

// What is wrong with a pipeline as a graph: names, outputs that lead nowhere, cycles, elements that
// nothing leads to, ports that are received from by none or by two, taps that multiply packets.
void CheckGraph(const Pipeline& pipeline, ConfigErrors& errors);

}  // namespace farrier::elements
