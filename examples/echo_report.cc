#include "examples/echo_report.h"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>

namespace farrier::examples {
namespace {

__attribute__((format(printf, 2, 3))) void Print(std::string& out, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  out += text;
}

// `sorted` in ns; in µs, 0 if there are none.
double Percentile(const std::vector<int64_t>& sorted, double fraction) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<size_t>(fraction * static_cast<double>(sorted.size() - 1) + 0.5);
  return static_cast<double>(sorted[at]) / 1e3;
}

double LongestGapMs(const EchoReport& report) {
  int64_t longest = 0;
  for (const auto& connection : report.connections) {
    longest = std::max(longest, connection.longest_gap.length_ns);
  }
  return static_cast<double>(longest) / 1e6;
}

}  // namespace

EchoCounts EchoReport::Total() const {
  EchoCounts total;
  for (const auto& [counts, gap] : connections) {
    total.sent += counts.sent;
    total.echoed += counts.echoed;
    total.verified += counts.verified;
    total.corrupted += counts.corrupted;
    total.duplicated += counts.duplicated;
    total.misordered += counts.misordered;
    total.bytes += counts.bytes;
    total.lost += counts.lost;
  }
  return total;
}

bool EchoReport::Good() const {
  const EchoCounts total = Total();
  return failure.empty() && total.verified == messages && total.sent == messages &&
         total.echoed == messages;
}

std::string RenderEchoReport(EchoReport report) {
  std::vector<int64_t>& trips = report.round_trips_ns;
  std::sort(trips.begin(), trips.end());
  const EchoCounts total = report.Total();
  const double seconds = static_cast<double>(report.duration_ns) / 1e9;
  std::string out;
  Print(out, "sent %" PRIu64 "  echoed %" PRIu64 "  verified %" PRIu64 "\n", total.sent,
        total.echoed, total.verified);
  Print(out,
        "lost %" PRIu64 "  corrupted %" PRIu64 "  duplicated %" PRIu64 "  misordered %" PRIu64 "\n",
        total.lost, total.corrupted, total.duplicated, total.misordered);
  Print(out, "%.1f MB each way in %.2f s: %.0f messages/s, %.1f MB/s\n",
        static_cast<double>(total.bytes) / 1e6, seconds,
        seconds > 0 ? static_cast<double>(total.verified) / seconds : 0,
        seconds > 0 ? static_cast<double>(total.bytes) / 1e6 / seconds : 0);
  Print(out, "round trip µs: p50 %.0f  p90 %.0f  p99 %.0f  max %.0f\n", Percentile(trips, 0.5),
        Percentile(trips, 0.9), Percentile(trips, 0.99), Percentile(trips, 1));
  Print(out, "longest gap without an event: %.2f ms\n", LongestGapMs(report));
  return out;
}

std::string EchoReportJson(EchoReport report) {
  std::vector<int64_t>& trips = report.round_trips_ns;
  std::sort(trips.begin(), trips.end());
  const EchoCounts total = report.Total();
  const double seconds = static_cast<double>(report.duration_ns) / 1e9;
  std::string out = "{\n";
  Print(out,
        "  \"messages\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"echoed\": %" PRIu64
        ", \"verified\": %" PRIu64 ",\n",
        report.messages, total.sent, total.echoed, total.verified);
  Print(out,
        "  \"lost\": %" PRIu64 ", \"corrupted\": %" PRIu64 ", \"duplicated\": %" PRIu64
        ", \"misordered\": %" PRIu64 ",\n",
        total.lost, total.corrupted, total.duplicated, total.misordered);
  Print(out, "  \"bytes\": %" PRIu64 ", \"seconds\": %.6f,\n", total.bytes, seconds);
  Print(out, "  \"messages_per_second\": %.1f, \"megabytes_per_second\": %.3f,\n",
        seconds > 0 ? static_cast<double>(total.verified) / seconds : 0,
        seconds > 0 ? static_cast<double>(total.bytes) / 1e6 / seconds : 0);
  Print(out, "  \"round_trip_p50_us\": %.1f, \"round_trip_p90_us\": %.1f, ", Percentile(trips, 0.5),
        Percentile(trips, 0.9));
  Print(out, "\"round_trip_p99_us\": %.1f, \"round_trip_max_us\": %.1f,\n", Percentile(trips, 0.99),
        Percentile(trips, 1));
  Print(out, "  \"longest_gap_ms\": %.3f, \"complete\": %s,\n  \"connections\": [",
        LongestGapMs(report), report.Good() ? "true" : "false");
  const char* separator = "\n";
  for (const auto& [counts, gap] : report.connections) {
    Print(out,
          "%s    {\"sent\": %" PRIu64 ", \"verified\": %" PRIu64
          ", \"longest_gap_ms\": %.3f, \"longest_gap_begin_ns\": %" PRId64 "}",
          separator, counts.sent, counts.verified, static_cast<double>(gap.length_ns) / 1e6,
          gap.begin_ns);
    separator = ",\n";
  }
  return out + "\n  ]\n}\n";
}

}  // namespace farrier::examples
