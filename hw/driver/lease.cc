#include "hw/driver/lease.h"

#include "absl/strings/str_format.h"

namespace farrier::driver {
namespace {

constexpr uint32_t kAttached = static_cast<uint32_t>(regs::OwnerState::kAttached);

std::string Name(const regs::SwitchWord& word) {
  if (word.state != kAttached) return "nobody";
  return absl::StrFormat("the process on function %c", 'A' + static_cast<char>(word.function));
}

}  // namespace

absl::StatusOr<regs::SwitchWord> Lease::Read() const {
  const auto word = window_.Read(regs::kRegLease);
  if (!word.ok()) return word.status();
  return regs::SwitchWord::Unpack(*word);
}

absl::StatusOr<std::optional<uint32_t>> Lease::Holder() const {
  const auto word = Read();
  if (!word.ok()) return word.status();
  if (word->state != kAttached) return std::nullopt;
  return word->function;
}

absl::Status Lease::Take() {
  const auto word = Read();
  if (!word.ok()) return word.status();
  if (word->state == kAttached) {
    return absl::AlreadyExistsError(absl::StrFormat("the card's lease is held by %s", Name(*word)));
  }
  return Swap(regs::OwnerState::kAttached, word->generation);
}

absl::Status Lease::TakeOver() {
  const auto word = Read();
  if (!word.ok()) return word.status();
  return Swap(regs::OwnerState::kAttached, word->generation);
}

absl::Status Lease::CheckOurs() const {
  if (!generation_) return absl::FailedPreconditionError("the card's lease was never taken");
  const auto word = Read();
  if (!word.ok()) return word.status();
  // A successor on our function has our word but for the generation.
  if (word->state == kAttached && word->function == function_ && word->generation == *generation_) {
    return absl::OkStatus();
  }
  return absl::AbortedError(absl::StrFormat("the card's lease has gone to %s", Name(*word)));
}

absl::Status Lease::Renew() {
  if (auto status = CheckOurs(); !status.ok()) return status;
  return Swap(regs::OwnerState::kAttached, *generation_);
}

absl::Status Lease::Release() {
  const absl::Status ours = generation_ ? CheckOurs() : absl::OkStatus();
  if (!generation_ || absl::IsAborted(ours)) return absl::OkStatus();
  if (!ours.ok()) return ours;
  return Swap(regs::OwnerState::kDetached, *generation_);
}

absl::Status Lease::Swap(regs::OwnerState state, uint32_t expected) {
  regs::SwitchWord word = {
      .state = static_cast<uint32_t>(state), .function = function_, .generation = expected};
  if (auto status = window_.Write(regs::kRegLease, word.Pack()); !status.ok()) return status;
  const auto now = Read();
  if (!now.ok()) return now.status();
  if (word.state == kAttached) {
    word.generation =
        regs::SwitchWord::Unpack(regs::SwitchWord{.generation = expected + 1}.Pack()).generation;
  }
  generation_.reset();
  if (*now != word) {
    return absl::AbortedError(absl::StrFormat("the card's lease has gone to %s", Name(*now)));
  }
  if (word.state == kAttached) generation_ = now->generation;
  return absl::OkStatus();
}

}  // namespace farrier::driver
