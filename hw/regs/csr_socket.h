#pragma once

#include <cstdint>

namespace farrier::regs {

// The CSR window over a SOCK_SEQPACKET Unix socket: one CsrRequest per datagram, one CsrAnswer to
// each, in order. Native byte order: both ends are on one machine. A datagram that is no request
// (size, magic, op, or an offset that is unaligned or beyond the window) is answered with
// kBadRequest and value 0.
inline constexpr uint32_t kCsrSocketMagic = 0x52534346;  // "FCSR"
inline constexpr uint32_t kCsrOpRead = 1;
inline constexpr uint32_t kCsrOpWrite = 2;
inline constexpr uint32_t kCsrStatusOk = 0;
inline constexpr uint32_t kCsrStatusBadRequest = 1;

struct CsrRequest {
  uint32_t magic = kCsrSocketMagic;
  uint32_t op = 0;
  uint32_t offset = 0;
  uint32_t value = 0;
};

struct CsrAnswer {
  uint32_t magic = kCsrSocketMagic;
  uint32_t status = kCsrStatusOk;
  uint32_t offset = 0;  // the request's
  uint32_t value = 0;   // what was read, or written
};

}  // namespace farrier::regs
