#include "host/control_server.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/control.grpc.pb.h"
#include "host/unix_socket.h"

namespace farrier::host {
namespace {

// The codes are the same numbers by design of both libraries.
grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

class AdminService final : public Control::Service {
 public:
  explicit AdminService(ControlBackend& backend) : backend_(backend) {}

  grpc::Status Status(grpc::ServerContext*, const StatusRequest*, StatusReply* reply) override {
    absl::StatusOr<StatusReply> status = backend_.Status();
    if (!status.ok()) return ToGrpc(status.status());
    *reply = *std::move(status);
    return grpc::Status::OK;
  }

  grpc::Status Upgrade(grpc::ServerContext*, const UpgradeRequest* request,
                       grpc::ServerWriter<UpgradeProgress>* writer) override {
    // A client that goes away does not end the upgrade: what it asked for was the whole of it.
    return ToGrpc(backend_.Upgrade(
        *request, [writer](const UpgradeProgress& progress) { writer->Write(progress); }));
  }

  grpc::Status SetGroup(grpc::ServerContext*, const SetGroupRequest* request,
                        GroupStatus* reply) override {
    return Answer(backend_.SetGroup(request->change()), reply);
  }
  grpc::Status AddGroup(grpc::ServerContext*, const AddGroupRequest* request,
                        GroupStatus* reply) override {
    return Answer(backend_.AddGroup(request->settings()), reply);
  }
  grpc::Status RemoveGroup(grpc::ServerContext*, const RemoveGroupRequest* request,
                           RemoveGroupReply*) override {
    return ToGrpc(backend_.RemoveGroup(request->name()));
  }
  grpc::Status PlaceEngine(grpc::ServerContext*, const PlaceEngineRequest* request,
                           GroupStatus* reply) override {
    return Answer(backend_.PlaceEngine(*request), reply);
  }

 private:
  static grpc::Status Answer(absl::StatusOr<GroupStatus> status, GroupStatus* reply) {
    if (!status.ok()) return ToGrpc(status.status());
    *reply = *std::move(status);
    return grpc::Status::OK;
  }

  ControlBackend& backend_;
};

class StrangerService final : public Control::Service {
 public:
  grpc::Status Status(grpc::ServerContext*, const StatusRequest*, StatusReply*) override {
    return Denied();
  }
  grpc::Status Upgrade(grpc::ServerContext*, const UpgradeRequest*,
                       grpc::ServerWriter<UpgradeProgress>*) override {
    return Denied();
  }
  grpc::Status SetGroup(grpc::ServerContext*, const SetGroupRequest*, GroupStatus*) override {
    return Denied();
  }
  grpc::Status AddGroup(grpc::ServerContext*, const AddGroupRequest*, GroupStatus*) override {
    return Denied();
  }
  grpc::Status RemoveGroup(grpc::ServerContext*, const RemoveGroupRequest*,
                           RemoveGroupReply*) override {
    return Denied();
  }
  grpc::Status PlaceEngine(grpc::ServerContext*, const PlaceEngineRequest*, GroupStatus*) override {
    return Denied();
  }

 private:
  static grpc::Status Denied() {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED,
                        absl::StrCat("only root and user ", geteuid(),
                                     ", as whom farrierd runs, may control it; use sudo"));
  }
};

std::unique_ptr<grpc::Server> StartServer(grpc::Service& service) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(64 << 10);
  // A few idle threads: control is rare, and an upgrade under way must not keep status waiting.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  return builder.BuildAndStart();
}

}  // namespace

struct ControlServer::Role {
  explicit Role(std::unique_ptr<grpc::Service> role_service)
      : service(std::move(role_service)), server(StartServer(*service)) {}

  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
};

ControlServer::ControlServer(ControlBackend& backend)
    : admin_(std::make_unique<Role>(std::make_unique<AdminService>(backend))),
      stranger_(std::make_unique<Role>(std::make_unique<StrangerService>())) {}

ControlServer::~ControlServer() { Shutdown(0); }

void ControlServer::Serve(UniqueFd connection) {
  absl::StatusOr<ucred> peer = PeerCredentials(connection.get());
  if (!peer.ok()) {
    spdlog::warn("control: a connection without credentials is closed: {}",
                 peer.status().ToString());
    return;
  }
  const bool admin = peer->uid == 0 || peer->uid == geteuid();
  if (!admin) spdlog::warn("control: user {} (pid {}) is denied", peer->uid, peer->pid);
  fcntl(connection.get(), F_SETFL, O_NONBLOCK);
  grpc::AddInsecureChannelFromFd((admin ? admin_ : stranger_)->server.get(), connection.release());
}

void ControlServer::Shutdown(int grace_ms) {
  const auto deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(grace_ms);
  admin_->server->Shutdown(deadline);
  stranger_->server->Shutdown(deadline);
}

}  // namespace farrier::host
