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

#include "absl/strings/str_cat.h"
#include "host/service_manager.h"
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

const runtime::Clock& SystemClock() {
  static const runtime::MonotonicClock clock;
  return clock;
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
}

// ---- Status.

absl::StatusOr<StatusReply> Daemon::Status() {
  struct Answer {
    std::promise<StatusReply> reply;
    std::promise<absl::StatusOr<std::unique_ptr<driver::CsrWindow>>> csr;
  };
  auto answer = std::make_shared<Answer>();
  auto reply = answer->reply.get_future();
  auto csr = answer->csr.get_future();
  loop_->Post([this, answer] {
    if (stage_ != Stage::kServing) {
      answer->csr.set_value(absl::UnavailableError("farrierd is ending"));
      answer->reply.set_value({});
      return;
    }
    answer->csr.set_value(fleet_->card().OpenCsr());
    answer->reply.set_value(LoopStatus());
  });
  if (reply.wait_for(kStatusTimeout) != std::future_status::ready) {
    return absl::DeadlineExceededError("farrierd's control thread does not answer");
  }
  absl::StatusOr<std::unique_ptr<driver::CsrWindow>> window = csr.get();
  if (!window.ok()) return window.status();
  StatusReply status = reply.get();
  // The card is asked here, and the control thread does not wait for it.
  if (absl::Status read = ReadCardCounters(**window, status); !read.ok()) return read;
  return status;
}

StatusReply Daemon::LoopStatus() {
  StatusReply status = fleet_->Status();
  status.set_version(options_.version);
  status.set_pid(getpid());
  status.set_uptime_seconds(static_cast<double>(loop_->clock().Now() - started_at_) /
                            runtime::kSecond);
  status.set_upgrading(run_ != nullptr);
  return status;
}

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
  if (outcome != upgrade::Outcome::kCompleted) {
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
