#include "engines/elements/pipeline.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engines/elements/config_reader.h"
#include "engines/elements/match_table.h"
#include "engines/elements/packet_store.h"
#include "engines/elements/pipeline_graph.h"

namespace farrier::elements {
namespace {

constexpr size_t kMaxJsonBytes = 1 << 20;
constexpr int kMaxElements = 256;
constexpr uint32_t kMaxHeldPackets = 1'000'000;
constexpr uint32_t kMaxHeldTotal = 1 << 28;
constexpr uint32_t kMaxVni = (1 << 24) - 1;

absl::Status Failure(absl::string_view origin, const std::vector<std::string>& errors) {
  return absl::InvalidArgumentError(
      absl::StrJoin(errors, "\n", [&](std::string* out, const std::string& error) {
        absl::StrAppend(out, origin, ": ", error);
      }));
}

// The fields of one element, but for its outputs.
class FieldChecker {
 public:
  FieldChecker(std::string path, ConfigErrors& errors) : path_(std::move(path)), errors_(errors) {}

  void Check(const ElementConfig& element) {
    switch (element.kind_case()) {
      case ElementConfig::kFromPort:
        return CheckPort("fromPort.port", element.from_port().port());
      case ElementConfig::kToPort:
        return CheckPort("toPort.port", element.to_port().port());
      case ElementConfig::kClassifier:
        return CheckClassifier(element.classifier());
      case ElementConfig::kAcl:
        return CheckAcl(element.acl());
      case ElementConfig::kQueue:
        return CheckLimits("queue.limits", element.queue().limits());
      case ElementConfig::kShaper:
        InRange("shaper.rate", element.shaper().rate(), 1'000, 1'000'000'000'000);
        InRange("shaper.burstBytes", element.shaper().burst_bytes(), 1, 1 << 30);
        return CheckLimits("shaper.limits", element.shaper().limits());
      case ElementConfig::kTap:
        InRange("tap.every", element.tap().every(), 1, UINT32_MAX);
        if (element.tap().has_max_bytes()) {
          InRange("tap.maxBytes", element.tap().max_bytes(), 1, kMaxHeldBytes);
        }
        return;
      case ElementConfig::kVlanPush:
        if (!element.vlan_push().has_id()) errors_.Missing(At("vlanPush.id"), "100");
        InRange("vlanPush.id", element.vlan_push().id(), 0, 0xFFF);
        InRange("vlanPush.priority", element.vlan_push().priority(), 0, 7);
        return;
      case ElementConfig::kVxlanEncap:
        return CheckEncap(element.vxlan_encap());
      case ElementConfig::kVxlanDecap:
        return CheckDecap(element.vxlan_decap());
      case ElementConfig::kDiscard:
      case ElementConfig::kCounter:
      case ElementConfig::kVlanPop:
        return;
      case ElementConfig::KIND_NOT_SET:
        errors_.Missing(path_ + ".<kind>", "\"counter\": {\"output\": \"next\"}");
    }
  }

 private:
  std::string At(absl::string_view field) const { return absl::StrCat(path_, ".", field); }
  void InRange(absl::string_view field, uint64_t value, uint64_t least, uint64_t most) {
    errors_.InRange(At(field), value, least, most);
  }

  void CheckPort(absl::string_view field, const std::string& port) {
    if (port.empty()) errors_.Missing(At(field), "\"wire\"");
  }

  void CheckLimits(const std::string& field, const Limits& limits) {
    InRange(field + ".packets", limits.packets(), 1, kMaxHeldPackets);
    InRange(field + ".bytes", limits.bytes(), 1, kMaxHeldTotal);
    if (!Limits::Drop_IsValid(limits.drop())) {
      errors_.Add(At(field + ".drop"), absl::StrCat(limits.drop()), "must be TAIL or OLDEST");
    }
  }

  void CheckRuleCount(absl::string_view field, int count) {
    if (count > static_cast<int>(MatchTable::kMaxRules)) {
      errors_.Add(At(field), absl::StrCat(count, " rules"),
                  absl::StrCat("are too many; at most ", MatchTable::kMaxRules,
                               ", put more into an element behind this one"));
    }
  }

  void CheckClassifier(const ClassifierConfig& classifier) {
    CheckRuleCount("classifier.rules", classifier.rules_size());
    for (int i = 0; i < classifier.rules_size(); ++i) {
      ReadMatch(classifier.rules(i).match(), At(absl::StrCat("classifier.rules[", i, "].match")),
                errors_);
    }
  }

  void CheckAction(const std::string& field, AclConfig::Action action) {
    if (action == AclConfig::UNSPECIFIED) {
      errors_.Missing(At(field), "\"DENY\"");
    } else if (!AclConfig::Action_IsValid(action)) {
      errors_.Add(At(field), absl::StrCat(action), "must be ALLOW or DENY");
    }
  }

  void CheckAcl(const AclConfig& acl) {
    CheckRuleCount("acl.rules", acl.rules_size());
    for (int i = 0; i < acl.rules_size(); ++i) {
      const std::string rule = absl::StrCat("acl.rules[", i, "]");
      ReadMatch(acl.rules(i).match(), At(rule + ".match"), errors_);
      CheckAction(rule + ".action", acl.rules(i).action());
    }
    CheckAction("acl.otherwise", acl.otherwise());
  }

  void CheckVni(absl::string_view field, bool given, uint32_t vni) {
    if (!given) errors_.Missing(At(field), "42");
    InRange(field, vni, 0, kMaxVni);
  }

  void CheckEncap(const VxlanEncapConfig& encap) {
    CheckVni("vxlanEncap.vni", encap.has_vni(), encap.vni());
    ReadMac(encap.source_mac(), At("vxlanEncap.sourceMac"), errors_);
    ReadMac(encap.destination_mac(), At("vxlanEncap.destinationMac"), errors_);
    ReadIpv4(encap.source_ip(), At("vxlanEncap.sourceIp"), errors_);
    ReadIpv4(encap.destination_ip(), At("vxlanEncap.destinationIp"), errors_);
    if (encap.has_udp_port()) InRange("vxlanEncap.udpPort", encap.udp_port(), 1, UINT16_MAX);
    if (encap.has_ttl()) InRange("vxlanEncap.ttl", encap.ttl(), 1, 255);
    InRange("vxlanEncap.dscp", encap.dscp(), 0, 63);
  }

  void CheckDecap(const VxlanDecapConfig& decap) {
    CheckVni("vxlanDecap.vni", decap.has_vni(), decap.vni());
    if (!decap.local_ip().empty()) {
      ReadIpv4(decap.local_ip(), At("vxlanDecap.localIp"), errors_);
    }
    if (decap.has_udp_port()) InRange("vxlanDecap.udpPort", decap.udp_port(), 1, UINT16_MAX);
  }

  const std::string path_;
  ConfigErrors& errors_;
};

}  // namespace

std::vector<OutputConfig> OutputsOf(const ElementConfig& element) {
  switch (element.kind_case()) {
    case ElementConfig::kFromPort:
      return {{"fromPort.output", element.from_port().output()}};
    case ElementConfig::kCounter:
      return {{"counter.output", element.counter().output()}};
    case ElementConfig::kClassifier: {
      std::vector<OutputConfig> outputs;
      for (int i = 0; i < element.classifier().rules_size(); ++i) {
        outputs.push_back({absl::StrCat("classifier.rules[", i, "].output"),
                           element.classifier().rules(i).output()});
      }
      outputs.push_back({"classifier.otherwise", element.classifier().otherwise()});
      return outputs;
    }
    case ElementConfig::kAcl:
      return {{"acl.output", element.acl().output()}};
    case ElementConfig::kQueue:
      return {{"queue.output", element.queue().output()}};
    case ElementConfig::kShaper:
      return {{"shaper.output", element.shaper().output()}};
    case ElementConfig::kTap:
      return {{"tap.output", element.tap().output()}, {"tap.copies", element.tap().copies()}};
    case ElementConfig::kVlanPush:
      return {{"vlanPush.output", element.vlan_push().output()}};
    case ElementConfig::kVlanPop:
      return {{"vlanPop.output", element.vlan_pop().output()},
              {"vlanPop.untagged", element.vlan_pop().untagged()}};
    case ElementConfig::kVxlanEncap:
      return {{"vxlanEncap.output", element.vxlan_encap().output()}};
    case ElementConfig::kVxlanDecap:
      return {{"vxlanDecap.output", element.vxlan_decap().output()},
              {"vxlanDecap.others", element.vxlan_decap().others()}};
    case ElementConfig::kToPort:
    case ElementConfig::kDiscard:
    case ElementConfig::KIND_NOT_SET:
      return {};
  }
  return {};
}

std::vector<std::string> PipelineErrors(const Pipeline& pipeline) {
  ConfigErrors errors;
  if (pipeline.elements_size() > kMaxElements) {
    errors.Add("elements", absl::StrCat(pipeline.elements_size(), " elements"),
               absl::StrCat("are too many; at most ", kMaxElements));
    return errors.lines();
  }
  for (int i = 0; i < pipeline.elements_size(); ++i) {
    FieldChecker(absl::StrCat("elements[", i, "]"), errors).Check(pipeline.elements(i));
  }
  CheckGraph(pipeline, errors);
  return errors.lines();
}

absl::Status ValidatePipeline(const Pipeline& pipeline, absl::string_view origin) {
  const std::vector<std::string> errors = PipelineErrors(pipeline);
  return errors.empty() ? absl::OkStatus() : Failure(origin, errors);
}

absl::StatusOr<Pipeline> ParsePipeline(absl::string_view json, absl::string_view origin) {
  if (json.size() > kMaxJsonBytes) {
    return Failure(origin, {absl::StrCat(json.size(), " bytes is too long for a pipeline; at most ",
                                         kMaxJsonBytes)});
  }
  Pipeline pipeline;
  const auto parsed = google::protobuf::util::JsonStringToMessage(std::string(json), &pipeline);
  if (!parsed.ok()) {
    return Failure(
        origin, {absl::StrCat("not the JSON form of a pipeline: ", std::string(parsed.message()))});
  }
  if (absl::Status valid = ValidatePipeline(pipeline, origin); !valid.ok()) return valid;
  return pipeline;
}

}  // namespace farrier::elements
