#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hw/model/card.h"
#include "hw/regs/csr_socket.h"

namespace farrier::sim {

// Serves a card's CSR window on a SOCK_SEQPACKET socket (hw/regs/csr_socket.h) to several clients.
// Never blocks: a client that does not read its answers is cut off. On the card's thread.
class CsrServer {
 public:
  static constexpr size_t kMaxClients = 64;

  // Creates the socket at `path` and adds what must wake the card's thread to `epoll_fd`.
  static absl::StatusOr<std::unique_ptr<CsrServer>> Listen(const std::string& path, int epoll_fd);

  // Closes everything and removes the socket.
  ~CsrServer();
  CsrServer(const CsrServer&) = delete;
  CsrServer& operator=(const CsrServer&) = delete;

  // Answers what has come, a bounded number of requests of each client; returns how many.
  size_t Serve(model::Card& card);

 private:
  CsrServer(std::string path, int epoll_fd) : path_(std::move(path)), epoll_fd_(epoll_fd) {}

  void Accept();
  // Returns how many requests were answered; -1: the client is gone.
  int ServeClient(int fd, model::Card& card);

  const std::string path_;
  const int epoll_fd_;
  int listener_ = -1;
  std::vector<int> clients_;
};

}  // namespace farrier::sim
