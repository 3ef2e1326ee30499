#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pony/client/pony_rings.h"

int pony_completion_pair(int* engine_fd, int* app_fd) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) return -errno;
  const int smallest = 0; /* the kernel knows how small it can be */
  if (setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest) != 0 ||
      shutdown(fds[0], SHUT_RD) != 0) {
    const int status = -errno;
    close(fds[0]);
    close(fds[1]);
    return status;
  }
  *engine_fd = fds[0];
  *app_fd = fds[1];
  return 0;
}
