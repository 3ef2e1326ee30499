#include "tests/simulator/hand_over.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "hw/driver/owner_row.h"

namespace farrier::sim {
namespace {

// Attachment.bytes: "<engine> <session>".
constexpr char kSessionAttachment[] = "session";

class Forget final : public runtime::StateSink {
 public:
  void Append(runtime::StateRecord) override {}
};

}  // namespace

HandOver::HandOver(EventQueue& queue, Random random, const Options& options, Daemon& daemon,
                   HandOverHost& host, std::unique_ptr<upgrade::Side> side,
                   std::unique_ptr<SimChannel> channel, upgrade::PeerProcess& peer,
                   std::function<void(upgrade::Outcome)> done)
    : queue_(queue),
      random_(std::move(random)),
      options_(options),
      daemon_(daemon),
      host_(host),
      side_(std::move(side)),
      channel_(std::move(channel)),
      done_(std::move(done)),
      driver_(*side_, *this, *this, *channel_, peer, queue),
      step_(queue, [this] { Step(); }) {
  const auto wake = [this] {
    if (!frozen_) step_.SetNoLaterThan(queue_.Now() + random_.Uniform(0, options_.slowest_step));
  };
  channel_->set_wake(wake);
  wake();
}

void HandOver::Step() {
  if (driver_.Step()) {
    step_.Set(queue_.Now() + random_.Uniform(kMicrosecond, options_.slowest_step));
  } else if (driver_.NextStep() != kNever) {
    step_.SetNoLaterThan(std::max(driver_.NextStep(), queue_.Now()) +
                         random_.Uniform(0, options_.slowest_step));
  }
  if (!driver_.done()) return;
  step_.Cancel();
  if (done_) std::exchange(done_, nullptr)(side_->outcome());
}

void HandOver::Freeze() {
  frozen_ = true;
  step_.Cancel();
}

void HandOver::Thaw() {
  frozen_ = false;
  step_.Set(queue_.Now());
}

absl::Status HandOver::PostSession(uint32_t engine, uint32_t session) {
  upgrade::Parcel parcel;
  auto* attachment = parcel.message.mutable_attachment();
  attachment->set_kind(kSessionAttachment);
  attachment->set_bytes(absl::StrCat(engine, " ", session));
  return channel_->Post(std::move(parcel));
}

void HandOver::SessionAdded(uint32_t engine, uint32_t session) {
  // A peer that is gone is noticed by the driver.
  if (attachments_sent_ && !driver_.done()) PostSession(engine, session).IgnoreError();
}

absl::Status HandOver::SendAttachments(bool last, upgrade::Channel&) {
  if (last) {
    host_.Serves(daemon_, false);
    return absl::OkStatus();
  }
  attachments_sent_ = true;
  for (uint32_t engine = 0; engine < daemon_.engines(); ++engine) {
    for (const auto& session : daemon_.sessions(engine)) {
      if (auto status = PostSession(engine, session->id()); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HandOver::TakeSnapshot(upgrade::EngineIndex engine, runtime::StateSink& sink) {
  return daemon_.engine(engine).Snapshot(sink, options_.snapshot_budget);
}

absl::StatusOr<bool> HandOver::MarkSeen(upgrade::EngineIndex engine) {
  return daemon_.port(engine).MarkSeen(daemon_.generation(engine));
}

absl::Status HandOver::Stop(upgrade::EngineIndex engine) {
  daemon_.Stop(engine);
  return absl::OkStatus();
}

absl::Status HandOver::TakeDelta(upgrade::EngineIndex engine, runtime::StateSink& sink) {
  daemon_.engine(engine).Delta(sink);
  return absl::OkStatus();
}

absl::StatusOr<bool> HandOver::TxDrained(upgrade::EngineIndex engine) {
  driver::OwnerRow row(daemon_.window(), daemon_.owner(engine));
  const auto seen = row.ReadTxSeen();
  if (!seen.ok()) return seen.status();
  return *seen == daemon_.port(engine).last_tx_sequence();
}

absl::Status HandOver::Resume(upgrade::EngineIndex engine, uint16_t generation) {
  daemon_.Run(engine, generation);
  host_.EngineMoved(daemon_, engine);
  return absl::OkStatus();
}

void HandOver::DropSnapshot(upgrade::EngineIndex engine) {
  Forget forget;
  daemon_.engine(engine).Delta(forget);
}

void HandOver::Release(upgrade::EngineIndex engine) { daemon_.Stop(engine); }

absl::Status HandOver::Accept(const upgrade::Attachment& attachment,
                              std::vector<runtime::UniqueFd>) {
  const std::vector<std::string> words = absl::StrSplit(attachment.bytes(), ' ');
  uint32_t engine = 0;
  uint32_t id = 0;
  if (attachment.kind() != kSessionAttachment || words.size() != 2 ||
      !absl::SimpleAtoi(words[0], &engine) || !absl::SimpleAtoi(words[1], &id) ||
      engine >= daemon_.engines()) {
    return absl::InvalidArgumentError("an attachment that makes no sense");
  }
  const auto session = host_.FindSession(id);
  // An app that has gone in the meantime has closed its end; its memory is still there.
  if (session == nullptr) return absl::InternalError("an attachment without its memory");
  return daemon_.AdoptSession(engine, session);
}

absl::StatusOr<bool> HandOver::Prepare(const std::vector<upgrade::EngineSpec>& engines) {
  if (engines.size() != daemon_.engines()) {
    return absl::InvalidArgumentError("the processes differ in their number of engines");
  }
  if (prepared_at_ == 0) {
    prepared_at_ = queue_.Now() + random_.Uniform(0, options_.slowest_prepare);
  }
  return queue_.Now() >= prepared_at_;
}

absl::Status HandOver::Restore(upgrade::EngineIndex engine, runtime::StateSource& source) {
  return daemon_.engine(engine).Restore(source);
}

absl::Status HandOver::Start(upgrade::EngineIndex engine, uint16_t generation) {
  daemon_.Run(engine, generation);
  host_.EngineMoved(daemon_, engine);
  return absl::OkStatus();
}

void HandOver::Serve() { host_.Serves(daemon_, true); }

absl::Status HandOver::StartFresh(upgrade::EngineIndex engine, uint16_t generation) {
  host_.SessionsLost(engine);
  daemon_.RunEmpty(engine, generation);
  host_.EngineMoved(daemon_, engine);
  return absl::OkStatus();
}

absl::StatusOr<upgrade::Row> HandOver::Read(upgrade::EngineIndex engine) {
  if (random_.Chance(options_.card_failure)) return absl::UnavailableError("the card is away");
  const auto word = driver::OwnerRow(daemon_.window(), daemon_.owner(engine)).Read();
  if (!word.ok()) return word.status();
  return upgrade::Row{.state = static_cast<upgrade::RowState>(word->state),
                      .mine = static_cast<int>(word->function) == daemon_.function(),
                      .generation = static_cast<uint16_t>(word->generation)};
}

absl::Status HandOver::Write(upgrade::EngineIndex engine, upgrade::RowState state,
                             uint16_t expected_generation) {
  const bool failed = random_.Chance(options_.card_failure);
  if (failed && random_.Chance(0.5)) return absl::UnavailableError("the card is away");
  const regs::SwitchWord word =
      daemon_.Row(engine, static_cast<regs::OwnerState>(state), expected_generation);
  const auto offset = regs::kRegOwnerSwitch(static_cast<uint32_t>(daemon_.owner(engine)));
  if (auto status = daemon_.window().Write(offset, word.Pack()); !status.ok()) return status;
  if (failed) return absl::UnavailableError("the card's answer got lost");
  return absl::OkStatus();
}

}  // namespace farrier::sim
