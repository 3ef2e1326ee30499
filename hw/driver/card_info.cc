#include "hw/driver/card_info.h"

#include <bit>

#include "absl/strings/str_format.h"

namespace farrier::driver {
namespace {

// Reads registers until one fails.
class Reader {
 public:
  explicit Reader(CsrWindow& window) : window_(window) {}
  uint32_t operator()(uint32_t offset) {
    if (!status_.ok()) return 0;
    const auto value = window_.Read(offset);
    if (value.ok()) return *value;
    status_ = value.status();
    return 0;
  }
  const absl::Status& status() const { return status_; }

 private:
  CsrWindow& window_;
  absl::Status status_;
};

absl::Status Refused(const std::string& why) {
  return absl::FailedPreconditionError("cannot drive this card: " + why);
}

}  // namespace

absl::StatusOr<CardInfo> Identify(CsrWindow& window) {
  Reader read(window);
  const uint32_t magic = read(regs::kRegMagic);
  if (!read.status().ok()) return read.status();
  if (magic != regs::kMagic) {
    return Refused(absl::StrFormat("MAGIC reads 0x%08x instead of 0x%08x", magic, regs::kMagic));
  }
  CardInfo info;
  info.version = read(regs::kRegVersion);
  if (read.status().ok() && info.version >> 16 != regs::kVersion >> 16) {
    return Refused(absl::StrFormat("its contract has major version %d, this driver's %d",
                                   info.version >> 16, regs::kVersion >> 16));
  }
  info.capabilities = regs::Capabilities::Unpack(read(regs::kRegCapabilities));
  info.epoch = read(regs::kRegEpoch);
  info.functions = read(regs::kRegFunctions);
  info.queues = read(regs::kRegQueues);
  info.hold_cells = read(regs::kRegHoldCells);
  info.mtu = read(regs::kRegMtu);
  for (uint32_t i = 0; i < info.filter_depth.size(); ++i) {
    info.filter_depth[i] = read(regs::kRegFilterDepth(i));
  }
  if (info.capabilities.pacing) {
    info.tx_cells = read(regs::kRegTxCells);
    info.pacing_slots = read(regs::kRegPacingSlots);
  }
  const uint32_t mac_lo = read(regs::kRegMacLo);
  const uint32_t mac_hi = read(regs::kRegMacHi);
  const uint64_t mac = static_cast<uint64_t>(mac_hi) << 32 | mac_lo;
  for (int i = 0; i < 6; ++i) info.mac[i] = static_cast<uint8_t>(mac >> (8 * (5 - i)));
  info.link_up = read(regs::kRegLink) != 0;
  if (!read.status().ok()) return read.status();

  if (!info.capabilities.exact_filters) return Refused("it has no exact-match filters");
  if (!info.capabilities.hold) return Refused("it cannot hold packets");
  if (info.functions < 1 || info.functions > regs::kMaxFunctions) {
    return Refused(absl::StrFormat("FUNCTIONS reads %d", info.functions));
  }
  if (info.queues < 1 || info.queues > regs::kMaxQueues) {
    return Refused(absl::StrFormat("QUEUES reads %d", info.queues));
  }
  for (const uint32_t depth : info.filter_depth) {
    if (depth > 0x10000 || (depth != 0 && !std::has_single_bit(depth))) {
      return Refused(absl::StrFormat("FILTER_DEPTH reads %d, not a power of two", depth));
    }
  }
  if (info.capabilities.pacing && (info.tx_cells == 0 || info.pacing_slots == 0)) {
    return Refused(absl::StrFormat("it paces, but TX_CELLS reads %d and PACING_SLOTS %d",
                                   info.tx_cells, info.pacing_slots));
  }
  return info;
}

std::vector<std::string> CapabilityNames(const regs::Capabilities& capabilities) {
  std::vector<std::string> names;
  const auto add = [&](bool present, const char* name) {
    if (present) names.emplace_back(name);
  };
  add(capabilities.exact_filters, "exact_filters");
  add(capabilities.hold, "hold");
  add(capabilities.pacing, "pacing");
  add(capabilities.rss, "rss");
  add(capabilities.ternary, "ternary");
  add(capabilities.rx_checksum, "rx_checksum");
  add(capabilities.tx_checksum, "tx_checksum");
  add(capabilities.tx_guard, "tx_guard");
  add(capabilities.heartbeat, "heartbeat");
  return names;
}

absl::Status SetEpoch(CsrWindow& window, uint32_t epoch) {
  if (epoch == 0) return absl::InvalidArgumentError("the card's EPOCH must not be set to 0");
  return window.Write(regs::kRegEpoch, epoch);
}

}  // namespace farrier::driver
