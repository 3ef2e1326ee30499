#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "host/render.h"
#include "host/text_table.h"

namespace farrier::host {
namespace {

std::string Percent(double percent) { return absl::StrFormat("%.1f%%", percent); }
std::string Share(double share) { return Percent(100 * share); }

std::string Microseconds(double us) {
  if (us < 1'000) return absl::StrFormat("%.1f us", us);
  if (us < 1'000'000) return absl::StrFormat("%.1f ms", us / 1'000);
  return absl::StrFormat("%.1f s", us / 1'000'000);
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string Bytes(uint64_t bytes) {
  if (bytes < 1 << 10) return absl::StrCat(bytes, " B");
  if (bytes < 1 << 20) return absl::StrFormat("%.1f KiB", static_cast<double>(bytes) / (1 << 10));
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

// Who an engine's CPU time and memory went to.
std::string RenderAccounts(const StatusReply& status) {
  std::vector<Row> rows = {{"charged to", "engine", "pid", "uid", "CPU time", "share", "memory"}};
  for (const EngineStatus& engine : status.engines()) {
    const auto add = [&](const std::string& name, const std::string& pid, const std::string& uid,
                         double seconds, uint64_t memory) {
      const double all = engine.cpu_seconds();
      rows.push_back({name, absl::StrCat(engine.id()), pid, uid, absl::StrFormat("%.2f s", seconds),
                      all > 0 ? Share(seconds / all) : "-", Bytes(memory)});
    };
    for (const SessionStatus& session : status.sessions()) {
      if (session.engine() != engine.id()) continue;
      add(session.name(), absl::StrCat(session.pid()), absl::StrCat(session.uid()),
          session.cpu_seconds(), session.memory_bytes());
    }
    add("the engine itself", "-", "-", engine.own_cpu_seconds(), engine.memory_bytes());
  }
  return Table(rows);
}

// A count of things that one hopes for none of.
std::string Count(uint64_t count) { return count == 0 ? "-" : absl::StrCat(count); }

// By id; those of other kinds than Pony's with what they are.
std::string Engines(const GroupStatus& group) {
  if (group.members().empty()) return absl::StrJoin(group.engines(), " ");  // an older build
  return absl::StrJoin(group.members(), " ", [](std::string* out, const GroupMember& member) {
    absl::StrAppend(out, member.id());
    if (member.kind() != "pony") absl::StrAppend(out, " (", member.kind(), " ", member.name(), ")");
  });
}

std::string Threads(const GroupConfig& settings) {
  if (settings.mode() == "spreading") return "a thread per engine";
  const char* const bound = settings.mode() == "compacting" ? "at most " : "";
  if (settings.threads() == 0) return absl::StrCat(bound, "a thread per core");
  return absl::StrCat(bound, settings.threads(), settings.threads() == 1 ? " thread" : " threads");
}

}  // namespace

std::string RenderEngines(const StatusReply& status) {
  std::string out =
      absl::StrFormat("%s: engines of farrierd %s, pid %d%s\n", status.name(), status.version(),
                      status.pid(), status.upgrading() ? ", an upgrade is under way" : "");
  std::vector<Row> rows = {{"id", "name", "kind", "group", "mode", "weight", "condition", "thread",
                            "CPU", "load", "delay", "polls", "inputs", "overruns", "blocks",
                            "longest poll", "moves", "restarts"}};
  for (const EngineStatus& engine : status.engines()) {
    const EngineScheduling& s = engine.scheduling();
    rows.push_back({absl::StrCat(engine.id()), OrDash(engine.name()), OrDash(engine.kind()),
                    s.group(), s.mode(), absl::StrCat(s.weight()), s.condition(),
                    OrDash(s.thread()), Percent(s.cpu_percent()), Share(s.load()),
                    Microseconds(s.delay_us()), absl::StrCat(s.polls()), absl::StrCat(s.inputs()),
                    Count(s.overruns()), Count(s.blocks()), Microseconds(s.longest_poll_us()),
                    absl::StrCat(s.migrations()), Count(s.restarts())});
  }
  absl::StrAppend(&out, Table(rows));
  for (const EngineStatus& engine : status.engines()) {
    if (!engine.scheduling().detail().empty()) {
      absl::StrAppend(&out, "  ", engine.scheduling().detail(), "\n");
    }
  }
  if (!status.engines().empty()) absl::StrAppend(&out, "\n", RenderAccounts(status));
  return out;
}

std::string RenderElements(const StatusReply& status) {
  std::vector<Row> rows = {{"engine", "element", "kind", "packets", "counters"}};
  for (const EngineStatus& engine : status.engines()) {
    for (const ElementStatus& element : engine.elements()) {
      std::string packets = "-", others;
      for (const Counter& counter : element.counters()) {
        if (counter.name() == "packets") {
          packets = absl::StrCat(counter.value());
        } else if (counter.value() != 0) {
          absl::StrAppend(&others, others.empty() ? "" : ", ", counter.name(), " ",
                          counter.value());
        }
      }
      rows.push_back({engine.name(), element.name(), element.kind(), packets, OrDash(others)});
    }
  }
  return rows.size() > 1 ? Table(rows) : "no packet engines\n";
}

std::string RenderGroup(const GroupStatus& group) {
  const GroupConfig& settings = group.settings();
  std::string out = absl::StrFormat(
      "group %s: %s, %s, cores %s%s\n", settings.name(), settings.mode(), Threads(settings),
      settings.cores(),
      settings.has_numa_node() ? absl::StrCat(" of NUMA node ", settings.numa_node()) : "");
  absl::StrAppendFormat(&out, "  now: CPU %s, load %s, delay %s; engines: %s\n",
                        Percent(group.cpu_percent()), Share(group.load()),
                        Microseconds(group.delay_us()), OrDash(Engines(group)));
  std::vector<std::string> set = {absl::StrCat("class ", settings.thread_class()),
                                  absl::StrCat(settings.cpu_percent(), "% CPU"),
                                  absl::StrCat("weight ", settings.weight())};
  if (settings.mode() == "compacting") {
    set.push_back(absl::StrCat("delay target ", settings.delay_target_us(), " us"));
  }
  if (settings.mode() != "dedicating") {
    set.push_back(absl::StrCat("spins up to ", settings.max_spin_us(), " us"));
    if (settings.idle_exit_us() != "any" && !settings.idle_exit_us().empty()) {
      set.push_back(absl::StrCat("idle cores wake within ", settings.idle_exit_us(), " us"));
    }
  }
  set.push_back(absl::StrCat("polls up to ", settings.poll_limit_us(), " us"));
  set.push_back(absl::StrCat("hung after ", settings.hang_limit_ms(), " ms"));
  absl::StrAppend(&out, "  set: ", absl::StrJoin(set, ", "), "\n");
  if (group.threads().empty()) return absl::StrCat(out, "  no threads\n");
  std::vector<Row> rows = {{"thread", "tid", "class", "cores", "engines", "CPU", "load", "CPU time",
                            "sleeps", "throttled"}};
  for (const ThreadStatus& thread : group.threads()) {
    rows.push_back({thread.name(), absl::StrCat(thread.tid()),
                    thread.stuck() ? thread.thread_class() + ", stuck" : thread.thread_class(),
                    OrDash(thread.cores()), absl::StrCat(thread.engines()),
                    Percent(thread.cpu_percent()), Share(thread.load()),
                    absl::StrFormat("%.2f s", thread.cpu_seconds()), absl::StrCat(thread.sleeps()),
                    Count(thread.throttled())});
  }
  absl::StrAppend(&out, Table(rows));
  if (!group.idle_exit_why().empty()) absl::StrAppend(&out, "  ", group.idle_exit_why(), "\n");
  std::string told;
  for (const ThreadStatus& thread : group.threads()) {
    if (thread.why().empty() || thread.why() == told) continue;
    told = thread.why();
    absl::StrAppend(&out, "  ", thread.name(), " has nothing better than ", thread.thread_class(),
                    ": ", told, "\n");
  }
  return out;
}

std::string RenderGroups(const StatusReply& status) {
  std::string out;
  for (const GroupStatus& group : status.groups()) {
    absl::StrAppend(&out, out.empty() ? "" : "\n", RenderGroup(group));
  }
  return out.empty() ? "this farrierd does not tell its groups; is it an older build?\n" : out;
}

}  // namespace farrier::host
