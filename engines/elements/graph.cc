#include "engines/elements/graph.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engines/elements/acl.h"
#include "engines/elements/classifier.h"
#include "engines/elements/config_reader.h"
#include "engines/elements/counter.h"
#include "engines/elements/discard.h"
#include "engines/elements/pipeline.h"
#include "engines/elements/queue.h"
#include "engines/elements/shaper.h"
#include "engines/elements/tap.h"
#include "engines/elements/vlan.h"
#include "engines/elements/vxlan_decap.h"
#include "engines/elements/vxlan_encap.h"

namespace farrier::elements {
namespace {

HoldingElement::Limits ReadLimits(const Limits& limits) {
  return {.packets = limits.packets(),
          .bytes = limits.bytes(),
          .drop = limits.drop() == Limits::OLDEST ? HoldingElement::Drop::kOldest
                                                  : HoldingElement::Drop::kTail};
}

class Builder {
 public:
  explicit Builder(std::span<const NamedPort> ports) {
    for (const NamedPort& port : ports) ports_.emplace(port.name, port.port);
  }

  absl::StatusOr<Graph> Build(const Pipeline& pipeline) {
    for (const ElementConfig& config : pipeline.elements()) {
      graph_.elements.push_back(Make(config));
      by_name_[config.name()] = graph_.elements.back().get();
    }
    for (int i = 0; i < pipeline.elements_size(); ++i) {
      Join(pipeline.elements(i), *graph_.elements[i]);
    }
    if (!missing_.empty()) {
      return absl::NotFoundError(absl::StrCat(
          "the pipeline names ports that the engine does not have: ", absl::StrJoin(missing_, ", "),
          "; it has: ", absl::StrJoin(ports_, ", ", [](std::string* out, const auto& port) {
            out->append(port.first);
          })));
    }
    return std::move(graph_);
  }

 private:
  template <typename T>
  std::unique_ptr<T> Note(std::vector<T*>& list, std::unique_ptr<T> element) {
    list.push_back(element.get());
    return element;
  }

  runtime::PacketPort* PortOf(const std::string& name) {
    const auto port = ports_.find(name);
    if (port != ports_.end()) return port->second;
    missing_.push_back(name);
    return nullptr;
  }

  std::unique_ptr<Element> Make(const ElementConfig& config) {
    const std::string& name = config.name();
    switch (config.kind_case()) {
      case ElementConfig::kFromPort:
        return Note(graph_.from,
                    std::make_unique<FromPort>(name, PortOf(config.from_port().port())));
      case ElementConfig::kToPort:
        return Note(graph_.to, std::make_unique<ToPort>(name, PortOf(config.to_port().port())));
      case ElementConfig::kCounter:
        return std::make_unique<Counter>(name);
      case ElementConfig::kClassifier:
        return MakeClassifier(name, config);
      case ElementConfig::kAcl:
        return MakeAcl(name, config.acl());
      case ElementConfig::kQueue:
        return Note<HoldingElement>(
            graph_.holding, std::make_unique<Queue>(name, ReadLimits(config.queue().limits())));
      case ElementConfig::kShaper:
        return Note<HoldingElement>(
            graph_.holding,
            std::make_unique<Shaper>(name, config.shaper().rate(), config.shaper().burst_bytes(),
                                     ReadLimits(config.shaper().limits())));
      case ElementConfig::kTap:
        return std::make_unique<Tap>(
            name, config.tap().every(),
            config.tap().has_max_bytes() ? config.tap().max_bytes() : kMaxHeldBytes);
      case ElementConfig::kVlanPush:
        return std::make_unique<VlanPush>(
            name, static_cast<uint16_t>(config.vlan_push().id()),
            static_cast<uint8_t>(config.vlan_push().priority()),
            config.vlan_push().service() ? kEtherTypeServiceVlan : kEtherTypeVlan);
      case ElementConfig::kVlanPop:
        return std::make_unique<VlanPop>(name);
      case ElementConfig::kVxlanEncap:
        return MakeEncap(name, config.vxlan_encap());
      case ElementConfig::kVxlanDecap:
        return MakeDecap(name, config.vxlan_decap());
      case ElementConfig::kDiscard:
      case ElementConfig::KIND_NOT_SET:
        break;
    }
    return std::make_unique<Discard>(name);
  }

  // Rules that lead to one element share an output.
  static std::map<std::string, size_t> ClassifierOutputs(const ClassifierConfig& config) {
    std::map<std::string, size_t> outputs;
    for (const ClassifierRule& rule : config.rules()) {
      outputs.emplace(rule.output(), outputs.size());
    }
    return outputs;
  }

  std::unique_ptr<Element> MakeClassifier(const std::string& name, const ElementConfig& config) {
    const auto outputs = ClassifierOutputs(config.classifier());
    std::vector<Classifier::Rule> rules;
    for (const ClassifierRule& rule : config.classifier().rules()) {
      rules.push_back({ReadMatch(rule.match(), "", errors_), outputs.at(rule.output())});
    }
    return std::make_unique<Classifier>(name, rules, outputs.size());
  }

  std::unique_ptr<Element> MakeAcl(const std::string& name, const AclConfig& config) {
    std::vector<Acl::Rule> rules;
    for (const AclConfig::Rule& rule : config.rules()) {
      rules.push_back({ReadMatch(rule.match(), "", errors_), rule.action() == AclConfig::ALLOW});
    }
    return std::make_unique<Acl>(name, rules, config.otherwise() == AclConfig::ALLOW);
  }

  std::unique_ptr<Element> MakeEncap(const std::string& name, const VxlanEncapConfig& config) {
    VxlanEncap::Options options;
    options.source_mac = ReadMac(config.source_mac(), "", errors_);
    options.destination_mac = ReadMac(config.destination_mac(), "", errors_);
    options.source_ip = ReadIpv4(config.source_ip(), "", errors_);
    options.destination_ip = ReadIpv4(config.destination_ip(), "", errors_);
    options.vni = config.vni();
    if (config.has_udp_port()) options.udp_port = static_cast<uint16_t>(config.udp_port());
    if (config.has_ttl()) options.ttl = static_cast<uint8_t>(config.ttl());
    options.dscp = static_cast<uint8_t>(config.dscp());
    return std::make_unique<VxlanEncap>(name, options);
  }

  std::unique_ptr<Element> MakeDecap(const std::string& name, const VxlanDecapConfig& config) {
    VxlanDecap::Options options;
    if (!config.local_ip().empty()) options.local_ip = ReadIpv4(config.local_ip(), "", errors_);
    options.vni = config.vni();
    if (config.has_udp_port()) options.udp_port = static_cast<uint16_t>(config.udp_port());
    return std::make_unique<VxlanDecap>(name, options);
  }

  void Join(const ElementConfig& config, Element& element) {
    if (config.has_classifier()) {
      const auto outputs = ClassifierOutputs(config.classifier());
      for (const auto& [target, output] : outputs) element.Connect(output, by_name_.at(target));
      element.Connect(outputs.size(), by_name_.at(config.classifier().otherwise()));
      return;
    }
    size_t output = 0;
    for (const OutputConfig& to : OutputsOf(config)) {
      element.Connect(output++, by_name_.at(to.target));
    }
  }

  std::map<std::string, runtime::PacketPort*> ports_;
  std::map<std::string, Element*> by_name_;
  std::vector<std::string> missing_;
  ConfigErrors errors_;  // none: the pipeline was validated
  Graph graph_;
};

}  // namespace

absl::StatusOr<Graph> BuildGraph(const Pipeline& pipeline, std::span<const NamedPort> ports) {
  return Builder(ports).Build(pipeline);
}

}  // namespace farrier::elements
