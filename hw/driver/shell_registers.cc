#include "hw/driver/shell_registers.h"

#include <array>

#include "absl/strings/str_format.h"
#include "hw/regs/registers.h"

namespace farrier::driver {
namespace {

// QDMA, per function.
constexpr uint32_t kQueueConfig = 0x000;  // first queue << 16 | number of queues
constexpr uint32_t kIndirection = 0x400;
constexpr uint32_t kIndirectionEntries = 128;
constexpr uint32_t kHashKey = 0x600;
constexpr uint32_t kHashKeyWords = 10;
constexpr uint32_t FunctionBase(uint32_t function) { return 0x1000 * (function + 1); }

// The first CMAC.
constexpr uint32_t kCmacTx = 0x800C;
constexpr uint32_t kCmacRx = 0x8014;
constexpr uint32_t kCmacEnable = 1;
constexpr uint32_t kCmacRxStatus = 0x8204;
constexpr uint32_t kCmacRxAligned = 3;  // receiving, and its lanes aligned
constexpr uint32_t kRsFecCorrection = 0x9000;
constexpr uint32_t kRsFecEnable = 0x907C;

uint32_t QueueConfig(uint32_t function) { return FirstQueue(function) << 16 | regs::kMaxQueues; }

// The shell's hash is the xor of 32-bit windows into the key, one for each bit that is set of
// protocol, source and destination address, each a bit further on; its low 7 bits are an index into
// the indirection table. With ones at these places alone, queue bit j of the prefix (the lowest bit
// of bytes 26 to 32) gives bit j of the hash and no other.
std::array<uint32_t, kHashKeyWords> PrefixHashKey() {
  std::array<uint32_t, kHashKeyWords> key{};
  for (uint32_t j = 0; j < regs::prefix::kQueueBytes.size(); ++j) {
    const uint32_t bit = j < 4 ? 12 + 9 * j : 48 + 9 * (j - 4);
    key[bit / 32] |= 1u << bit % 32;
  }
  return key;
}

// Writes, and takes note of the first register that does not read back what was written.
class Writer {
 public:
  explicit Writer(Bar2& bar) : bar_(bar) {}

  void operator()(uint32_t offset, uint32_t value) {
    bar_.Write(offset, value);
    const uint32_t now = bar_.Read(offset);
    if (now == value || !status_.ok()) return;
    status_ = absl::UnavailableError(absl::StrFormat(
        "the shell's register 0x%05x reads 0x%08x after 0x%08x was written to it; is this "
        "bitstream OpenNIC's shell of January 2025?",
        offset, now, value));
  }
  const absl::Status& status() const { return status_; }

 private:
  Bar2& bar_;
  absl::Status status_;
};

}  // namespace

uint32_t FirstQueue(uint32_t function) { return regs::kMaxQueues * function; }

absl::StatusOr<ShellState> InspectShell(const Bar2& bar, uint32_t functions) {
  uint32_t ready = 0;
  for (uint32_t function = 0; function < functions; ++function) {
    const uint32_t now = bar.Read(FunctionBase(function) + kQueueConfig);
    if (now == QueueConfig(function)) {
      ++ready;
    } else if (now != 0) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "the QDMA's function %d has the queue configuration 0x%08x, not 0x%08x: another program "
          "has used the card. It must be loaded again: make flash",
          function, now, QueueConfig(function)));
    }
  }
  // The last function's is written last.
  return ready == functions ? ShellState::kReady : ShellState::kFresh;
}

absl::Status SetUpShell(Bar2& bar, const ShellOptions& options) {
  Writer write(bar);
  const auto key = PrefixHashKey();
  for (uint32_t function = 0; function < options.functions; ++function) {
    const uint32_t base = FunctionBase(function);
    for (uint32_t i = 0; i < kIndirectionEntries; ++i) write(base + kIndirection + 4 * i, i);
    for (uint32_t i = 0; i < kHashKeyWords; ++i) write(base + kHashKey + 4 * i, key[i]);
  }
  if (options.rs_fec) {
    write(kRsFecEnable, 3);
    write(kRsFecCorrection, 7);
  }
  write(kCmacRx, kCmacEnable);
  write(kCmacTx, kCmacEnable);
  for (uint32_t function = 0; function < options.functions && write.status().ok(); ++function) {
    write(FunctionBase(function) + kQueueConfig, QueueConfig(function));
  }
  return write.status();
}

bool LinkUp(const Bar2& bar) {
  bar.Read(kCmacRxStatus);  // keeps a loss until it is read
  const uint32_t status = bar.Read(kCmacRxStatus);
  return status != 0xFFFFFFFF && (status & kCmacRxAligned) == kCmacRxAligned;
}

}  // namespace farrier::driver
