#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace farrier::sim {

// Writes Ethernet frames into a pcapng file (draft-ietf-opsawg-pcapng): several interfaces in one,
// nanoseconds, and with each packet its direction, queue and a comment. Never waits but for the
// write itself. What the disk does not take is counted as lost and leaves the file well formed.
// One thread.
class PcapngWriter {
 public:
  enum class Direction : uint32_t { kInbound = 1, kOutbound = 2 };

  struct Record {
    uint32_t interface = 0;  // index in what Create was given
    int64_t time_ns = 0;
    Direction direction = Direction::kInbound;
    std::optional<uint32_t> queue;
    std::string_view comment;  // empty: none
    std::span<const uint8_t> frame;
  };

  struct Counters {
    uint64_t packets = 0;  // in the file, or about to be
    uint64_t lost = 0;     // the file did not take them
  };

  // Makes or empties the file, which must be a regular one, for this user alone. An error names it.
  static absl::StatusOr<std::unique_ptr<PcapngWriter>> Create(
      const std::string& path, const std::vector<std::string>& interfaces);
  // Writes what is buffered.
  ~PcapngWriter();
  PcapngWriter(const PcapngWriter&) = delete;
  PcapngWriter& operator=(const PcapngWriter&) = delete;

  void Write(const Record& record);
  void Flush();

  const Counters& counters() const { return counters_; }

 private:
  explicit PcapngWriter(int fd) : fd_(fd) {}

  // A block is filled in between these two.
  void Begin(uint32_t type);
  void End();
  void Put16(uint16_t value);
  void Put32(uint32_t value);
  void PutBytes(std::span<const uint8_t> bytes);  // padded to 32 bits
  void PutOption(uint16_t code, std::span<const uint8_t> value);
  void PutOption(uint16_t code, std::string_view value);
  void PutEndOfOptions();

  const int fd_;
  std::vector<uint8_t> buffer_;  // whole blocks
  size_t block_ = 0;             // where the last one begins
  uint64_t buffered_packets_ = 0;
  int64_t file_bytes_ = 0;  // of whole blocks in the file
  Counters counters_;
};

}  // namespace farrier::sim
