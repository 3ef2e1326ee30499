#include "host/packet_engine_config.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "engines/elements/pipeline.h"
#include "host/config.h"
#include "hw/regs/registers.h"

namespace farrier::host {
namespace {

using elements::ElementConfig;

// What an engine may hold in all its elements: an upgrade moves it in one blackout at the worst.
constexpr uint64_t kMaxHeldBytes = uint64_t{1} << 28;
constexpr uint64_t kMaxHeldPackets = 1'000'000;

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", text, "\""); }

// A number, by which engines are called too, or what Pony's engines are called.
bool IsTaken(absl::string_view name) {
  absl::ConsumePrefix(&name, "pony");
  return !name.empty() && std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
}

class Checker {
 public:
  explicit Checker(Config& config) : config_(config) {
    for (const GroupConfig& group : config.groups()) groups_.insert(group.name());
  }

  std::vector<std::string> Check() {
    if (config_.packet_engines_size() > 0 && EngineCount(config_) > regs::kMaxQueues) {
      errors_.Add("packetEngines", absl::StrCat(config_.packet_engines_size(), " engines"),
                  absl::StrCat("and ", config_.pony().engines(),
                               " of Pony (pony.engines) are too many; a function has ",
                               regs::kMaxQueues, " queue pairs"));
    }
    for (int i = 0; i < config_.packet_engines_size(); ++i) {
      CheckEngine(*config_.mutable_packet_engines(i), absl::StrCat("packetEngines[", i, "]"));
    }
    std::vector<std::string> lines = errors_.lines();
    lines.insert(lines.end(), of_pipelines_.begin(), of_pipelines_.end());
    return lines;
  }

 private:
  void CheckEngine(PacketEngineConfig& engine, const std::string& path) {
    CheckName(engine.name(), path + ".name");
    if (!engine.has_group()) engine.set_group(config_.groups(0).name());
    if (!groups_.contains(engine.group())) {
      errors_.Add(path + ".group", Quoted(engine.group()),
                  absl::StrCat("is no group; there are: ", absl::StrJoin(groups_, ", ")));
    }
    if (!engine.has_weight()) engine.set_weight(1);
    errors_.InRange(path + ".weight", engine.weight(), 1, 1'000);
    CheckReceive(engine, path);
    CheckPipeline(engine.pipeline(), path + ".pipeline");
  }

  void CheckName(const std::string& name, const std::string& path) {
    if (name.empty()) return errors_.Missing(path, "\"edge\"");
    const bool good = name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
                        return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
                      });
    if (!good) {
      errors_.Add(path, Quoted(name), "must be 1 to 32 letters, digits, '.', '_' or '-'");
    } else if (IsTaken(name)) {
      errors_.Add(path, Quoted(name),
                  "is an engine's number or how Pony's are called; choose another");
    } else if (!names_.insert(name).second) {
      errors_.Add(path, Quoted(name), "stands in the list already; leave one out");
    }
  }

  void CheckReceive(PacketEngineConfig& engine, const std::string& path) {
    if (!engine.has_default_owner()) engine.set_default_owner(false);
    if (engine.default_owner() && std::exchange(default_owner_, true)) {
      errors_.Add(path + ".defaultOwner", "true",
                  "stands at another engine already; the card has one default owner");
    }
    if (engine.receive().empty() && !engine.default_owner()) {
      errors_.Missing(path + ".receive",
                      "[{\"match\": {\"destination\": \"10.9.0.0/16\"}}], or "
                      "\"defaultOwner\": true");
    }
    for (int i = 0; i < engine.receive_size(); ++i) {
      const std::string rule_path = absl::StrCat(path, ".receive[", i, "]");
      CheckRule(engine.receive(i), rule_path);
      if (++rules_ == regs::kRules + 1) {
        errors_.Add(rule_path, absl::StrCat("rule ", rules_),
                    absl::StrCat("is one too many; the card has ", regs::kRules, " in all"));
      }
    }
  }

  void CheckRule(const ReceiveRule& rule, const std::string& path) {
    const size_t before = errors_.lines().size();
    const driver::RuleMatch match = ReadReceiveRule(rule, path, errors_);
    if (errors_.lines().size() != before) return;
    if (absl::Status encoded = driver::Encode({.match = match}).status(); !encoded.ok()) {
      errors_.Add(path, "the rule", absl::StrCat("cannot be: ", encoded.message()));
    }
    // What is not IP has protocol and DSCP 0 to the card.
    const bool ip = match.ether_type || match.src_ip || match.dst_ip;
    if (match.protocol == 0 && !ip) {
      errors_.Add(path + ".match.protocol", "0", "is also what is not IP; give etherType, too");
    }
    if (match.dscp == 0 && !ip && match.protocol.value_or(0) == 0) {
      errors_.Add(path + ".match.dscp", "0", "is also what is not IP; give etherType, too");
    }
  }

  void CheckPipeline(const elements::Pipeline& pipeline, const std::string& path) {
    for (const std::string& error : elements::PipelineErrors(pipeline)) {
      of_pipelines_.push_back(absl::StrCat(path, ".", error));
    }
    uint64_t packets = 0, bytes = 0;
    for (int i = 0; i < pipeline.elements_size(); ++i) {
      const ElementConfig& element = pipeline.elements(i);
      const std::string element_path = absl::StrCat(path, ".elements[", i, "]");
      if (element.has_from_port()) {
        CheckPort(element.from_port().port(), element_path + ".fromPort.port");
      } else if (element.has_to_port()) {
        CheckPort(element.to_port().port(), element_path + ".toPort.port");
      }
      const elements::Limits& limits =
          element.has_queue() ? element.queue().limits() : element.shaper().limits();
      packets += limits.packets();
      bytes += limits.bytes();
    }
    if (packets > kMaxHeldPackets || bytes > kMaxHeldBytes) {
      errors_.Add(path, absl::StrCat(packets, " packets and ", bytes, " bytes"),
                  absl::StrCat("in all its limits are too much; at most ", kMaxHeldPackets, " and ",
                               kMaxHeldBytes));
    }
  }

  void CheckPort(const std::string& port, const std::string& path) {
    if (port.empty() || port == kCardPort) return;  // what is missing has been told
    errors_.Add(path, Quoted(port),
                absl::StrCat("is no port of a packet engine, which has one: \"", kCardPort, "\""));
  }

  Config& config_;
  elements::ConfigErrors errors_;
  std::vector<std::string> of_pipelines_;
  std::set<std::string> groups_;
  std::set<std::string> names_;
  bool default_owner_ = false;
  uint32_t rules_ = 0;
};

driver::IpPrefix CardPrefix(const elements::Prefix& prefix) {
  driver::IpPrefix words{.v6 = prefix.v6, .bits = static_cast<uint32_t>(prefix.bits)};
  for (size_t byte = 0; byte < (prefix.v6 ? 16 : 4); ++byte) {
    words.address[byte / 4] |= uint32_t{prefix.address[byte]} << (24 - 8 * (byte % 4));
  }
  return words;
}

driver::Ports CardPorts(const std::optional<elements::PortRange>& ports) {
  return ports ? driver::Ports{.low = ports->first, .high = ports->last} : driver::Ports{};
}

}  // namespace

driver::RuleMatch ReadReceiveRule(const ReceiveRule& rule, const std::string& path,
                                  elements::ConfigErrors& errors) {
  const elements::Match match = elements::ReadMatch(rule.match(), path + ".match", errors);
  driver::RuleMatch card;
  if (!rule.source_mac().empty()) {
    card.src_mac = elements::ReadMac(rule.source_mac(), path + ".sourceMac", errors);
  }
  if (!rule.destination_mac().empty()) {
    card.dst_mac = elements::ReadMac(rule.destination_mac(), path + ".destinationMac", errors);
  }
  card.ether_type = match.ether_type;
  if (rule.has_tagged()) card.tagged = rule.tagged();
  card.vlan = match.vlan;
  if (match.destination) card.dst_ip = CardPrefix(*match.destination);
  if (match.source) card.src_ip = CardPrefix(*match.source);
  card.protocol = match.protocol;
  card.dscp = match.dscp;
  card.fragment = match.fragment;
  if (rule.has_tunnel()) card.tunnel = rule.tunnel();
  card.src_ports = CardPorts(match.source_ports);
  card.dst_ports = CardPorts(match.destination_ports);
  return card;
}

void CheckPacketEngines(Config& config, std::vector<std::string>& errors) {
  for (std::string& line : Checker(config).Check()) errors.push_back(std::move(line));
}

}  // namespace farrier::host
