#include "host/hosted_packet_engine.h"

#include <array>
#include <map>
#include <string>
#include <utility>

#include "engines/elements/packet_engine.h"
#include "host/packet_engine_config.h"

namespace farrier::host {
namespace {

using elements::CounterValue;
using elements::ElementConfig;
using elements::PacketEngine;

// As the configuration calls it, e.g. "vlanPush".
std::string KindOf(const ElementConfig& element) {
  const auto* kind = ElementConfig::GetReflection()->GetOneofFieldDescriptor(
      element, ElementConfig::descriptor()->FindOneofByName("kind"));
  return kind == nullptr ? "" : kind->json_name();
}

class HostedPacketEngine final : public HostedEngine {
 public:
  HostedPacketEngine(std::unique_ptr<PacketEngine> engine, const elements::Pipeline& pipeline)
      : engine_(std::move(engine)) {
    for (const ElementConfig& element : pipeline.elements()) {
      elements_.emplace_back(element.name(), KindOf(element));
    }
  }

  runtime::Engine& engine() override { return *engine_; }

  EngineWork Work() override { return {.packets = engine_->packets_received()}; }
  uint64_t MemoryBytes() override { return engine_->memory_bytes(); }

  void Describe(EngineStatus& status) override {
    std::map<std::string, ElementStatus*> by_name;
    for (const auto& [name, kind] : elements_) {
      ElementStatus& element = *status.add_elements();
      element.set_name(name);
      element.set_kind(kind);
      by_name[name] = &element;
    }
    for (CounterValue& value : engine_->Counters()) {
      Counter& counter = *by_name.at(value.element)->add_counters();
      counter.set_name(std::move(value.counter));
      counter.set_value(value.value);
    }
  }

 private:
  const std::unique_ptr<PacketEngine> engine_;
  std::vector<std::pair<std::string, std::string>> elements_;  // name, kind
};

}  // namespace

EngineMaker PacketEngineMaker(const PacketEngineConfig& config, driver::OwnerPort& port) {
  return [pipeline = config.pipeline(), &port]() -> absl::StatusOr<std::unique_ptr<HostedEngine>> {
    const std::array<elements::NamedPort, 1> ports = {{{kCardPort, &port}}};
    absl::StatusOr<std::unique_ptr<PacketEngine>> engine = PacketEngine::Create(pipeline, ports);
    if (!engine.ok()) return engine.status();
    return std::make_unique<HostedPacketEngine>(*std::move(engine), pipeline);
  };
}

}  // namespace farrier::host
