// farrierctl: what an operator says to a running farrierd.

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "host/control.grpc.pb.h"
#include "host/render.h"
#include "host/unix_socket.h"

namespace farrier::host {
namespace {

constexpr int kFailed = 1;

int Fail(const std::string& message) {
  std::fprintf(stderr, "farrierctl: %s\n", message.c_str());
  return kFailed;
}

int Fail(const grpc::Status& status, const std::string& socket) {
  switch (status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Fail("farrierd does not answer on " + socket + "; look at its log");
    case grpc::StatusCode::UNAVAILABLE:
      return Fail("farrierd closed the connection on " + socket + " (" + status.error_message() +
                  "); see with `farrierctl status` whether it still runs");
    case grpc::StatusCode::UNIMPLEMENTED:
      return Fail("farrierd on " + socket + " does not know this request; is it an older build?");
    default:
      return Fail(status.error_message());
  }
}

void Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

std::unique_ptr<Control::Stub> Connect(const std::string& socket, std::string* error) {
  absl::StatusOr<UniqueFd> fd = ConnectUnix(socket, SOCK_STREAM);
  if (!fd.ok()) {
    *error = std::string(fd.status().message());
    return nullptr;
  }
  fcntl(fd->get(), F_SETFL, O_NONBLOCK);
  return Control::NewStub(grpc::CreateInsecureChannelFromFd("farrierd", fd->release()));
}

// What of a daemon's status is shown.
struct View {
  std::function<std::string(const StatusReply&)> text;
  // Drops the rest; what is wrong with the question, or nothing.
  std::function<std::string(StatusReply&)> keep;
};

View StatusView() {
  return {RenderStatus, [](StatusReply&) { return ""; }};
}

View EnginesView() {
  return {RenderEngines, [](StatusReply& status) {
            status.clear_card();
            status.clear_groups();
            for (EngineStatus& engine : *status.mutable_engines()) engine.clear_elements();
            return "";
          }};
}

View GroupsView() {
  return {RenderGroups, [](StatusReply& status) {
            status.clear_card();
            status.clear_engines();
            status.clear_sessions();
            return "";
          }};
}

// Of one packet engine, by name or id; empty: of all.
View ElementsView(std::string name) {
  return {RenderElements, [name = std::move(name)](StatusReply& status) -> std::string {
            std::string there;
            for (const EngineStatus& engine : status.engines()) {
              if (engine.kind() == "packet") there += " " + engine.name();
            }
            auto* engines = status.mutable_engines();
            engines->erase(std::remove_if(engines->begin(), engines->end(),
                                          [&](const EngineStatus& engine) {
                                            const bool asked = name.empty() ||
                                                               engine.name() == name ||
                                                               std::to_string(engine.id()) == name;
                                            return engine.kind() != "packet" || !asked;
                                          }),
                           engines->end());
            if (!name.empty() && engines->empty()) {
              return "there is no packet engine \"" + name +
                     "\"; there are:" + (there.empty() ? " none" : there);
            }
            status.clear_card();
            status.clear_groups();
            status.clear_sessions();
            return "";
          }};
}

int RunStatus(const std::string& socket, const View& view, bool json, double watch_seconds) {
  const bool clear = watch_seconds > 0 && !json && isatty(STDOUT_FILENO);
  for (;;) {
    std::string error;
    // A new connection each time: after an upgrade another process answers.
    std::unique_ptr<Control::Stub> stub = Connect(socket, &error);
    if (stub == nullptr) return Fail(error);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    StatusReply reply;
    if (grpc::Status status = stub->Status(&context, StatusRequest(), &reply); !status.ok()) {
      return Fail(status, socket);
    }
    if (std::string wrong = view.keep(reply); !wrong.empty()) return Fail(wrong);
    Print((clear ? "\033[H\033[2J" : "") + (json ? RenderJson(reply) : view.text(reply)));
    if (watch_seconds <= 0) return 0;
    std::this_thread::sleep_for(std::chrono::duration<double>(watch_seconds));
  }
}

int RunUpgrade(const std::string& socket, const std::string& binary, bool json) {
  std::string error;
  std::unique_ptr<Control::Stub> stub = Connect(socket, &error);
  if (stub == nullptr) return Fail(error);
  UpgradeRequest request;
  // farrierd's working directory is not ours.
  request.set_binary(std::filesystem::absolute(binary).lexically_normal());
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<UpgradeProgress>> reader = stub->Upgrade(&context, request);
  UpgradeProgress progress;
  bool finished = false;
  while (reader->Read(&progress)) {
    finished |= progress.has_result();
    if (json) {
      if (progress.has_result()) Print(RenderJson(progress.result()));
    } else if (progress.has_phase()) {
      Print(RenderPhase(progress.phase()));
    } else if (progress.has_engine()) {
      Print(RenderMoved(progress.engine()));
    } else if (progress.has_result()) {
      Print(RenderResult(progress.result()));
    }
  }
  const grpc::Status status = reader->Finish();
  if (finished) return 0;  // the old process may have gone before its last word arrived
  if (status.ok()) return Fail("farrierd ended the upgrade without a result; look at its log");
  return Fail(status, socket);
}

// Makes a call that answers with a group, and prints that.
int RunGroupCall(
    const std::string& socket, bool json,
    const std::function<grpc::Status(Control::Stub&, grpc::ClientContext*, GroupStatus*)>& call) {
  std::string error;
  std::unique_ptr<Control::Stub> stub = Connect(socket, &error);
  if (stub == nullptr) return Fail(error);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  GroupStatus group;
  if (grpc::Status status = call(*stub, &context, &group); !status.ok()) {
    return Fail(status, socket);
  }
  if (group.has_settings()) Print(json ? RenderJson(group) : RenderGroup(group));
  return 0;
}

int RunSetGroup(const std::string& socket, const GroupConfig& change, bool json) {
  SetGroupRequest request;
  *request.mutable_change() = change;
  return RunGroupCall(socket, json, [&](auto& stub, auto* context, auto* group) {
    return stub.SetGroup(context, request, group);
  });
}

int RunAddGroup(const std::string& socket, const GroupConfig& settings, bool json) {
  AddGroupRequest request;
  *request.mutable_settings() = settings;
  return RunGroupCall(socket, json, [&](auto& stub, auto* context, auto* group) {
    return stub.AddGroup(context, request, group);
  });
}

int RunRemoveGroup(const std::string& socket, const std::string& name) {
  RemoveGroupRequest request;
  request.set_name(name);
  return RunGroupCall(socket, /*json=*/false, [&](auto& stub, auto* context, auto*) {
    RemoveGroupReply reply;
    return stub.RemoveGroup(context, request, &reply);
  });
}

int RunPlaceEngine(const std::string& socket, const PlaceEngineRequest& request, bool json) {
  return RunGroupCall(socket, json, [&](auto& stub, auto* context, auto* group) {
    return stub.PlaceEngine(context, request, group);
  });
}

// The options of `group set` and `group add`, each a field of the group's settings.
void AddGroupOptions(CLI::App& command, GroupConfig& change) {
  const auto text = [&](const char* name, void (GroupConfig::*set)(const std::string&),
                        const char* what, const char* type) {
    command
        .add_option_function<std::string>(
            name, [&change, set](const std::string& value) { (change.*set)(value); }, what)
        ->type_name(type);
  };
  const auto number = [&](const char* name, void (GroupConfig::*set)(uint32_t), const char* what,
                          const char* type) {
    command
        .add_option_function<uint32_t>(
            name, [&change, set](uint32_t value) { (change.*set)(value); }, what)
        ->type_name(type);
  };
  text("--mode", &GroupConfig::set_mode<const std::string&>,
       "dedicating: spinning threads; spreading: a thread per engine; compacting: as few threads "
       "as keep the delay target",
       "MODE");
  text("--cores", &GroupConfig::set_cores<const std::string&>,
       "To run on, as in 0-3,8; all: those that are not isolated", "LIST");
  number("--numa-node", &GroupConfig::set_numa_node, "Whose cores and memory to use with all",
         "NODE");
  number("--threads", &GroupConfig::set_threads,
         "Dedicating: how many, compacting: at most; 0: one per core", "N");
  text("--class", &GroupConfig::set_thread_class<const std::string&>,
       "Best class to ask for: deadline, fifo, nice; best: what suits the mode", "CLASS");
  number("--cpu-percent", &GroupConfig::set_cpu_percent,
         "Of a core, for a thread of class deadline", "P");
  number("--weight", &GroupConfig::set_weight, "Against other groups under class nice", "W");
  number("--delay-target-us", &GroupConfig::set_delay_target_us,
         "Compacting: longest wait of input", "T");
  number("--max-spin-us", &GroupConfig::set_max_spin_us, "Of an idle thread before it sleeps", "S");
  text("--idle-exit-us", &GroupConfig::set_idle_exit_us<const std::string&>,
       "While there is work no idle core takes longer to wake; 0: they stay awake; or any", "E");
  number("--poll-limit-us", &GroupConfig::set_poll_limit_us, "A longer poll is an overrun", "L");
  number("--hang-limit-ms", &GroupConfig::set_hang_limit_ms, "A longer poll is a hang", "L");
}

int Main(int argc, char** argv) {
  CLI::App app("Looks at a running farrierd, directs its engines and upgrades it.", "farrierctl");
  app.set_version_flag("--version", FARRIER_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  std::string socket = "/run/farrier/control.sock";
  app.add_option("--socket", socket,
                 "farrierd's control socket (controlSocket in its configuration)")
      ->envname("FARRIER_SOCKET")
      ->capture_default_str();
  bool json = false;

  double watch_seconds = 0;
  const auto add_view = [&](const char* name, const char* what) {
    CLI::App* const command = app.add_subcommand(name, what);
    command->add_flag("--json", json, "Print JSON instead of text");
    command
        ->add_option("--watch", watch_seconds, "Repeat every SECONDS, 1 by default, until Ctrl-C")
        ->expected(0, 1)
        ->default_str("1")
        ->check(CLI::Range(0.1, 3600.0))
        ->type_name("SECONDS");
    return command;
  };
  CLI::App* status = add_view("status", "Show the daemon, its card, engines and sessions");
  CLI::App* engines = add_view("engines", "Show how engines get CPU time, and who they work for");
  CLI::App* elements = add_view("elements", "Show what packet engines' elements have counted");
  std::string engine;
  elements->add_option("ENGINE", engine, "One engine, by name or id, as in farrierctl engines");
  CLI::App* groups = add_view("groups", "Show the engine groups and their threads");

  CLI::App* group = app.add_subcommand("group", "Direct engine groups");
  group->require_subcommand(1);
  GroupConfig settings;
  const auto add_group_command = [&](const char* name, const char* what) {
    CLI::App* const command = group->add_subcommand(name, what);
    command->add_option("NAME", *settings.mutable_name(), "The group's, as in farrierctl groups")
        ->required();
    return command;
  };
  CLI::App* group_add = add_group_command("add", "Set up one more group, for engine place");
  CLI::App* group_set =
      add_group_command("set", "Change some of a group's settings; its engines go on meanwhile");
  CLI::App* group_remove = add_group_command("remove", "Remove a group that has no engines");
  for (CLI::App* const command : {group_add, group_set}) {
    AddGroupOptions(*command, settings);
    command->add_flag("--json", json, "Print JSON instead of text");
  }

  CLI::App* one_engine = app.add_subcommand("engine", "Direct an engine");
  one_engine->require_subcommand(1);
  CLI::App* place =
      one_engine->add_subcommand("place", "Move an engine into another group, as it runs");
  PlaceEngineRequest placement;
  place
      ->add_option("ENGINE", *placement.mutable_engine(), "By name or id, as in farrierctl engines")
      ->required();
  place->add_option("--group", *placement.mutable_group(), "As in farrierctl groups")
      ->required()
      ->type_name("NAME");
  place
      ->add_option_function<uint32_t>(
          "--weight", [&](uint32_t weight) { placement.set_weight(weight); },
          "Of its share of a thread's time, against others there; else as before")
      ->type_name("W");
  place->add_flag("--json", json, "Print JSON instead of text");

  CLI::App* upgrade = app.add_subcommand(
      "upgrade", "Replace the running farrierd by another build of it, under live traffic");
  std::string binary;
  upgrade
      ->add_option("--binary", binary,
                   "The farrierd to become; owned by root, not writable by others")
      ->required()
      ->type_name("PATH");
  upgrade->add_flag("--json", json, "Print only the result, as JSON");

  CLI11_PARSE(app, argc, argv);
  if (status->parsed()) return RunStatus(socket, StatusView(), json, watch_seconds);
  if (engines->parsed()) return RunStatus(socket, EnginesView(), json, watch_seconds);
  if (elements->parsed()) return RunStatus(socket, ElementsView(engine), json, watch_seconds);
  if (groups->parsed()) return RunStatus(socket, GroupsView(), json, watch_seconds);
  if (group_add->parsed()) return RunAddGroup(socket, settings, json);
  if (group_set->parsed()) return RunSetGroup(socket, settings, json);
  if (group_remove->parsed()) return RunRemoveGroup(socket, settings.name());
  if (place->parsed()) return RunPlaceEngine(socket, placement, json);
  return RunUpgrade(socket, binary, json);
}

}  // namespace
}  // namespace farrier::host

int main(int argc, char** argv) { return farrier::host::Main(argc, argv); }
