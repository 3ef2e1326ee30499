#pragma once

#include <string>
#include <vector>

#include "host/control.pb.h"
#include "prometheus/metric_family.h"

namespace farrier::host {

// What a status says, as Prometheus wants to have it: names begin with "farrier_", times are in
// seconds, memory in bytes; docs/metrics.md lists all. Counters only grow as long as what they
// count lives: the process, an engine, a thread, an app session, the card. What is not known is
// left out; the card's figures if it did not answer, too.
std::vector<prometheus::MetricFamily> MetricsOf(const StatusReply& status, bool card_answered);

// The same in Prometheus' text format.
std::string RenderMetrics(const StatusReply& status, bool card_answered);

}  // namespace farrier::host
