#include "host/metrics.h"

#include <initializer_list>
#include <iterator>
#include <limits>
#include <list>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "host/upgrade_story.h"
#include "prometheus/text_serializer.h"

namespace farrier::host {
namespace {

using google::protobuf::RepeatedPtrField;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Label = prometheus::ClientMetric::Label;
using Labels = std::vector<Label>;

double FromMs(double ms) { return ms / 1e3; }
double FromUs(double us) { return us / 1e6; }

Labels With(Labels labels, Label label) {
  labels.push_back(std::move(label));
  return labels;
}

std::optional<double> Find(const RepeatedPtrField<Counter>& counters, absl::string_view name) {
  for (const Counter& counter : counters) {
    if (counter.name() == name) return static_cast<double>(counter.value());
  }
  return std::nullopt;
}

// Of one that has gone, its number.
std::string NameOf(const StatusReply& status, uint32_t engine) {
  for (const EngineStatus& each : status.engines()) {
    if (each.id() == engine) return each.name();
  }
  return absl::StrCat(engine);
}

// A family that is being filled.
class Family {
 public:
  explicit Family(MetricFamily& family) : family_(family) {}

  void Add(Labels labels, std::optional<double> value) {
    if (!value) return;
    prometheus::ClientMetric& metric = family_.metric.emplace_back();
    metric.label = std::move(labels);
    metric.counter.value = metric.gauge.value = *value;  // the family's type says which counts
  }

  // One of several states as a figure for each, 1 for the one that is.
  void AddStates(const Labels& labels, const char* label, std::initializer_list<const char*> states,
                 absl::string_view now) {
    for (const char* state : states) Add(With(labels, {label, state}), state == now ? 1 : 0);
  }

  // Counters whose names begin with `prefix`: what follows it is the label.
  void AddByPrefix(const Labels& labels, const char* label, absl::string_view prefix,
                   const RepeatedPtrField<Counter>& counters) {
    for (const Counter& counter : counters) {
      absl::string_view name = counter.name();
      if (!absl::ConsumePrefix(&name, prefix)) continue;
      Add(With(labels, {label, std::string(name)}), static_cast<double>(counter.value()));
    }
  }

 private:
  MetricFamily& family_;
};

class Sheet {
 public:
  Family Counter(const char* name, const char* help) {
    return Begin(name, help, MetricType::Counter);
  }
  Family Gauge(const char* name, const char* help) { return Begin(name, help, MetricType::Gauge); }
  MetricFamily& Histogram(const char* name, const char* help) {
    Begin(name, help, MetricType::Histogram);
    return families_.back();
  }
  std::vector<MetricFamily> Take() {
    return {std::make_move_iterator(families_.begin()), std::make_move_iterator(families_.end())};
  }

 private:
  Family Begin(const char* name, const char* help, MetricType type) {
    return Family(families_.emplace_back(MetricFamily{.name = name, .help = help, .type = type}));
  }

  std::list<MetricFamily> families_;  // each stays in its place while others are added
};

// ---- The daemon.

void AddDaemon(const StatusReply& status, Sheet& sheet) {
  sheet.Gauge("farrier_build_info", "The farrierd that answers; always 1.")
      .Add({{"daemon", status.name()}, {"version", status.version()}}, 1);
  sheet.Gauge("farrier_uptime_seconds", "Since this process has started.")
      .Add({}, status.uptime_seconds());
  sheet
      .Gauge("farrier_function",
             "The card's function that this process drives: 0 is A. Each upgrade changes it.")
      .Add({}, status.function());
}

void AddUpgrades(const StatusReply& status, Sheet& sheet) {
  const UpgradeHistory& history = status.upgrades();
  sheet.Gauge("farrier_upgrade_in_progress", "1 while an upgrade is under way.")
      .Add({}, status.upgrading() ? 1 : 0);
  Family upgrades = sheet.Counter("farrier_upgrades_total",
                                  "Upgrades since the last start afresh, by this process and those "
                                  "that it has succeeded.");
  upgrades.Add({{"result", "completed"}}, history.completed());
  upgrades.Add({{"result", "given_up"}}, history.given_up());
  sheet
      .Gauge("farrier_upgrade_last_brownout_seconds",
             "From the last completed upgrade's begin until it held the first engine's packets.")
      .Add({}, FromMs(history.last_brownout_ms()));
  Family last = sheet.Gauge("farrier_upgrade_last_blackout_seconds",
                            "Of an engine in the last completed upgrade: from the card holding its "
                            "packets until it ran in the new process.");
  for (int i = 0; i < history.last_blackout_ms_size(); ++i) {
    last.Add({{"engine", NameOf(status, static_cast<uint32_t>(i))}},
             FromMs(history.last_blackout_ms(i)));
  }
  MetricFamily& blackouts =
      sheet.Histogram("farrier_upgrade_blackout_seconds",
                      "Blackouts of all engines that moved, counted as farrier_upgrades_total.");
  prometheus::ClientMetric::Histogram& histogram = blackouts.metric.emplace_back().histogram;
  histogram.sample_sum = FromMs(history.blackout_ms());
  for (size_t i = 0; i <= std::size(kBlackoutLimitsMs); ++i) {
    if (static_cast<int>(i) < history.blackouts_size()) {
      histogram.sample_count += history.blackouts(static_cast<int>(i));
    }
    histogram.bucket.push_back({.cumulative_count = histogram.sample_count,
                                .upper_bound = i < std::size(kBlackoutLimitsMs)
                                                   ? FromMs(kBlackoutLimitsMs[i])
                                                   : std::numeric_limits<double>::infinity()});
  }
}

// ---- Engines.

Labels LabelsOf(const EngineStatus& engine) {
  return {
      {"engine", engine.name()}, {"kind", engine.kind()}, {"group", engine.scheduling().group()}};
}

// A figure of each engine; none of those of which it is not known.
using OfEngine = absl::FunctionRef<std::optional<double>(const EngineStatus&)>;
void AddEach(const StatusReply& status, Family family, OfEngine figure) {
  for (const EngineStatus& engine : status.engines()) family.Add(LabelsOf(engine), figure(engine));
}

// The same of those in their group.
using OfScheduling = absl::FunctionRef<double(const EngineScheduling&)>;
void AddEachPolled(const StatusReply& status, Family family, OfScheduling figure) {
  AddEach(status, family, [&](const EngineStatus& engine) -> std::optional<double> {
    if (engine.scheduling().condition() == "stopped") return std::nullopt;
    return figure(engine.scheduling());
  });
}

void AddEngines(const StatusReply& status, Sheet& sheet) {
  const auto each = [&](Family family, OfEngine figure) { AddEach(status, family, figure); };
  const auto polled = [&](Family family, OfScheduling figure) {
    AddEachPolled(status, family, figure);
  };
  Family condition = sheet.Gauge("farrier_engine_condition",
                                 "1 for the condition that the engine is in, 0 for the others.");
  for (const EngineStatus& engine : status.engines()) {
    condition.AddStates(LabelsOf(engine), "condition", {"running", "hung", "failed", "stopped"},
                        engine.scheduling().condition());
  }
  each(sheet.Counter("farrier_engine_cpu_seconds_total",
                     "CPU time, what the engine did for apps included."),
       [](const EngineStatus& engine) { return engine.cpu_seconds(); });
  each(sheet.Counter("farrier_engine_own_cpu_seconds_total",
                     "Of that, what is charged to no app, as looking for work."),
       [](const EngineStatus& engine) { return engine.own_cpu_seconds(); });
  each(sheet.Gauge("farrier_engine_memory_bytes",
                   "Flows, connections, sessions, room for packets; an estimate."),
       [](const EngineStatus& engine) { return engine.memory_bytes(); });
  each(sheet.Gauge("farrier_engine_sessions", "App sessions that the engine serves."),
       [](const EngineStatus& engine) { return engine.sessions(); });
  polled(sheet.Counter("farrier_engine_polls_total", "Polls."),
         [](const EngineScheduling& engine) { return engine.polls(); });
  polled(sheet.Counter("farrier_engine_inputs_total", "Inputs handled: packets and commands."),
         [](const EngineScheduling& engine) { return engine.inputs(); });
  polled(sheet.Gauge("farrier_engine_load_ratio",
                     "Share of a core taken by polls that found input, of the last 10 ms."),
         [](const EngineScheduling& engine) { return engine.load(); });
  polled(sheet.Gauge("farrier_engine_queueing_delay_seconds",
                     "Longest wait of input in the last 100 to 200 ms."),
         [](const EngineScheduling& engine) { return FromUs(engine.delay_us()); });
  polled(sheet.Gauge("farrier_engine_queueing_delay_peak_seconds",
                     "Longest wait of input since the engine came to this process."),
         [](const EngineScheduling& engine) { return FromUs(engine.longest_delay_us()); });
  polled(sheet.Counter("farrier_engine_overruns_total", "Polls longer than the group's limit."),
         [](const EngineScheduling& engine) { return engine.overruns(); });
  polled(sheet.Counter("farrier_engine_blocks_total", "Overruns in which the engine slept."),
         [](const EngineScheduling& engine) { return engine.blocks(); });
  polled(sheet.Gauge("farrier_engine_longest_overrun_seconds", "The longest overrun."),
         [](const EngineScheduling& engine) { return FromUs(engine.longest_poll_us()); });
  polled(sheet.Counter("farrier_engine_migrations_total", "Moves from thread to thread."),
         [](const EngineScheduling& engine) { return engine.migrations(); });
  polled(sheet.Gauge("farrier_engine_last_migration_seconds",
                     "Of the last move: from its decision until the next poll."),
         [](const EngineScheduling& engine) { return FromUs(engine.last_migration_us()); });
  each(sheet.Counter("farrier_engine_restarts_total", "Times it was started anew, having failed."),
       [](const EngineStatus& engine) { return engine.scheduling().restarts(); });
}

// ---- What Pony engines count, and their ports.

void AddPony(const StatusReply& status, Sheet& sheet) {
  const auto each = [&](Family family, const char* counter) {
    AddEach(status, family,
            [&](const EngineStatus& engine) { return Find(engine.counters(), counter); });
  };
  each(sheet.Gauge("farrier_pony_connections", "Connections of apps."), "connections");
  each(sheet.Counter("farrier_pony_connections_opened_total", "Connections opened."),
       "connections_opened");
  each(sheet.Counter("farrier_pony_connections_failed_total", "Connections that failed."),
       "connections_failed");
  each(sheet.Counter("farrier_pony_messages_sent_total", "Messages acknowledged in full."),
       "messages_sent");
  each(sheet.Counter("farrier_pony_messages_received_total", "Messages received."),
       "messages_received");
  each(sheet.Counter("farrier_pony_message_sent_bytes_total", "Bytes of messages acknowledged."),
       "message_bytes_sent");
  each(sheet.Counter("farrier_pony_message_received_bytes_total", "Bytes of messages received."),
       "message_bytes_received");
  each(sheet.Counter("farrier_pony_packets_sent_total", "Packets sent."), "packets_sent");
  each(sheet.Counter("farrier_pony_packets_received_total", "Packets received."),
       "packets_received");
  each(sheet.Counter("farrier_pony_acks_sent_total", "Packets sent that carried nothing else."),
       "acks_sent");
  Family again =
      sheet.Counter("farrier_pony_packets_retransmitted_total",
                    "Packets sent again, after a timeout or, fast, since later ones were "
                    "acknowledged.");
  for (const EngineStatus& engine : status.engines()) {
    again.AddByPrefix(LabelsOf(engine), "cause", "retransmitted_", engine.counters());
  }
  each(sheet.Counter("farrier_pony_packets_duplicate_total", "Packets received again."),
       "duplicates");
  Family drops = sheet.Counter("farrier_pony_packets_dropped_total",
                               "Packets received and thrown away, by reason.");
  for (const EngineStatus& engine : status.engines()) {
    drops.AddByPrefix(LabelsOf(engine), "reason", "drop_", engine.counters());
  }
  each(sheet.Counter("farrier_pony_commands_total", "Commands of apps."), "commands");
  each(sheet.Counter("farrier_pony_commands_refused_total", "Commands that made no sense."),
       "commands_refused");
  each(sheet.Counter("farrier_pony_sessions_fenced_total",
                     "Sessions not served any more: their rings were nonsense."),
       "sessions_fenced");
  each(sheet.Counter("farrier_pony_epoch_changes_total", "Peers' engines found to be new."),
       "epoch_changes");
}

void AddPorts(const StatusReply& status, Sheet& sheet) {
  Family received = sheet.Counter("farrier_port_rx_packets_total",
                                  "Packets received in this process, by queue pair.");
  Family dropped =
      sheet.Counter("farrier_port_rx_dropped_packets_total",
                    "Packets that the card should not have sent, thrown away by the driver.");
  for (const EngineStatus& engine : status.engines()) {
    const Labels labels = LabelsOf(engine);
    for (int queue = 0; queue < engine.rx_of_queue_size(); ++queue) {
      received.Add(With(labels, {"queue", absl::StrCat(queue)}), engine.rx_of_queue(queue));
    }
    dropped.AddByPrefix(labels, "reason", "rx_", engine.counters());
  }
  const auto each = [&](Family family, const char* counter) {
    AddEach(status, family,
            [&](const EngineStatus& engine) { return Find(engine.counters(), counter); });
  };
  each(sheet.Counter("farrier_port_tx_timed_packets_total", "Packets sent with a departure time."),
       "tx_timed");
  each(sheet.Counter("farrier_port_tx_no_cells_total",
                     "Times that nothing could be sent for want of the card's TX cells."),
       "tx_no_cells");
  each(sheet.Counter("farrier_port_departures_reported_total", "Departures the card told of."),
       "departures_reported");
}

// ---- Elements of packet engines.

void AddElements(const StatusReply& status, Sheet& sheet) {
  Family counts = sheet.Counter("farrier_element_counter_total",
                                "What an element of a packet engine has counted: packets, bytes, "
                                "drops by reason and others.");
  for (const EngineStatus& engine : status.engines()) {
    for (const ElementStatus& element : engine.elements()) {
      Labels labels = With(LabelsOf(engine), {"element", element.name()});
      labels.push_back({"element_kind", element.kind()});
      counts.AddByPrefix(labels, "counter", "", element.counters());
    }
  }
}

// ---- Groups, their threads, and apps.

void AddGroups(const StatusReply& status, Sheet& sheet) {
  Family mode =
      sheet.Gauge("farrier_group_mode", "1 for the mode that the group is in, 0 for the others.");
  Family engines = sheet.Gauge("farrier_group_engines", "Engines placed in the group.");
  Family load = sheet.Gauge("farrier_group_load_ratio",
                            "Cores taken by polls that found input, of the last 10 ms.");
  Family delay = sheet.Gauge("farrier_group_queueing_delay_seconds", "Worst of its engines'.");
  for (const GroupStatus& group : status.groups()) {
    const Labels labels = {{"group", group.settings().name()}};
    mode.AddStates(labels, "mode", {"dedicating", "spreading", "compacting"},
                   group.settings().mode());
    engines.Add(labels, group.engines_size());
    load.Add(labels, group.load());
    delay.Add(labels, FromUs(group.delay_us()));
  }
}

void AddThreads(const StatusReply& status, Sheet& sheet) {
  const auto each = [&](Family family, absl::FunctionRef<double(const ThreadStatus&)> figure) {
    for (const GroupStatus& group : status.groups()) {
      for (const ThreadStatus& thread : group.threads()) {
        family.Add({{"group", group.settings().name()}, {"thread", thread.name()}}, figure(thread));
      }
    }
  };
  Family classes = sheet.Gauge(
      "farrier_thread_class",
      "1 for the scheduling class that a group's thread has obtained, 0 for the others.");
  for (const GroupStatus& group : status.groups()) {
    for (const ThreadStatus& thread : group.threads()) {
      classes.AddStates({{"group", group.settings().name()}, {"thread", thread.name()}}, "class",
                        {"deadline", "fifo", "nice"}, thread.thread_class());
    }
  }
  each(sheet.Counter("farrier_thread_cpu_seconds_total", "CPU time."),
       [](const ThreadStatus& thread) { return thread.cpu_seconds(); });
  each(sheet.Gauge("farrier_thread_engines", "Engines on the thread."),
       [](const ThreadStatus& thread) { return thread.engines(); });
  each(sheet.Gauge("farrier_thread_load_ratio",
                   "Share of a core taken by polls that found input, of the last 10 ms."),
       [](const ThreadStatus& thread) { return thread.load(); });
  each(sheet.Counter("farrier_thread_sleeps_total", "Times it went to sleep."),
       [](const ThreadStatus& thread) { return thread.sleeps(); });
  each(sheet.Counter("farrier_thread_throttled_total",
                     "Times it lost its class for a while, having starved others."),
       [](const ThreadStatus& thread) { return thread.throttled(); });
  each(sheet.Gauge("farrier_thread_quarantined",
                   "1 while it is stuck in an engine, and gets no other."),
       [](const ThreadStatus& thread) { return thread.stuck() ? 1 : 0; });
}

void AddApps(const StatusReply& status, Sheet& sheet) {
  Family cpu = sheet.Counter("farrier_app_cpu_seconds_total",
                             "Of the engine's CPU time, by what it handled for the app: a session, "
                             "by the name that the app gave.");
  Family memory = sheet.Gauge("farrier_app_memory_bytes",
                              "The app's region and rings, as far as farrierd has mapped them.");
  for (const SessionStatus& session : status.sessions()) {
    const Labels labels = {{"app", session.name()},
                           {"session", absl::StrCat(session.id())},
                           {"pid", absl::StrCat(session.pid())},
                           {"engine", NameOf(status, session.engine())}};
    cpu.Add(labels, session.cpu_seconds());
    memory.Add(labels, session.memory_bytes());
  }
}

// ---- The card.

void AddCard(const StatusReply& status, bool answered, Sheet& sheet) {
  const CardStatus& card = status.card();
  sheet.Gauge("farrier_card_info", "The card; always 1.")
      .Add({{"kind", card.kind()},
            {"location", card.location()},
            {"contract", absl::StrCat(card.version() >> 16, ".", card.version() & 0xFFFF)}},
           1);
  sheet.Gauge("farrier_card_up", "1 if the card answers. If not, its other figures are missing.")
      .Add({}, answered ? 1 : 0);
  const auto known = [&](double value) { return answered ? std::optional(value) : std::nullopt; };
  sheet.Gauge("farrier_card_link_up", "1 if there is a link on the wire.")
      .Add({}, known(card.link() ? 1 : 0));
  const auto one = [&](Family family, const char* counter) {
    if (answered) family.Add({}, Find(card.counters(), counter));
  };
  const auto reasons = [&](Family family,
                           std::initializer_list<std::pair<const char*, const char*>> counters) {
    for (const auto& [reason, counter] : counters) {
      if (answered) family.Add({{"reason", reason}}, Find(card.counters(), counter));
    }
  };
  one(sheet.Counter("farrier_card_rx_packets_total", "Packets from the wire, good or bad."),
      "rx_packets");
  one(sheet.Counter("farrier_card_rx_bytes_total", "Bytes from the wire, without FCS."),
      "rx_bytes");
  reasons(sheet.Counter("farrier_card_rx_dropped_packets_total",
                        "Packets from the wire dropped before they were any owner's, by reason."),
          {{"malformed", "rx_malformed"},
           {"oversize", "rx_oversize"},
           {"memory_full", "rx_memory_full"},
           {"rule", "rx_rule_drop"}});
  one(sheet.Counter("farrier_card_rx_bad_header_packets_total",
                    "Packets with a malformed header, delivered or dropped like others."),
      "rx_bad_header");
  one(sheet.Counter("farrier_card_tx_packets_total", "Packets onto the wire."), "tx_packets");
  one(sheet.Counter("farrier_card_tx_bytes_total", "Bytes onto the wire, without FCS and prefix."),
      "tx_bytes");
  reasons(sheet.Counter("farrier_card_tx_dropped_packets_total",
                        "Packets from the host dropped by the card, by reason; \"full\" is every "
                        "owner's."),
          {{"bad_prefix", "tx_bad_prefix"},
           {"disabled", "tx_disabled"},
           {"guard", "tx_guard"},
           {"full", "tx_full"}});
  one(sheet.Counter("farrier_card_tx_reports_lost_total", "Departures that were not reported."),
      "tx_report_lost");
  one(sheet.Counter("farrier_card_csr_bad_accesses_total", "Register accesses that made no sense."),
      "csr_bad_access");
}

void AddOwners(const StatusReply& status, bool answered, Sheet& sheet) {
  const auto each = [&](Family family, absl::FunctionRef<void(const EngineStatus&, Labels)> add) {
    if (!answered) return family;
    for (const EngineStatus& engine : status.engines()) {
      add(engine, {{"owner", absl::StrCat(engine.owner())}, {"engine", engine.name()}});
    }
    return family;
  };
  const auto counter = [&](Family family, const char* name) {
    each(family, [&](const EngineStatus& engine, Labels labels) {
      family.Add(std::move(labels), Find(engine.card_counters(), name));
    });
  };
  const auto figure = [&](Family family, absl::FunctionRef<double(const EngineStatus&)> value) {
    each(family, [&](const EngineStatus& engine, Labels labels) {
      family.Add(std::move(labels), value(engine));
    });
  };
  Family state = sheet.Gauge("farrier_card_owner_state",
                             "1 for the state that the owner's row is in, 0 for the others.");
  each(state, [&](const EngineStatus& engine, const Labels& labels) {
    state.AddStates(labels, "state", {"DETACHED", "ATTACHED", "HELD", "DROP"}, engine.state());
  });
  figure(sheet.Gauge("farrier_card_owner_generation", "Of the owner's row; 12 bits, wraps."),
         [](const EngineStatus& engine) { return engine.generation(); });
  counter(sheet.Counter("farrier_card_owner_rx_packets_total",
                        "Packets from the wire for the owner: delivered, parked, queued and "
                        "dropped."),
          "in");
  counter(sheet.Counter("farrier_card_owner_rx_delivered_packets_total", "Delivered to a queue."),
          "delivered");
  counter(sheet.Counter("farrier_card_owner_rx_held_packets_total",
                        "Ever parked while the owner was held or drained."),
          "held");
  counter(sheet.Gauge("farrier_card_owner_rx_parked_packets", "Parked now."), "parked");
  counter(sheet.Gauge("farrier_card_owner_rx_queued_packets", "About to be delivered now."),
          "queued");
  Family rx_dropped = sheet.Counter("farrier_card_owner_rx_dropped_packets_total",
                                    "Dropped for the owner, by reason.");
  each(rx_dropped, [&](const EngineStatus& engine, const Labels& labels) {
    rx_dropped.AddByPrefix(labels, "reason", "drop_", engine.card_counters());
  });
  counter(sheet.Counter("farrier_card_owner_tx_packets_total", "Accepted from the owner."), "tx");
  Family tx_dropped = sheet.Counter("farrier_card_owner_tx_dropped_packets_total",
                                    "Dropped on their way out, by reason.");
  each(tx_dropped, [&](const EngineStatus& engine, const Labels& labels) {
    for (const char* reason : {"full", "stale"}) {
      tx_dropped.Add(With(labels, {"reason", reason}),
                     Find(engine.card_counters(), absl::StrCat("tx_", reason)));
    }
  });
  counter(sheet.Counter("farrier_card_owner_tx_clamped_packets_total",
                        "Sent at the horizon's end, since they wanted to leave beyond it."),
          "tx_clamped");
  figure(sheet.Gauge("farrier_card_owner_tx_cells", "TX cells of the card filled now."),
         [](const EngineStatus& engine) { return engine.tx_cells(); });
  figure(sheet.Gauge("farrier_card_owner_tx_quota_cells", "TX cells that it may fill."),
         [](const EngineStatus& engine) { return engine.tx_quota(); });
}

}  // namespace

std::vector<MetricFamily> MetricsOf(const StatusReply& status, bool card_answered) {
  Sheet sheet;
  AddDaemon(status, sheet);
  AddUpgrades(status, sheet);
  AddEngines(status, sheet);
  AddPony(status, sheet);
  AddPorts(status, sheet);
  AddElements(status, sheet);
  AddGroups(status, sheet);
  AddThreads(status, sheet);
  AddApps(status, sheet);
  AddCard(status, card_answered, sheet);
  AddOwners(status, card_answered, sheet);
  return sheet.Take();
}

std::string RenderMetrics(const StatusReply& status, bool card_answered) {
  return prometheus::TextSerializer().Serialize(MetricsOf(status, card_answered));
}

}  // namespace farrier::host
