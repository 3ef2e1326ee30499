#include "host/daemon.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/metrics.h"
#include "host/service_manager.h"
#include "host/tcp_socket.h"
#include "host/unix_socket.h"
#include "upgrade/new_side.h"

namespace farrier::host {
namespace {

constexpr int kLastWordsMs = 2'000;  // for calls that are being answered at the end
constexpr auto kStatusTimeout = std::chrono::seconds(5);
constexpr auto kFleetTimeout = std::chrono::seconds(40);  // 16 engines that do not answer
// A predecessor that hangs before anything has moved costs nothing but a waiting process; its own
// limit, upgrade.prepareMs, is at most this.
constexpr runtime::Nanoseconds kBrownoutSilence = 3'600 * runtime::kSecond;
constexpr mode_t kControlMode = 0600;  // who may connect at all; the peer's user is checked, too
constexpr mode_t kAppMode = 0666;      // its directory says who may reach it
constexpr mode_t kMetricsMode = 0666;  // the same

const runtime::Clock& SystemClock() {
  static const runtime::MonotonicClock clock;
  return clock;
}

absl::StatusOr<UniqueFd> ListenForMetrics(const std::string& address) {
  absl::StatusOr<UniqueFd> listener =
      address[0] == '/' ? ListenUnix(address, SOCK_STREAM, kMetricsMode) : ListenTcp(address);
  if (listener.ok()) return listener;
  return absl::Status(listener.status().code(),
                      absl::StrCat("metrics.address: ", listener.status().message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Create(DaemonOptions options) {
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create(SystemClock());
  if (!loop.ok()) return loop.status();
  auto daemon = std::unique_ptr<Daemon>(new Daemon(std::move(options), *std::move(loop)));
  if (absl::Status status = daemon->WatchSignals(); !status.ok()) return status;
  return daemon;
}

Daemon::Daemon(DaemonOptions options, std::unique_ptr<EventLoop> loop)
    : options_(std::move(options)), loop_(std::move(loop)), started_at_(SystemClock().Now()) {}

Daemon::~Daemon() = default;

absl::Status Daemon::WatchSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return absl::ErrnoToStatus(errno, "signalfd");
  loop_->Watch(signals_.get(), EPOLLIN, [this](uint32_t) {
    signalfd_siginfo signal;
    if (read(signals_.get(), &signal, sizeof(signal)) != sizeof(signal)) return;
    spdlog::info("signal {}: ending", signal.ssi_signo);
    Terminate();
  });
  return absl::OkStatus();
}

// ---- A fresh start.

absl::Status Daemon::RunFresh(Config config) {
  if (absl::Status status = Begin(std::move(config)); !status.ok()) {
    RemoveSockets();
    return status;
  }
  Serve();
  return Live();
}

absl::Status Daemon::Begin(Config config) {
  // Sockets first: they tell whether another daemon with this configuration runs, before the card
  // is touched.
  absl::StatusOr<UniqueFd> control = ListenUnix(config.control_socket(), SOCK_STREAM, kControlMode);
  if (!control.ok()) return control.status();
  absl::StatusOr<UniqueFd> app = ListenUnix(config.app_socket(), SOCK_SEQPACKET, kAppMode);
  if (!app.ok()) {
    unlink(config.control_socket().c_str());
    return app.status();
  }
  if (config.has_metrics()) {
    absl::StatusOr<UniqueFd> metrics = ListenForMetrics(config.metrics().address());
    if (!metrics.ok()) {
      unlink(config.control_socket().c_str());
      unlink(config.app_socket().c_str());
      return metrics.status();
    }
    metrics_listener_ = *std::move(metrics);
  }
  control_listener_ = *std::move(control);
  fleet_ =
      std::make_unique<Fleet>(*loop_, std::move(config), options_.open_card, options_.wrap_engine);
  fleet_->sessions().Listen(*std::move(app));
  control_ = std::make_unique<ControlServer>(*this);
  if (absl::Status status = fleet_->OpenCard(0); !status.ok()) return status;
  return fleet_->AttachAll();
}

// ---- Being the daemon.

void Daemon::Serve() {
  stage_ = Stage::kServing;
  fleet_->sessions().Start();
  AcceptControl();
  ServeMetrics();
  KeepAlive();
  const Config& config = fleet_->config();
  spdlog::info("{}: farrierd {} serves {} engines on function {}, apps at {}", config.name(),
               options_.version, fleet_->size(), fleet_->card().function(), config.app_socket());
  NotifyReady(absl::StrCat("farrierd ", options_.version, " serves ", fleet_->size(), " engines"));
  if (options_.ready) options_.ready();
}

void Daemon::AcceptControl() {
  loop_->Watch(control_listener_.get(), EPOLLIN, [this](uint32_t) {
    UniqueFd connection(
        accept4(control_listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.valid()) control_->Serve(std::move(connection));
  });
}

void Daemon::KeepAlive() {
  const runtime::Nanoseconds period = WatchdogPeriod();
  if (period == 0) return;
  NotifyAlive();
  loop_->After(period, [this] { KeepAlive(); });
}

void Daemon::Terminate() {
  terminate_ = true;
  if (run_ != nullptr) {
    // Rolls back, and then we end. A successor that is almost there ends by itself.
    if (successor_) successor_->Kill();
    return;
  }
  if (stage_ == Stage::kServing) {
    NotifyStopping();
    if (absl::Status stopped = fleet_->DetachAll(); !stopped.ok()) {
      stuck_ = true;
      failure_ = absl::Status(stopped.code(),
                              absl::StrCat("ending without its consent: ", stopped.message()));
      spdlog::critical("{}", std::string(failure_.message()));
    }
    RemoveSockets();
  }
  loop_->Stop();
}

// Runs the loop until the end, and beyond for the calls that are being answered.
absl::Status Daemon::Live() {
  loop_->Run();
  if (stage_ != Stage::kSucceeded) stage_ = Stage::kEnding;
  if (fleet_ != nullptr && !stuck_) fleet_->sessions().Release();
  std::thread ending([this] {
    control_->Shutdown(kLastWordsMs);
    metrics_.reset();
    loop_->Post([this] { loop_->Stop(); });
  });
  loop_->Run();
  ending.join();
  return failure_;
}

void Daemon::RemoveSockets() {
  if (fleet_ == nullptr) return;
  unlink(fleet_->config().control_socket().c_str());
  unlink(fleet_->config().app_socket().c_str());
  const std::string& metrics = fleet_->config().metrics().address();
  if (absl::StartsWith(metrics, "/")) unlink(metrics.c_str());
}

// ---- Status.

absl::StatusOr<StatusReply> Daemon::Status() {
  absl::Status card;
  absl::StatusOr<StatusReply> status = Inquire(/*also_in_blackout=*/true, card);
  if (status.ok() && !card.ok()) return card;
  return status;
}

absl::StatusOr<StatusReply> Daemon::Inquire(bool also_in_blackout, absl::Status& card) {
  using Csr = std::unique_ptr<driver::CsrWindow>;
  using Answer = std::pair<absl::StatusOr<StatusReply>, absl::StatusOr<Csr>>;
  auto promise = std::make_shared<std::promise<Answer>>();
  auto future = promise->get_future();
  loop_->Post([this, promise, also_in_blackout] {
    if (stage_ != Stage::kServing) {
      const absl::Status ending = absl::UnavailableError("farrierd is ending");
      promise->set_value({ending, ending});
    } else if (!also_in_blackout && EnginesAreMoving()) {
      const absl::Status moving = absl::UnavailableError("an upgrade moves the engines just now");
      promise->set_value({moving, moving});
    } else {
      promise->set_value({LoopStatus(), fleet_->card().OpenCsr()});
    }
  });
  if (future.wait_for(kStatusTimeout) != std::future_status::ready) {
    return absl::DeadlineExceededError("farrierd's control thread does not answer");
  }
  auto [status, csr] = future.get();
  if (!status.ok()) return status;
  // The card is asked here, and the control thread does not wait for it.
  card = csr.ok() ? ReadCardCounters(**csr, *status) : csr.status();
  return std::move(status);
}

StatusReply Daemon::LoopStatus() {
  StatusReply status = fleet_->Status();
  status.set_version(options_.version);
  status.set_pid(getpid());
  status.set_uptime_seconds(static_cast<double>(loop_->clock().Now() - started_at_) /
                            runtime::kSecond);
  status.set_upgrading(run_ != nullptr);
  *status.mutable_upgrades() = upgrades_;
  return status;
}

// ---- Metrics.

void Daemon::ServeMetrics() {
  if (!fleet_->config().has_metrics()) return;
  const std::string& address = fleet_->config().metrics().address();
  if (!metrics_listener_.valid()) {  // of a predecessor that knew of no metrics
    absl::StatusOr<UniqueFd> listener = ListenForMetrics(address);
    if (!listener.ok()) {
      spdlog::error("no metrics: {}", listener.status().ToString());
      return;
    }
    metrics_listener_ = *std::move(listener);
  }
  absl::StatusOr<std::unique_ptr<MetricsServer>> server = MetricsServer::Start(
      {.listener = std::move(metrics_listener_), .clock = &loop_->clock(), .source = [this] {
         return Metrics();
       }});
  if (!server.ok()) {
    spdlog::error("no metrics: {}", server.status().ToString());
    return;
  }
  metrics_ = *std::move(server);
  spdlog::info("metrics at {}", address);
}

absl::StatusOr<std::string> Daemon::Metrics() {
  absl::Status card;
  const absl::StatusOr<StatusReply> status = Inquire(/*also_in_blackout=*/false, card);
  if (!status.ok()) return status.status();
  return RenderMetrics(*status, card.ok());
}

// ---- Groups.

absl::StatusOr<GroupStatus> Daemon::AskFleet(
    std::function<absl::StatusOr<GroupStatus>(Fleet&)> question) {
  auto answer = std::make_shared<std::promise<absl::StatusOr<GroupStatus>>>();
  auto reply = answer->get_future();
  loop_->Post([this, answer, question = std::move(question)] {
    if (stage_ != Stage::kServing) {
      answer->set_value(absl::UnavailableError("farrierd is ending"));
    } else {
      answer->set_value(question(*fleet_));
    }
  });
  if (reply.wait_for(kFleetTimeout) != std::future_status::ready) {
    return absl::DeadlineExceededError("farrierd's control thread does not answer");
  }
  return reply.get();
}

absl::StatusOr<GroupStatus> Daemon::SetGroup(const GroupConfig& change) {
  return AskFleet([change](Fleet& fleet) { return fleet.SetGroup(change); });
}

absl::StatusOr<GroupStatus> Daemon::AddGroup(const GroupConfig& settings) {
  return AskFleet([settings](Fleet& fleet) { return fleet.AddGroup(settings); });
}

absl::Status Daemon::RemoveGroup(const std::string& name) {
  return AskFleet([name](Fleet& fleet) -> absl::StatusOr<GroupStatus> {
           if (absl::Status removed = fleet.RemoveGroup(name); !removed.ok()) return removed;
           return GroupStatus();
         })
      .status();
}

absl::StatusOr<GroupStatus> Daemon::PlaceEngine(const PlaceEngineRequest& request) {
  return AskFleet([request](Fleet& fleet) { return fleet.PlaceEngine(request); });
}

// ---- Succeeding.

absl::Status Daemon::RunSuccessor(UniqueFd channel) {
  absl::StatusOr<ucred> peer = PeerCredentials(channel.get());
  if (!peer.ok() || peer->pid != getppid()) {
    return absl::InvalidArgumentError(
        "--handover-fd is for farrierd itself, which starts its successor with it; to upgrade, "
        "use: farrierctl upgrade --binary PATH");
  }
  predecessor_.reset(static_cast<int>(syscall(SYS_pidfd_open, peer->pid, 0)));
  if (!predecessor_.valid()) return absl::ErrnoToStatus(errno, "pidfd_open");
  control_ = std::make_unique<ControlServer>(*this);
  handover_ = FleetHandover::OfNew(*loop_, options_.open_card, [this] {
    fleet_ = handover_->TakeFleet();
    control_listener_ = handover_->TakeControlListener();
    metrics_listener_ = handover_->TakeMetricsListener();
    upgrades_ = handover_->upgrades();
    NotifyMainPid(getpid());
    Serve();
  });
  upgrade::NewSideOptions side;
  side.build = options_.version;
  side.kinds = RestorableKinds();
  side.brownout_silence = kBrownoutSilence;
  side.blackout_silence = kTakeOverAfter;
  absl::StatusOr<std::unique_ptr<HandoverRun>> run =
      HandoverRun::Start({.loop = loop_.get(),
                          .side = upgrade::MakeNewSide(std::move(side)),
                          .host = handover_.get(),
                          .channel = std::move(channel),
                          .pidfd = predecessor_.get(),
                          .done = [this](upgrade::Outcome outcome) { EndSuccession(outcome); },
                          .on_step = options_.on_step});
  if (!run.ok()) return run.status();
  run_ = *std::move(run);
  return Live();
}

void Daemon::EndSuccession(upgrade::Outcome outcome) {
  if (outcome == upgrade::Outcome::kCompleted) {
    AddCompleted(run_->report(), upgrades_);
  } else {
    failure_ = absl::AbortedError(
        absl::StrCat("the hand-over came to nothing: ", run_->report().failure()));
    loop_->Stop();
  }
  run_.reset();
  handover_.reset();
  predecessor_.reset();
  if (terminate_) Terminate();
}

}  // namespace farrier::host
