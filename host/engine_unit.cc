#include "host/engine_unit.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace farrier::host {
namespace {

// An engine answers between two polls; what takes longer is broken.
constexpr runtime::Nanoseconds kMailboxTimeout = 2 * runtime::kSecond;

}  // namespace

absl::StatusOr<std::unique_ptr<EngineUnit>> EngineUnit::Create(
    EngineUnitOptions options, EngineMaker make, driver::OwnerPort& port,
    const runtime::Clock& clock, runtime::EngineGroup& group, EngineWrapper wrapper) {
  auto unit = std::unique_ptr<EngineUnit>(
      new EngineUnit(std::move(options), std::move(make), port, group, std::move(wrapper)));
  absl::StatusOr<std::unique_ptr<runtime::Mailbox>> mailbox = runtime::Mailbox::Create(clock);
  if (!mailbox.ok()) return mailbox.status();
  unit->mailbox_ = *std::move(mailbox);
  if (absl::Status status = unit->Reset(); !status.ok()) return status;
  return unit;
}

EngineUnit::EngineUnit(EngineUnitOptions options, EngineMaker make, driver::OwnerPort& port,
                       runtime::EngineGroup& group, EngineWrapper wrapper)
    : options_(std::move(options)),
      make_(std::move(make)),
      port_(port),
      group_(&group),
      wrapper_(std::move(wrapper)) {}

EngineUnit::~EngineUnit() = default;

absl::Status EngineUnit::Start(uint16_t generation, std::optional<driver::TxCells> cells) {
  if (running_) {
    absl::Status status = With([&](HostedEngine&) { port_.SetGeneration(generation, cells); });
    if (status.ok()) generation_ = generation;
    return status;
  }
  port_.SetGeneration(generation, cells);
  generation_ = generation;
  absl::Status status = Run();
  if (status.ok()) trouble_ = absl::OkStatus();
  return status;
}

absl::Status EngineUnit::Run() {
  absl::Status status = group_->Add(polled(), *mailbox_, options_.name, options_.weight);
  running_ = status.ok();
  return status;
}

absl::Status EngineUnit::MoveTo(runtime::EngineGroup& group, int weight) {
  const bool ran = running_;
  if (absl::Status stopped = StopWell(); !stopped.ok()) return stopped;
  runtime::EngineGroup* const from = std::exchange(group_, &group);
  const int weight_before = std::exchange(options_.weight, weight);
  if (!ran) return absl::OkStatus();
  absl::Status moved = Run();
  if (moved.ok()) return moved;
  group_ = from;
  options_.weight = weight_before;
  moved.Update(Run());
  return moved;
}

absl::Status EngineUnit::Stop() { return Stop(/*must_be_well=*/false); }
absl::Status EngineUnit::StopWell() { return Stop(/*must_be_well=*/true); }

absl::Status EngineUnit::Stop(bool must_be_well) {
  if (!running_) return absl::OkStatus();
  if (absl::IsDeadlineExceeded(trouble_)) return trouble_;
  const absl::StatusOr<runtime::EngineReport> report = group_->Report(polled());
  // The group may know what its watchdog has not told yet.
  if (report.ok() && report->condition == runtime::EngineCondition::kFailed && trouble_.ok()) {
    trouble_ = absl::UnavailableError(absl::StrCat("engine ", id(), " failed: ", report->failure));
  }
  if (must_be_well && !trouble_.ok()) return trouble_;
  if (absl::Status status = group_->Remove(polled()); !status.ok()) return status;
  running_ = false;
  trouble_ = absl::OkStatus();
  if (report.ok()) {
    cpu_before_ += report->cpu;
    polls_before_ += report->polls;
  }
  return absl::OkStatus();
}

absl::Status EngineUnit::With(absl::FunctionRef<void(HostedEngine&)> closure) {
  if (!running_) {
    closure(*engine_);
    return absl::OkStatus();
  }
  if (!trouble_.ok()) return trouble_;
  return mailbox_->Run([&] { closure(*engine_); }, kMailboxTimeout);
}

bool EngineUnit::TxDrained(uint32_t tx_seen) {
  port_.Commit({});
  return port_.last_tx_sequence() == tx_seen;
}

absl::Status EngineUnit::Reset() {
  absl::StatusOr<std::unique_ptr<HostedEngine>> engine = make_();
  if (!engine.ok()) return engine.status();
  wrapped_.reset();
  engine_ = *std::move(engine);
  if (wrapper_) wrapped_ = wrapper_(id(), engine_->engine());
  return absl::OkStatus();
}

}  // namespace farrier::host
