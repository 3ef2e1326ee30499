#include "host/render.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "host/text_table.h"

namespace farrier::host {
namespace {

std::string FunctionName(uint32_t function) {
  return function < 26 ? std::string(1, static_cast<char>('A' + function)) : absl::StrCat(function);
}

std::string Duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 60) return absl::StrFormat("%.1f s", seconds);
  if (whole < 3600) return absl::StrFormat("%d min %d s", whole / 60, whole % 60);
  if (whole < 86400) return absl::StrFormat("%d h %d min", whole / 3600, whole / 60 % 60);
  return absl::StrFormat("%d d %d h", whole / 86400, whole / 3600 % 24);
}

// "name value" of the counters that are not zero; `except` those that start so.
std::string NonZero(const google::protobuf::RepeatedPtrField<Counter>& counters) {
  std::string out;
  for (const Counter& counter : counters) {
    if (counter.value() == 0) continue;
    absl::StrAppend(&out, out.empty() ? "" : ", ", counter.name(), " ", counter.value());
  }
  return out.empty() ? "nothing yet" : out;
}

std::string Pacing(const EngineStatus& engine) {
  if (engine.pacing_mbps() == 0) return "-";
  return absl::StrFormat("%g Gb/s", engine.pacing_mbps() / 1000.0);
}

std::string RenderUpgrades(const UpgradeHistory& upgrades) {
  if (upgrades.completed() + upgrades.given_up() == 0) return "";
  std::string out = absl::StrFormat("upgrades: %d completed, %d given up", upgrades.completed(),
                                    upgrades.given_up());
  if (upgrades.completed() != 0) {
    absl::StrAppend(&out, "; blackouts of the last: ",
                    absl::StrJoin(upgrades.last_blackout_ms(), ", ",
                                  [](std::string* text, double ms) {
                                    absl::StrAppendFormat(text, "%.2f", ms);
                                  }),
                    " ms");
  }
  return out + "\n";
}

}  // namespace

std::string RenderStatus(const StatusReply& status) {
  std::string out = absl::StrFormat(
      "%s: farrierd %s, pid %d, up %s, on function %s%s\n", status.name(), status.version(),
      status.pid(), Duration(status.uptime_seconds()), FunctionName(status.function()),
      status.upgrading() ? ", an upgrade is under way" : "");
  absl::StrAppend(&out, RenderUpgrades(status.upgrades()));
  const CardStatus& card = status.card();
  absl::StrAppendFormat(
      &out,
      "card: %s %s, contract %d.%d, epoch %d, %d functions of %d queues, %d hold cells, "
      "%d B frames, link %s\n",
      card.kind(), card.location(), card.version() >> 16, card.version() & 0xFFFF, card.epoch(),
      card.functions(), card.queues(), card.hold_cells(), card.mtu(), card.link() ? "up" : "down");
  absl::StrAppend(&out, "  can: ", absl::StrJoin(card.capabilities(), ", "), "\n");
  if (card.tx_cells() != 0) {
    absl::StrAppendFormat(&out, "  paces up to %.0f us ahead, %d TX cells\n",
                          card.pacing_horizon_us(), card.tx_cells());
  }
  absl::StrAppend(
      &out, "  lease: ",
      card.leased() ? absl::StrCat("function ", FunctionName(card.lease_function())) : "free",
      "\n");
  absl::StrAppend(&out, "  ", NonZero(card.counters()), "\n\nengines\n");
  std::vector<Row> rows = {{"id", "name", "kind", "owner", "state", "generation", "sessions",
                            "CPU s", "packets by queue", "pacing", "TX cells"}};
  for (const EngineStatus& engine : status.engines()) {
    rows.push_back(
        {absl::StrCat(engine.id()), engine.name(), engine.kind(), absl::StrCat(engine.owner()),
         engine.state(), absl::StrCat(engine.generation()), absl::StrCat(engine.sessions()),
         absl::StrFormat("%.2f", engine.cpu_seconds()), absl::StrJoin(engine.rx_of_queue(), " "),
         Pacing(engine),
         engine.tx_quota() == 0 ? "-" : absl::StrCat(engine.tx_cells(), "/", engine.tx_quota())});
  }
  absl::StrAppend(&out, Table(rows));
  for (const EngineStatus& engine : status.engines()) {
    absl::StrAppend(&out, "\nengine ", engine.id(), "\n  engine: ", NonZero(engine.counters()),
                    "\n  card:   ", NonZero(engine.card_counters()), "\n");
    if (!engine.elements().empty()) {
      absl::StrAppend(&out, "  elements: see farrierctl elements ", engine.name(), "\n");
    }
  }
  if (status.sessions().empty()) {
    absl::StrAppend(&out, "\nno sessions\n");
    return out;
  }
  rows = {{"id", "name", "engine", "pid", "uid", "CPU s"}};
  for (const SessionStatus& session : status.sessions()) {
    rows.push_back({absl::StrCat(session.id()), session.name(), absl::StrCat(session.engine()),
                    absl::StrCat(session.pid()), absl::StrCat(session.uid()),
                    absl::StrFormat("%.2f", session.cpu_seconds())});
  }
  absl::StrAppend(&out, "\nsessions\n", Table(rows));
  return out;
}

std::string RenderPhase(const UpgradePhase& phase) {
  return absl::StrFormat("%9.1f ms  %-9s %s\n", phase.at_ms(), phase.name(), phase.detail());
}

std::string RenderMoved(const EngineMoved& moved) {
  std::string steps;
  for (const StepTime& step : moved.steps()) {
    absl::StrAppendFormat(&steps, "%s%s %.2f", steps.empty() ? "" : ", ", step.name(), step.ms());
  }
  const std::string kind = moved.kind().empty() || moved.kind() == "pony"
                               ? ""
                               : absl::StrCat(" (", moved.kind(), " ", moved.name(), ")");
  return absl::StrFormat(
      "              engine %d%s  generation %d -> %d, blackout %.2f ms (%s), %d packets held and "
      "delivered, state %d B of which %d B in the blackout\n",
      moved.id(), kind, moved.generation_before(), moved.generation_after(), moved.blackout_ms(),
      steps, moved.held_packets(), moved.state_bytes(), moved.delta_bytes());
}

std::string RenderResult(const UpgradeResult& result) {
  double longest = 0;
  for (const EngineMoved& engine : result.engines()) {
    longest = std::max(longest, engine.blackout_ms());
  }
  return absl::StrFormat(
      "farrierd %s (pid %d, function %s) is now farrierd %s (pid %d, function %s): %d engines in "
      "%.0f ms, longest blackout %.2f ms\n",
      result.version_before(), result.pid_before(), FunctionName(result.function_before()),
      result.version_after(), result.pid_after(), FunctionName(result.function_after()),
      result.engines_size(), result.total_ms(), longest);
}

std::string RenderJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "{}\n";
  if (!absl::EndsWith(json, "\n")) json += '\n';
  return json;
}

}  // namespace farrier::host
