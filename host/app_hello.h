#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/unique_fd.h"
#include "pony/client/pony_abi.h"

namespace farrier::host {

// A HELLO whose every field has been checked.
struct AppHello {
  uint32_t abi_version = 0;  // agreed
  uint32_t ring_entries = 0;
  uint64_t region_bytes = 0;
  std::string name;  // printable
  UniqueFd region;   // a file in memory; nothing else is known of it
};

// What rings may have: a power of two, 16 to 65536.
bool IsRingSize(uint32_t entries);

// Takes one HELLO from a non-blocking SOCK_SEQPACKET socket. Whatever descriptors come along are
// closed unless returned (CloseForeign). InvalidArgument with a sentence for the app when the
// message is wrong, Cancelled when the app hung up, Unavailable when nothing is there yet.
absl::StatusOr<AppHello> ReceiveHello(int socket, uint64_t max_region_bytes);

// Answers. An app that does not take the answer at once is not waited for: an error.
absl::Status SendWelcome(int socket, const PonyWelcome& welcome, absl::Span<const int> fds);
void SendRefusal(int socket, absl::string_view reason);

}  // namespace farrier::host
