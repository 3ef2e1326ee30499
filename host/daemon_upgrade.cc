// Daemon: how it is upgraded.

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/binary_check.h"
#include "host/card_setup.h"
#include "host/daemon.h"
#include "host/service_manager.h"
#include "upgrade/old_side.h"

namespace farrier::host {

absl::Status Daemon::Upgrade(const UpgradeRequest& request,
                             std::function<void(const UpgradeProgress&)> progress) {
  auto job = std::make_shared<UpgradeJob>();
  loop_->Post([this, job, binary = request.binary()] {
    absl::Status begun = BeginUpgrade(binary, job);
    if (begun.ok()) return;
    spdlog::warn("upgrade to {} refused: {}", binary, begun.ToString());
    job->Finish(begun);
  });
  return job->Listen(progress);
}

absl::Status Daemon::BeginUpgrade(const std::string& binary, std::shared_ptr<UpgradeJob> job) {
  if (stage_ != Stage::kServing) return absl::UnavailableError("farrierd is ending");
  if (run_ != nullptr) {
    return absl::FailedPreconditionError("an upgrade is under way already; wait for its end");
  }
  if (fleet_->config().card().has_embedded()) {
    return absl::FailedPreconditionError(
        "the card is embedded in this farrierd and ends with it, so nothing can be handed over; a "
        "live upgrade needs a card of its own: card.sim or card.fpga");
  }
  if (fleet_->card().info().functions < 2) {
    return absl::FailedPreconditionError(
        "the card has only one function, and an upgrade needs a second one");
  }
  if (absl::Status well = fleet_->EnginesAreWell(); !well.ok()) return well;
  absl::StatusOr<UniqueFd> program = OpenTrustedBinary(binary);
  if (!program.ok()) return program.status();
  absl::StatusOr<Successor> successor = Successor::Start(*program, binary, {"--handover-fd", "3"});
  if (!successor.ok()) return successor.status();

  upgrade::OldSideOptions side;
  side.build = options_.version;
  for (uint32_t engine = 0; engine < fleet_->size(); ++engine) {
    upgrade::EngineSpec spec;
    spec.set_kind(EngineKind(fleet_->config(), engine));
    spec.set_owner(static_cast<uint32_t>(OwnerOf(engine)));
    side.engines.push_back(std::move(spec));
  }
  side.kinds = WrittenKinds(fleet_->config());
  side.brownout_limit = fleet_->config().upgrade().prepare_ms() * runtime::kMillisecond;
  side.blackout_limit = fleet_->config().upgrade().blackout_ms() * runtime::kMillisecond;

  handover_ =
      FleetHandover::OfOld(*fleet_,
                           {.control_listener = control_listener_.get(),
                            .metrics_listener = metrics_ == nullptr ? -1 : metrics_->listener(),
                            .upgrades = upgrades_},
                           [this] {
                             loop_->Forget(control_listener_.get());
                             if (metrics_ != nullptr) metrics_->Accept(false);
                           });
  absl::StatusOr<std::unique_ptr<HandoverRun>> run = HandoverRun::Start(
      {.loop = loop_.get(),
       .side = upgrade::MakeOldSide(std::move(side)),
       .host = handover_.get(),
       .channel = std::move(successor->channel()),
       .pidfd = successor->pidfd(),
       .progress = [this](const upgrade::Report& report) { TellProgress(report); },
       .done = [this](upgrade::Outcome outcome) { EndUpgrade(outcome); },
       .on_step = options_.on_step});
  if (!run.ok()) {
    handover_.reset();
    fleet_->set_handing_over(false);
    return run.status();
  }
  run_ = *std::move(run);
  successor_ = *std::move(successor);
  job_ = std::move(job);
  story_ = UpgradeStory();
  UpgradeProgress progress;
  progress.mutable_phase()->set_name("started");
  progress.mutable_phase()->set_detail(absl::StrCat(binary, ", pid ", successor_->pid()));
  job_->Tell(std::move(progress));
  spdlog::info("upgrade: {} started as pid {}", binary, successor_->pid());
  return absl::OkStatus();
}

// A question to an engine or the card may make a blackout longer.
bool Daemon::EnginesAreMoving() const {
  return run_ != nullptr && successor_.has_value() && run_->report().brownout_ended_at() != 0;
}

void Daemon::TellProgress(const upgrade::Report& report) {
  for (UpgradePhase& phase : story_.Continue(report)) {
    spdlog::info("upgrade: {}: {}", phase.name(), phase.detail());
    UpgradeProgress progress;
    *progress.mutable_phase() = std::move(phase);
    job_->Tell(std::move(progress));
  }
}

void Daemon::EndUpgrade(upgrade::Outcome outcome) {
  const upgrade::Report report = run_->report();
  run_.reset();
  if (outcome == upgrade::Outcome::kCompleted) {
    TellSuccess(report);
    fleet_->StopUpkeep();
    stage_ = Stage::kSucceeded;
    NotifyMainPid(successor_->pid());
    spdlog::info("farrierd {} (pid {}) has taken over; ending", report.build_after(),
                 successor_->pid());
    successor_->Release();
    job_->Finish(absl::OkStatus());
    loop_->Stop();
    return;
  }
  // If it has not ended by itself: whatever it still did, it does no more, and the rows are ours.
  const bool ended = successor_->HasEnded();
  if (!ended) successor_->Kill();
  const std::string reason =
      absl::StrCat(report.failure(), ended ? "; the new process " + successor_->Reap() : "");
  successor_.reset();
  handover_->Abandon();
  handover_.reset();
  AcceptControl();
  if (metrics_ != nullptr) metrics_->Accept(true);
  upgrades_.set_given_up(upgrades_.given_up() + 1);
  spdlog::error("upgrade given up: {}", reason);
  job_->Finish(absl::AbortedError(absl::StrCat("the upgrade was given up, and farrierd ",
                                               options_.version, " goes on: ", reason)));
  job_.reset();
  if (terminate_) Terminate();
}

void Daemon::TellSuccess(const upgrade::Report& report) {
  UpgradeResult result = Result(report);
  result.set_pid_before(getpid());
  result.set_pid_after(successor_->pid());
  const uint32_t function = fleet_->card().function();
  result.set_function_before(function);
  result.set_function_after((function + 1) % fleet_->card().info().functions);
  for (uint32_t engine = 0; engine < fleet_->size(); ++engine) {
    UpgradeProgress progress;
    *progress.mutable_engine() =
        Moved(report.engines(static_cast<int>(engine)), engine, handover_->held(engine));
    progress.mutable_engine()->set_name(EngineName(fleet_->config(), engine));
    progress.mutable_engine()->set_kind(EngineKind(fleet_->config(), engine));
    *result.add_engines() = progress.engine();
    job_->Tell(std::move(progress));
  }
  UpgradeProgress progress;
  *progress.mutable_result() = std::move(result);
  job_->Tell(std::move(progress));
}

}  // namespace farrier::host
