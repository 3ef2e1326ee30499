#include "tests/e2e/cluster.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr int kVethMtu = 9000;

absl::Status Must(std::vector<std::string> argv) {
  auto run = RunToEnd({.argv = argv}, absl::Seconds(10));
  if (!run.ok()) return run.status();
  if (run->exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(absl::StrJoin(argv, " "), ": ", run->output));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(ClusterOptions options) {
  AdoptOrphans();
  auto cluster = std::unique_ptr<Cluster>(new Cluster(std::move(options)));
  if (absl::Status status = cluster->SetUp(); !status.ok()) return status;
  return cluster;
}

Cluster::~Cluster() {
  StopProcesses().IgnoreError();
  Remove().IgnoreError();
}

std::string Cluster::Ip(int host) const { return absl::StrCat("10.0.0.", host + 1); }
std::filesystem::path Cluster::CardDirectory(int host) const {
  return directory_ / absl::StrCat("card", host + 1);
}
std::filesystem::path Cluster::AppSocket(int host) const {
  return directory_ / absl::StrCat("app", host + 1, ".sock");
}
std::filesystem::path Cluster::ControlSocket(int host) const {
  return directory_ / absl::StrCat("control", host + 1, ".sock");
}
std::filesystem::path Cluster::CardReport(int host) const {
  return directory_ / absl::StrCat("card", host + 1, ".json");
}
std::filesystem::path Cluster::Log(const std::string& name) const {
  return directory_ / absl::StrCat(name, ".log");
}
std::string Cluster::NetworkNamespace(int host) const {
  return absl::StrCat("farrier-", getpid(), "-", host + 1);
}

absl::Status Cluster::SetUp() {
  std::string path = std::filesystem::temp_directory_path() / "farrier-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return absl::ErrnoToStatus(errno, path);
  directory_ = path;
  if (options_.wire == Wire::kVeth) {
    if (absl::Status status = SetUpVeth(); !status.ok()) return status;
  }
  for (int host : {0, 1}) {
    if (embedded()) break;
    std::filesystem::create_directory(CardDirectory(host));
    if (absl::Status status = StartCard(host); !status.ok()) return status;
  }
  for (int host : {0, 1}) {
    if (absl::Status status = StartDaemon(host, options_.daemon); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Cluster::SetUpVeth() {
  if (geteuid() != 0) {
    return absl::PermissionDeniedError(
        "network namespaces need root; run: sudo make run WIRE=veth");
  }
  namespaces_ = true;
  const std::string a = NetworkNamespace(0), b = NetworkNamespace(1);
  const std::string mtu = absl::StrCat(kVethMtu);
  const std::vector<std::string> quiet = {"sh", "-c",
                                          "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"};
  for (const std::string& ns : {a, b}) {
    if (auto s = Must({"ip", "netns", "add", ns}); !s.ok()) return s;
    std::vector<std::string> argv = {"ip", "netns", "exec", ns};
    argv.insert(argv.end(), quiet.begin(), quiet.end());
    if (auto s = Must(argv); !s.ok()) return s;
  }
  if (auto s = Must({"ip", "link", "add", "wire", "mtu", mtu, "netns", a, "type", "veth", "peer",
                     "name", "wire", "mtu", mtu, "netns", b});
      !s.ok()) {
    return s;
  }
  for (const std::string& ns : {a, b}) {
    if (auto s = Must({"ip", "-n", ns, "link", "set", "wire", "up"}); !s.ok()) return s;
  }
  return absl::OkStatus();
}

bool Cluster::embedded() const { return options_.card == "embedded"; }

std::string Cluster::WirePort(int host) const {
  if (options_.wire == Wire::kVeth) return "net_af_packet0,iface=wire";
  return absl::StrCat("net_memif0,role=", host == 0 ? "server" : "client",
                      ",socket-abstract=no,socket=", (directory_ / "wire.sock").string());
}

absl::Status Cluster::StartCard(int host) {
  Command command{.argv = {Program("farrier-card"), "--backend", options_.card, "--dir",
                           CardDirectory(host), "--wire", WirePort(host), "--report",
                           directory_ / absl::StrCat("card", host + 1, ".json")},
                  .log = Log(absl::StrCat("card", host + 1))};
  if (!options_.fault.empty()) {
    command.argv.insert(command.argv.end(), {"--fault", options_.fault});
  }
  if (options_.wire == Wire::kVeth) command.network_namespace = NetworkNamespace(host);
  auto card = Process::Start(command);
  if (!card.ok()) return card.status();
  cards_[host].emplace(std::move(*card));
  return cards_[host]->WaitForOutput("farrier-card: ready", kStartTimeout);
}

std::string Cluster::Config(int host) const {
  const int peer = 1 - host;
  const auto more = [](const std::string& members) {
    return members.empty() ? "" : absl::StrCat(", ", members);
  };
  const std::string card =
      embedded() ? absl::StrCat(R"("embedded": {"port": ")", WirePort(host))
                 : absl::StrCat(R"("sim": {"directory": ")", CardDirectory(host).string());
  return absl::StrFormat(
      R"({
  "name": "host%d",
  "card": {%s"}%s},
  "network": {
    "ip": "%s", "mac": "02:00:00:00:00:%02x",
    "neighbors": [{"ip": "%s", "mac": "02:00:00:00:00:%02x", "firstPort": 7000, "engines": %d}]
  },
  "pony": {"firstPort": 7000, "engines": %d%s}%s%s,
  "appSocket": "%s",
  "controlSocket": "%s"
})",
      host + 1, card, more(options_.card_config), Ip(host), host + 1, Ip(peer), peer + 1,
      options_.engines, options_.engines, more(options_.pony_config), more(options_.config),
      more(options_.host_config[host]), AppSocket(host).string(), ControlSocket(host).string());
}

absl::Status Cluster::StartDaemon(int host, const std::string& program) {
  const std::filesystem::path config = directory_ / absl::StrCat("host", host + 1, ".json");
  std::ofstream(config) << Config(host);
  Command command{.argv = {Program(program), "--config", config},
                  .env = options_.daemon_env,
                  .log = Log(absl::StrCat("farrierd", host + 1))};
  if (embedded() && options_.wire == Wire::kVeth)
    command.network_namespace = NetworkNamespace(host);
  auto daemon = Process::Start(command);
  if (!daemon.ok()) return daemon.status();
  daemons_[host].emplace(std::move(*daemon));
  return daemons_[host]->WaitForOutput("farrierd: ready", kStartTimeout);
}

absl::StatusOr<Finished> Cluster::Ctl(int host, std::vector<std::string> args,
                                      absl::Duration timeout) const {
  args.insert(args.begin(), {Program("farrierctl"), "--socket", ControlSocket(host)});
  return RunToEnd({.argv = args}, timeout);
}

absl::StatusOr<Process> Cluster::Launch(const std::string& name,
                                        std::vector<std::string> argv) const {
  return Process::Start({.argv = std::move(argv), .log = Log(name)});
}

absl::StatusOr<host::StatusReply> Cluster::Status(int host) const {
  auto run = Ctl(host, {"status", "--json"});
  if (!run.ok()) return run.status();
  if (run->exit_code != 0) return absl::UnavailableError(run->output);
  host::StatusReply reply;
  if (auto s = ParseJson(run->output, "farrierctl status --json", reply); !s.ok()) return s;
  return reply;
}

absl::Status Cluster::StopProcesses() {
  std::vector<std::string> wrong;
  for (int host : {0, 1}) {
    if (!daemons_[host]) continue;
    if (daemons_[host]->Running()) {
      if (int code = daemons_[host]->Stop(); code != 0) {
        wrong.push_back(absl::StrCat("farrierd ", host + 1, " ended with code ", code));
      }
    } else if (auto status = Status(host); status.ok()) {
      // Its successor is not ours by birth, only by adoption.
      if (absl::Status ended = StopAdopted(status->pid()); !ended.ok()) {
        wrong.push_back(absl::StrCat("farrierd ", host + 1, ": ", ended.message()));
      }
    }
    daemons_[host].reset();
  }
  for (int host : {0, 1}) {
    if (!cards_[host]) continue;
    if (int code = cards_[host]->Stop(); code != 0) {
      wrong.push_back(absl::StrCat("farrier-card ", host + 1, " ended with code ", code));
    }
    cards_[host].reset();
  }
  if (int left = KillStrays(); left != 0) {
    wrong.push_back(absl::StrCat(left, " process(es) were left behind"));
  }
  if (wrong.empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrJoin(wrong, "; "));
}

absl::Status Cluster::Remove() {
  if (directory_.empty()) return absl::OkStatus();
  if (namespaces_) {
    for (int host : {0, 1}) Must({"ip", "netns", "del", NetworkNamespace(host)}).IgnoreError();
  }
  std::vector<std::string> sockets;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
    if (entry.is_socket()) sockets.push_back(entry.path().filename());
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
  directory_.clear();
  if (sockets.empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("sockets left behind: ", absl::StrJoin(sockets, ", ")));
}

}  // namespace farrier::e2e
