#include "host/engine_unit.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engines/runtime/cpu_topology.h"

namespace farrier::host {
namespace {

// An engine answers between two polls; what takes longer is broken.
constexpr runtime::Nanoseconds kMailboxTimeout = 2 * runtime::kSecond;

}  // namespace

absl::StatusOr<std::unique_ptr<EngineUnit>> EngineUnit::Create(pony::EngineOptions options,
                                                               driver::OwnerPort& port,
                                                               const runtime::Clock& clock) {
  auto unit = std::unique_ptr<EngineUnit>(new EngineUnit(std::move(options), port, clock));
  absl::StatusOr<std::unique_ptr<runtime::Mailbox>> mailbox = runtime::Mailbox::Create(clock);
  if (!mailbox.ok()) return mailbox.status();
  unit->mailbox_ = *std::move(mailbox);
  absl::StatusOr<runtime::CpuTopology> topology = runtime::ReadCpuTopology("");
  if (!topology.ok()) return topology.status();
  absl::StatusOr<std::unique_ptr<runtime::EngineGroup>> group =
      runtime::EngineGroup::Start(absl::StrCat("pony-", unit->id()), {},
                                  {.clock = &clock,
                                   .cycles = &unit->cycles_,
                                   .meter = &unit->meter_,
                                   .topology = *std::move(topology),
                                   .control_timeout = kMailboxTimeout});
  if (!group.ok()) return group.status();
  unit->group_ = *std::move(group);
  return unit;
}

EngineUnit::EngineUnit(pony::EngineOptions options, driver::OwnerPort& port,
                       const runtime::Clock& clock)
    : options_(std::move(options)),
      port_(port),
      clock_(clock),
      engine_(std::make_unique<pony::PonyEngine>(options_, &port)) {}

EngineUnit::~EngineUnit() = default;

absl::Status EngineUnit::Start(uint16_t generation, std::optional<driver::TxCells> cells) {
  if (running_) {
    absl::Status status = With([&](pony::PonyEngine&) { port_.SetGeneration(generation, cells); });
    if (status.ok()) generation_ = generation;
    return status;
  }
  port_.SetGeneration(generation, cells);
  generation_ = generation;
  absl::Status status = group_->Add(*engine_, *mailbox_, absl::StrCat("pony", id()));
  running_ = status.ok();
  return status;
}

absl::Status EngineUnit::Stop() {
  if (!running_) return absl::OkStatus();
  const runtime::Nanoseconds cpu = CpuTime();
  if (absl::Status status = group_->Remove(*engine_); !status.ok()) return status;
  running_ = false;
  cpu_before_ = cpu;
  return absl::OkStatus();
}

absl::Status EngineUnit::With(absl::FunctionRef<void(pony::PonyEngine&)> closure) {
  if (!running_) {
    closure(*engine_);
    return absl::OkStatus();
  }
  return mailbox_->Run([&] { closure(*engine_); }, kMailboxTimeout);
}

bool EngineUnit::TxDrained(uint32_t tx_seen) {
  port_.Commit({});
  return port_.last_tx_sequence() == tx_seen;
}

void EngineUnit::Reset(uint32_t epoch, uint64_t seed) {
  options_.epoch = epoch;
  options_.seed = seed;
  engine_ = std::make_unique<pony::PonyEngine>(options_, &port_);
}

runtime::Nanoseconds EngineUnit::CpuTime() {
  if (!running_) return cpu_before_;
  absl::StatusOr<runtime::EngineReport> report = group_->Report(*engine_);
  return cpu_before_ + (report.ok() ? report->cpu : 0);
}

}  // namespace farrier::host
