#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "hw/driver/csr_window.h"
#include "hw/regs/csr_socket.h"

namespace farrier::driver {

// The window of a farrier-card process over its CSR socket. After an error the connection is
// closed, so that a late answer cannot be taken for another's, and the next access opens a new one.
// No access is repeated by itself.
class SocketCsrWindow final : public CsrWindow {
 public:
  // Opens the socket; each access may take up to `timeout`.
  static absl::StatusOr<std::unique_ptr<SocketCsrWindow>> Connect(
      const std::string& path, std::chrono::milliseconds timeout = std::chrono::seconds(2));

  ~SocketCsrWindow() override;
  SocketCsrWindow(const SocketCsrWindow&) = delete;
  SocketCsrWindow& operator=(const SocketCsrWindow&) = delete;

  absl::StatusOr<uint32_t> Read(uint32_t offset) override;
  absl::Status Write(uint32_t offset, uint32_t value) override;

 private:
  SocketCsrWindow(std::string path, std::chrono::milliseconds timeout)
      : path_(std::move(path)), timeout_(timeout) {}

  absl::Status Open();
  void Close();
  absl::StatusOr<uint32_t> Access(const regs::CsrRequest& request);
  absl::StatusOr<uint32_t> Exchange(const regs::CsrRequest& request);

  const std::string path_;
  const std::chrono::milliseconds timeout_;
  int fd_ = -1;
};

}  // namespace farrier::driver
