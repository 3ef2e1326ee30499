#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/control.pb.h"
#include "tests/e2e/process.h"

namespace farrier::e2e {

enum class Wire { kMemif, kVeth };

struct ClusterOptions {
  std::string card = "model";  // farrier-card --backend; "embedded": in the daemons
  Wire wire = Wire::kMemif;    // kVeth: a veth pair between two network namespaces; root only
  std::string fault;           // farrier-card --fault, on both cards; empty = a perfect wire
  int engines = 2;             // per daemon
  // More of the daemons' configuration, and of its blocks "card" and "pony": JSON members.
  std::string config;
  std::string card_config;
  std::string pony_config;
  std::array<std::string, 2> host_config;         // more of one host's alone
  std::string daemon = "farrierd";                // the program that both hosts start with
  std::map<std::string, std::string> daemon_env;  // of both daemons and what they become
  std::filesystem::path programs;                 // where the binaries are
};

// Two hosts, two cards wired back to back, a farrierd on each: real processes in a directory of
// their own, all of it gone when this goes. Host h (0 or 1) has the address 10.0.0.(h + 1).
class Cluster {
 public:
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(ClusterOptions options);
  ~Cluster();

  const std::filesystem::path& directory() const { return directory_; }
  const ClusterOptions& options() const { return options_; }
  std::filesystem::path Program(const std::string& name) const { return options_.programs / name; }
  std::string Ip(int host) const;
  std::filesystem::path CardDirectory(int host) const;
  std::filesystem::path AppSocket(int host) const;
  std::filesystem::path ControlSocket(int host) const;
  // What a card writes when it ends.
  std::filesystem::path CardReport(int host) const;
  std::filesystem::path Log(const std::string& name) const;

  Process& card(int host) { return *cards_[host]; }
  // The daemon that this cluster started; its successors are found by farrierctl's status.
  Process& daemon(int host) { return *daemons_[host]; }

  // Starts farrierd on a host whose daemon has ended.
  absl::Status StartDaemon(int host, const std::string& program = "farrierd");

  // Of a host's farrierd.
  std::string Config(int host) const;

  // For its next start.
  void set_host_config(int host, std::string members) {
    options_.host_config[host] = std::move(members);
  }

  // farrierctl on a host's control socket.
  absl::StatusOr<Finished> Ctl(int host, std::vector<std::string> args,
                               absl::Duration timeout = absl::Seconds(30)) const;

  // What farrierctl's status says.
  absl::StatusOr<host::StatusReply> Status(int host) const;

  // Starts a program with its output in the log `name`.
  absl::StatusOr<Process> Launch(const std::string& name, std::vector<std::string> argv) const;

  // The namespace that holds a host's end of the veth pair.
  std::string NetworkNamespace(int host) const;

  // Ends daemons and cards, in order; an error names what did not end well or was left behind.
  absl::Status StopProcesses();

  // Then removes the directory and the namespaces; an error names a file that something left.
  absl::Status Remove();

 private:
  explicit Cluster(ClusterOptions options) : options_(std::move(options)) {}
  absl::Status SetUp();
  absl::Status SetUpVeth();
  absl::Status StartCard(int host);
  bool embedded() const;
  // DPDK's port that is a card's wire.
  std::string WirePort(int host) const;

  ClusterOptions options_;
  std::filesystem::path directory_;
  std::array<std::optional<Process>, 2> cards_;
  std::array<std::optional<Process>, 2> daemons_;
  bool namespaces_ = false;
};

}  // namespace farrier::e2e
