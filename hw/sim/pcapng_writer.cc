#include "hw/sim/pcapng_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"

namespace farrier::sim {
namespace {

// Sections 4.1 to 4.3 of the draft.
constexpr uint32_t kSectionHeader = 0x0A0D0D0A;
constexpr uint32_t kByteOrderMagic = 0x1A2B3C4D;
constexpr uint32_t kInterfaceDescription = 1;
constexpr uint32_t kEnhancedPacket = 6;
constexpr uint16_t kOptionEnd = 0;
constexpr uint16_t kOptionComment = 1;
constexpr uint16_t kInterfaceName = 2;
constexpr uint16_t kInterfaceTimeResolution = 9;
constexpr uint16_t kPacketFlags = 2;
constexpr uint16_t kPacketQueue = 6;
constexpr uint16_t kLinkTypeEthernet = 1;
constexpr uint8_t kNanoseconds = 9;  // powers of ten

constexpr size_t kBufferBytes = 256 * 1024;
constexpr size_t kMaxComment = 1024;

template <typename T>
std::span<const uint8_t> BytesOf(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<PcapngWriter>> PcapngWriter::Create(
    const std::string& path, const std::vector<std::string>& interfaces) {
  // Without O_NONBLOCK a FIFO would make this wait.
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) {
    return absl::UnavailableError(absl::StrFormat("capture file %s: %s", path, strerror(errno)));
  }
  std::unique_ptr<PcapngWriter> writer(new PcapngWriter(fd));
  struct stat about;
  if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("capture file %s: it must be a regular file", path));
  }
  if (ftruncate(fd, 0) < 0) {
    return absl::UnavailableError(absl::StrFormat("capture file %s: %s", path, strerror(errno)));
  }
  writer->Begin(kSectionHeader);
  writer->Put32(kByteOrderMagic);
  writer->Put16(1);  // version 1.0
  writer->Put16(0);
  writer->Put32(0xFFFFFFFF);  // the section's length is not known beforehand
  writer->Put32(0xFFFFFFFF);
  writer->End();
  for (const std::string& name : interfaces) {
    writer->Begin(kInterfaceDescription);
    writer->Put16(kLinkTypeEthernet);
    writer->Put16(0);
    writer->Put32(0);  // frames are whole
    writer->PutOption(kInterfaceName, name);
    writer->PutOption(kInterfaceTimeResolution, BytesOf(kNanoseconds));
    writer->PutEndOfOptions();
    writer->End();
  }
  const size_t header_bytes = writer->buffer_.size();
  writer->Flush();
  if (writer->file_bytes_ != static_cast<int64_t>(header_bytes)) {
    return absl::UnavailableError(absl::StrFormat("capture file %s: %s", path, strerror(errno)));
  }
  return writer;
}

PcapngWriter::~PcapngWriter() {
  Flush();
  close(fd_);
}

void PcapngWriter::Write(const Record& record) {
  const auto length = static_cast<uint32_t>(record.frame.size());
  const auto time = static_cast<uint64_t>(record.time_ns);
  Begin(kEnhancedPacket);
  Put32(record.interface);
  Put32(static_cast<uint32_t>(time >> 32));
  Put32(static_cast<uint32_t>(time));
  Put32(length);
  Put32(length);
  PutBytes(record.frame);
  if (!record.comment.empty()) PutOption(kOptionComment, record.comment.substr(0, kMaxComment));
  PutOption(kPacketFlags, BytesOf(record.direction));
  if (record.queue) PutOption(kPacketQueue, BytesOf(*record.queue));
  PutEndOfOptions();
  End();
  ++buffered_packets_;
  ++counters_.packets;
  if (buffer_.size() >= kBufferBytes) Flush();
}

void PcapngWriter::Flush() {
  if (buffer_.empty()) return;
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  if (done == buffer_.size()) {
    file_bytes_ += static_cast<int64_t>(done);
  } else {
    // All or nothing, so that the file ends with a whole block; perhaps there is room later.
    const int error = errno;
    counters_.packets -= buffered_packets_;
    counters_.lost += buffered_packets_;
    if (ftruncate(fd_, file_bytes_) == 0) lseek(fd_, file_bytes_, SEEK_SET);
    errno = error;
  }
  buffer_.clear();
  buffered_packets_ = 0;
}

void PcapngWriter::Begin(uint32_t type) {
  block_ = buffer_.size();
  Put32(type);
  Put32(0);  // the length, by End
}

void PcapngWriter::End() {
  const auto length = static_cast<uint32_t>(buffer_.size() - block_ + sizeof(uint32_t));
  std::memcpy(&buffer_[block_ + sizeof(uint32_t)], &length, sizeof(length));
  Put32(length);
}

void PcapngWriter::Put16(uint16_t value) {
  const auto bytes = BytesOf(value);
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void PcapngWriter::Put32(uint32_t value) { PutBytes(BytesOf(value)); }

void PcapngWriter::PutBytes(std::span<const uint8_t> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  buffer_.resize(buffer_.size() + (4 - bytes.size() % 4) % 4);
}

void PcapngWriter::PutOption(uint16_t code, std::span<const uint8_t> value) {
  Put16(code);
  Put16(static_cast<uint16_t>(value.size()));
  PutBytes(value);
}

void PcapngWriter::PutOption(uint16_t code, std::string_view value) {
  PutOption(code, std::span(reinterpret_cast<const uint8_t*>(value.data()), value.size()));
}

void PcapngWriter::PutEndOfOptions() {
  Put16(kOptionEnd);
  Put16(0);
}

}  // namespace farrier::sim
