#include "tests/e2e/echo.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/json.h"

namespace farrier::e2e {

absl::StatusOr<Echo> Echo::Start(const Cluster& cluster, const EchoOptions& options) {
  const std::string service = absl::StrCat(options.service);
  auto server = cluster.Launch(absl::StrCat("echo-server-", service),
                               {cluster.Program("pony-echo-server"), "--socket",
                                cluster.AppSocket(options.server_host), "--service", service});
  if (!server.ok()) return server.status();
  if (auto s = server->WaitForOutput("listening", absl::Seconds(20)); !s.ok()) return s;

  const std::filesystem::path account =
      cluster.directory() / absl::StrCat("client-", service, ".json");
  std::vector<std::string> argv = {cluster.Program("pony-echo-client"),
                                   "--socket",
                                   cluster.AppSocket(options.client_host),
                                   "--remote",
                                   cluster.Ip(options.server_host),
                                   "--service",
                                   service,
                                   "--messages",
                                   absl::StrCat(options.messages),
                                   "--connections",
                                   absl::StrCat(options.connections),
                                   "--max",
                                   absl::StrCat(options.max_bytes),
                                   "--progress",
                                   "--json",
                                   account};
  if (options.keep_going) argv.push_back("--keep-going");
  auto client = cluster.Launch(absl::StrCat("echo-client-", service), argv);
  if (!client.ok()) return client.status();
  return Echo(std::move(*server), std::move(*client), account);
}

int Echo::Verified() const {
  const std::string kLabel = "progress: ";
  const std::string output = client_.Output();
  const size_t at = output.rfind(kLabel);
  if (at == std::string::npos) return 0;
  const std::string rest = output.substr(at + kLabel.size());
  int verified = 0;
  return absl::SimpleAtoi(rest.substr(0, rest.find('/')), &verified) ? verified : 0;
}

absl::Status Echo::AwaitVerified(int messages, absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (Verified() < messages) {
    if (!client_.Running()) {
      return absl::AbortedError(
          absl::StrCat("the client ended after ", Verified(), " messages:\n", client_.Output()));
    }
    if (absl::Now() >= end) {
      return absl::DeadlineExceededError(absl::StrCat("only ", Verified(), " messages verified"));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return absl::OkStatus();
}

absl::StatusOr<google::protobuf::Struct> Echo::Finish(absl::Duration timeout) {
  auto code = client_.Wait(timeout);
  if (!code.ok()) return code.status();
  if (*code != 0) {
    return absl::InternalError(
        absl::StrCat("the client ended with code ", *code, ":\n", client_.Output()));
  }
  google::protobuf::Struct account;
  if (auto s = ParseJsonFile(account_, account); !s.ok()) return s;
  return account;
}

}  // namespace farrier::e2e
