#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "pony/client/session.h"

enum { kDefaultEntries = 1024, kAnswerSeconds = 10, kWelcomeFds = 4 };
static const size_t kDefaultRegion = 16u << 20;

/* What came with the WELCOME, in its order. */
enum { kAppArea, kEngineArea, kDoorbell, kCompletion };

static void close_all(int* fds, int count) {
  for (int i = 0; i < count; ++i) {
    if (fds[i] >= 0) close(fds[i]);
    fds[i] = -1;
  }
}

static int connect_daemon(const char* path, char* error, size_t error_bytes) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof address.sun_path) {
    return pony_fail(-EINVAL, error, error_bytes, "socket_path must have 1 to %zu characters",
                     sizeof address.sun_path - 1);
  }
  strcpy(address.sun_path, path);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return pony_fail(-errno, error, error_bytes, "socket: %s", strerror(errno));
  const struct timeval patience = {.tv_sec = kAnswerSeconds};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (const struct sockaddr*)&address, sizeof address) != 0) {
    const int code = -errno;
    close(fd);
    return pony_fail(code, error, error_bytes, "cannot connect to %s: %s; is farrierd running?",
                     path, strerror(-code));
  }
  return fd;
}

static int make_region(size_t bytes, void** region, char* error, size_t error_bytes) {
  const int fd = memfd_create("pony-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || fchmod(fd, 0600) != 0 || ftruncate(fd, (off_t)bytes) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0 ||
      (*region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED) {
    const int code = -errno;
    if (fd >= 0) close(fd);
    return pony_fail(code, error, error_bytes, "cannot make a region of %zu bytes: %s", bytes,
                     strerror(-code));
  }
  return fd;
}

static int say_hello(int socket_fd, const struct PonyHello* hello, int region_fd, char* error,
                     size_t error_bytes) {
  char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
  struct iovec data = {.iov_base = (void*)(uintptr_t)hello, .iov_len = sizeof *hello};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &region_fd, sizeof region_fd);
  ssize_t sent;
  do {
    sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return pony_fail(-errno, error, error_bytes, "HELLO: %s", strerror(errno));
  return 0;
}

/* Takes the answer; fills `fds`, -1 where there was none. */
static int hear_welcome(int socket_fd, struct PonyWelcome* welcome, int* fds, char* error,
                        size_t error_bytes) {
  char control[CMSG_SPACE(kWelcomeFds * sizeof(int))] __attribute__((aligned(8)));
  struct iovec data = {.iov_base = welcome, .iov_len = sizeof *welcome};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t bytes;
  do {
    bytes = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
  } while (bytes < 0 && errno == EINTR);
  int received = 0;
  if (bytes >= 0) {
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      received = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(fds, CMSG_DATA(header), (size_t)received * sizeof(int));
    }
  }
  if (bytes == 0) return pony_fail(-ECONNRESET, error, error_bytes, "farrierd hung up");
  if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return pony_fail(-ETIMEDOUT, error, error_bytes, "farrierd did not answer within %d s",
                     kAnswerSeconds);
  }
  if (bytes < 0) return pony_fail(-errno, error, error_bytes, "WELCOME: %s", strerror(errno));
  if ((size_t)bytes != sizeof *welcome || welcome->magic != PONY_ABI_MAGIC) {
    return pony_fail(-EPROTO, error, error_bytes,
                     "WELCOME has %zd bytes, expected %zu beginning with %#x", bytes,
                     sizeof *welcome, PONY_ABI_MAGIC);
  }
  if (welcome->abi_version == 0) {
    return pony_fail(-ECONNREFUSED, error, error_bytes, "farrierd refuses: %.*s",
                     (int)sizeof welcome->error, welcome->error);
  }
  if (welcome->abi_version != PONY_ABI_VERSION) {
    return pony_fail(-EPROTO, error, error_bytes, "farrierd chose ABI %u; this library speaks %u",
                     welcome->abi_version, PONY_ABI_VERSION);
  }
  if (received != kWelcomeFds || (message.msg_flags & MSG_CTRUNC) != 0) {
    return pony_fail(-EPROTO, error, error_bytes, "WELCOME carries %d fds, expected %d", received,
                     kWelcomeFds);
  }
  return 0;
}

/* Maps an area whole. It must be sealed against shrinking, or touching it could kill us. */
static int map_area(const char* which, int fd, int protection, void** area, size_t* bytes,
                    char* error, size_t error_bytes) {
  struct stat status;
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(fd, &status) != 0) {
    return pony_fail(-EPROTO, error, error_bytes,
                     "the %s area is no memfd sealed against shrinking", which);
  }
  *bytes = (size_t)status.st_size;
  void* mapped = *bytes == 0 ? MAP_FAILED : mmap(NULL, *bytes, protection, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    return pony_fail(-EPROTO, error, error_bytes, "the %s area of %zu bytes cannot be mapped",
                     which, *bytes);
  }
  *area = mapped;
  return 0;
}

static void unmap(void* address, size_t bytes) {
  if (address != NULL) munmap(address, bytes);
}

/* The session on what the WELCOME brought. Takes over `socket_fd` and the region's mapping only if
 * it returns 0; `fds` in any case. */
static int begin(int socket_fd, void* region, size_t region_bytes, int* fds,
                 struct pony_session** session, char* error, size_t error_bytes) {
  void* app_area = NULL;
  void* engine_area = NULL;
  struct pony_memory memory = {.region = region,
                               .region_bytes = region_bytes,
                               .doorbell_fd = fds[kDoorbell],
                               .completion_fd = fds[kCompletion]};
  int status = map_area("app", fds[kAppArea], PROT_READ | PROT_WRITE, &app_area,
                        &memory.app_area_bytes, error, error_bytes);
  if (status == 0) {
    status = map_area("engine", fds[kEngineArea], PROT_READ, &engine_area,
                      &memory.engine_area_bytes, error, error_bytes);
  }
  if (status == 0 && fcntl(memory.doorbell_fd, F_SETFL, O_NONBLOCK) != 0) {
    status = pony_fail(-errno, error, error_bytes, "doorbell: %s", strerror(errno));
  }
  int type = 0;
  socklen_t type_bytes = sizeof type;
  if (status == 0 &&
      (getsockopt(memory.completion_fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes) != 0 ||
       type != SOCK_STREAM)) {
    status = pony_fail(-EPROTO, error, error_bytes, "the completion fd is no stream socket");
  }
  if (status == 0) {
    memory.app_area = app_area;
    memory.engine_area = engine_area;
    status = pony_session_begin(&memory, socket_fd, session, error, error_bytes);
  }
  close_all(fds, 2); /* the mappings keep the areas */
  if (status != 0) {
    close_all(fds, kWelcomeFds);
    unmap(app_area, memory.app_area_bytes);
    unmap(engine_area, memory.engine_area_bytes);
  }
  return status;
}

int pony_open(const struct pony_options* options, struct pony_session** session, char* error,
              size_t error_bytes) {
  const size_t region_bytes = options->region_bytes != 0 ? options->region_bytes : kDefaultRegion;
  struct PonyHello hello = {
      .magic = PONY_ABI_MAGIC,
      .abi_version = PONY_ABI_VERSION,
      .abi_oldest = PONY_ABI_VERSION,
      .ring_entries = options->ring_entries != 0 ? options->ring_entries : kDefaultEntries,
      .region_bytes = region_bytes};
  if (options->name != NULL) strncpy(hello.name, options->name, sizeof hello.name - 1);

  const int socket_fd = connect_daemon(options->socket_path, error, error_bytes);
  if (socket_fd < 0) return socket_fd;
  void* region = NULL;
  const int region_fd = make_region(region_bytes, &region, error, error_bytes);
  if (region_fd < 0) {
    close(socket_fd);
    return region_fd;
  }
  struct PonyWelcome welcome;
  int fds[kWelcomeFds] = {-1, -1, -1, -1};
  int status = say_hello(socket_fd, &hello, region_fd, error, error_bytes);
  close(region_fd); /* farrierd has its own by now */
  if (status == 0) status = hear_welcome(socket_fd, &welcome, fds, error, error_bytes);
  if (status == 0) {
    status = begin(socket_fd, region, region_bytes, fds, session, error, error_bytes);
  }
  if (status != 0) {
    close_all(fds, kWelcomeFds);
    munmap(region, region_bytes);
    close(socket_fd);
  }
  return status;
}
