#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hw/driver/csr_window.h"

namespace farrier::driver {

// BAR2 of a card on the FPGA: the registers of OpenNIC's shell, and from 1 MiB on the card's own.
// Mapped from sysfs: `resource2` of the management function, which no driver may have claimed.
// Accesses are single 32-bit loads and stores. Any thread, but the shell answers a read wrongly
// that meets a write: one thread at a time, and one process while it is set up (CardLock).
class Bar2 {
 public:
  static constexpr uint32_t kCardOffset = 0x100000;

  // The error says what is wrong with the file and what would mend it.
  static absl::StatusOr<std::unique_ptr<Bar2>> Map(const std::filesystem::path& file);
  ~Bar2();
  Bar2(const Bar2&) = delete;
  Bar2& operator=(const Bar2&) = delete;

  // `offset`: a multiple of 4 below size().
  uint32_t Read(uint32_t offset) const { return words_[offset / 4]; }
  void Write(uint32_t offset, uint32_t value) { words_[offset / 4] = value; }
  uint32_t size() const { return size_; }

 private:
  Bar2(volatile uint32_t* words, uint32_t size) : words_(words), size_(size) {}

  volatile uint32_t* const words_;
  const uint32_t size_;  // bytes
};

// The CSR window of a card on the FPGA. The plugin does not see the link, so LINK is answered from
// the shell's CMAC. A card that has gone (reset, reprogrammed, fallen off the bus) reads all ones
// everywhere: kUnavailable.
class ResourceCsrWindow final : public CsrWindow {
 public:
  static absl::StatusOr<std::unique_ptr<ResourceCsrWindow>> Open(const std::filesystem::path& file);

  absl::StatusOr<uint32_t> Read(uint32_t offset) override;
  absl::Status Write(uint32_t offset, uint32_t value) override;

  Bar2& bar() { return *bar_; }

 private:
  ResourceCsrWindow(std::filesystem::path file, std::unique_ptr<Bar2> bar);

  const std::filesystem::path file_;  // for messages
  const std::unique_ptr<Bar2> bar_;
};

}  // namespace farrier::driver
