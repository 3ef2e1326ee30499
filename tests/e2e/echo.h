#pragma once

#include <google/protobuf/struct.pb.h>

#include <csignal>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/e2e/cluster.h"

namespace farrier::e2e {

struct EchoOptions {
  int messages = 2000;
  bool keep_going = false;  // beyond `messages`, until Enough()
  int connections = 2;
  uint32_t max_bytes = 65536;
  int client_host = 0;
  int server_host = 1;
  int service = 7;
};

// An echo server and a client that checks every byte, as processes on a cluster's two hosts.
class Echo {
 public:
  static absl::StatusOr<Echo> Start(const Cluster& cluster, const EchoOptions& options);

  Process& client() { return client_; }
  Process& server() { return server_; }

  // Messages verified so far, by the client's progress lines.
  int Verified() const;

  // Waits until that many are; an error if the client ends or the time is over before.
  absl::Status AwaitVerified(int messages, absl::Duration timeout = absl::Seconds(60));

  // Ends what keep_going began.
  void Enough() { client_.Signal(SIGUSR1); }

  // Waits for the client's end and reads its account; an error unless it ended with 0.
  absl::StatusOr<google::protobuf::Struct> Finish(absl::Duration timeout = absl::Seconds(90));

 private:
  Echo(Process server, Process client, std::filesystem::path account)
      : server_(std::move(server)), client_(std::move(client)), account_(std::move(account)) {}

  Process server_;
  Process client_;
  std::filesystem::path account_;
};

}  // namespace farrier::e2e
