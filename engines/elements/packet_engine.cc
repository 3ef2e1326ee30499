#include "engines/elements/packet_engine.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "engines/elements/pipeline.h"

namespace farrier::elements {
namespace {

// Calls `one` on each of `list`, beginning at `first`, with what is left of `budget`; how much of
// it was used. Begins with the next one next time.
template <typename T, typename F>
size_t Share(const std::vector<T*>& list, size_t& first, size_t budget, F one) {
  size_t left = budget;
  for (size_t i = 0; i < list.size() && left > 0; ++i) {
    left -= one(*list[(first + i) % list.size()], left);
  }
  if (!list.empty()) first = (first + 1) % list.size();
  return budget - left;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PacketEngine>> PacketEngine::Create(
    const Pipeline& pipeline, std::span<const NamedPort> ports) {
  if (absl::Status valid = ValidatePipeline(pipeline, "pipeline"); !valid.ok()) return valid;
  absl::StatusOr<Graph> graph = BuildGraph(pipeline, ports);
  if (!graph.ok()) return graph.status();
  return std::unique_ptr<PacketEngine>(new PacketEngine(*std::move(graph)));
}

int PacketEngine::Poll(runtime::Nanoseconds now, int budget) {
  const auto most = static_cast<size_t>(std::max(budget, 0));
  // Also if an element throws: the ports outlive the engine.
  const absl::Cleanup end_poll = [this] {
    for (ToPort* to : graph_.to) to->EndPoll();
  };
  // What was held goes ahead of what comes.
  const size_t served =
      Share(graph_.holding, first_holding_, most,
            [now](HoldingElement& holding, size_t left) { return holding.Serve(now, left); });
  const size_t received = Share(graph_.from, first_from_, most, [now](FromPort& from, size_t left) {
    return from.Receive(now, std::min(left, kMaxBatch));
  });
  return static_cast<int>(served + received);
}

void PacketEngine::PrepareWait(runtime::Nanoseconds now, runtime::WaitSet& wait) {
  for (FromPort* from : graph_.from) {
    if (!from->port().ArmRxEvent()) wait.busy = true;
    const std::span<const int> events = from->port().RxEventFds();
    wait.fds.insert(wait.fds.end(), events.begin(), events.end());
  }
  for (const HoldingElement* holding : graph_.holding) {
    wait.deadline = std::min(wait.deadline, holding->NextServe(now));
  }
  if (wait.deadline <= now) wait.busy = true;
}

runtime::Nanoseconds PacketEngine::OldestInput(runtime::Nanoseconds now) {
  runtime::Nanoseconds oldest = runtime::kNever;
  for (const FromPort* from : graph_.from) oldest = std::min(oldest, from->left_over_since());
  for (const HoldingElement* holding : graph_.holding) {
    oldest = std::min(oldest, holding->Waiting(now));
  }
  return oldest;
}

bool PacketEngine::Snapshot(runtime::StateSink& sink, int budget) {
  return state_.Snapshot(sink, budget);
}

void PacketEngine::Delta(runtime::StateSink& sink) { state_.Delta(sink); }

absl::Status PacketEngine::Restore(runtime::StateSource& source) { return state_.Restore(source); }

std::vector<CounterValue> PacketEngine::Counters() const {
  std::vector<CounterValue> values;
  for (const auto& element : graph_.elements) {
    for (const CounterRef& counter : element->Counters()) {
      values.push_back({element->name(), counter.name, *counter.value});
    }
  }
  for (const HoldingElement* holding : graph_.holding) {
    values.push_back({holding->name(), "holds_packets", holding->store().size()});
    values.push_back({holding->name(), "holds_bytes", holding->store().bytes()});
  }
  return values;
}

uint64_t PacketEngine::packets_received() const {
  uint64_t packets = 0;
  for (const FromPort* from : graph_.from) packets += from->packets();
  return packets;
}

uint64_t PacketEngine::memory_bytes() const {
  uint64_t bytes = 0;
  for (const HoldingElement* holding : graph_.holding) bytes += holding->store().memory_bytes();
  return bytes;
}

}  // namespace farrier::elements
