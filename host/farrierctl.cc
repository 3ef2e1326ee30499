// farrierctl: what an operator says to a running farrierd.

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

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

int RunStatus(const std::string& socket, bool json, double watch_seconds) {
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
    Print((clear ? "\033[H\033[2J" : "") + (json ? RenderJson(reply) : RenderStatus(reply)));
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

int Main(int argc, char** argv) {
  CLI::App app("Looks at a running farrierd and upgrades it.", "farrierctl");
  app.set_version_flag("--version", FARRIER_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  std::string socket = "/run/farrier/control.sock";
  app.add_option("--socket", socket,
                 "farrierd's control socket (controlSocket in its configuration)")
      ->envname("FARRIER_SOCKET")
      ->capture_default_str();
  bool json = false;

  CLI::App* status =
      app.add_subcommand("status", "Show the daemon, its card, engines and sessions");
  double watch_seconds = 0;
  status->add_flag("--json", json, "Print JSON instead of text");
  status->add_option("--watch", watch_seconds, "Repeat every SECONDS, 1 by default, until Ctrl-C")
      ->expected(0, 1)
      ->default_str("1")
      ->check(CLI::Range(0.1, 3600.0))
      ->type_name("SECONDS");

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
  if (status->parsed()) return RunStatus(socket, json, watch_seconds);
  return RunUpgrade(socket, binary, json);
}

}  // namespace
}  // namespace farrier::host

int main(int argc, char** argv) { return farrier::host::Main(argc, argv); }
