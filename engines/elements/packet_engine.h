#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engines/elements/graph.h"
#include "engines/elements/pipeline.pb.h"
#include "engines/elements/pipeline_state.h"
#include "engines/runtime/engine.h"

namespace farrier::elements {

struct CounterValue {
  std::string element;
  std::string counter;
  uint64_t value;
};

// An engine that runs packets through a pipeline: receives from its ports, runs the graph to
// completion, gives back what it received, and serves the elements that hold packets.
class PacketEngine final : public runtime::Engine {
 public:
  // The error says all that is wrong with the pipeline. `ports` are the engine's alone and outlive
  // it; each port that the pipeline names must be among them.
  static absl::StatusOr<std::unique_ptr<PacketEngine>> Create(const Pipeline& pipeline,
                                                              std::span<const NamedPort> ports);

  std::string_view kind() const override { return "packet"; }
  int Poll(runtime::Nanoseconds now, int budget) override;
  void PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait) override;
  runtime::Nanoseconds OldestInput(runtime::Nanoseconds now) override;
  bool Snapshot(runtime::StateSink& sink, int budget) override;
  void Delta(runtime::StateSink& sink) override;
  absl::Status Restore(runtime::StateSource& source) override;

  // Every counter of every element, in the order of the pipeline; also what is held just now. On
  // the engine's thread (Mailbox).
  std::vector<CounterValue> Counters() const;

  // On the engine's thread.
  uint64_t packets_received() const;

  // Bytes that its elements hold packets in, taken at set-up.
  uint64_t memory_bytes() const;

 private:
  explicit PacketEngine(Graph graph) : graph_(std::move(graph)), state_(graph_) {}

  Graph graph_;
  PipelineState state_;
  // Whose turn is first, so that none takes the whole budget for ever.
  size_t first_holding_ = 0;
  size_t first_from_ = 0;
};

}  // namespace farrier::elements
