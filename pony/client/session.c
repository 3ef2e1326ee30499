#include "pony/client/session.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* An application that polls without ever sleeping looks at the socket this often. */
enum { kIdlePollsPerSocketCheck = 64 };

int pony_fail(int code, char* error, size_t error_bytes, const char* format, ...) {
  if (error != NULL && error_bytes > 0) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_bytes, format, arguments);
    va_end(arguments);
  }
  return code;
}

static int watch(int epoll_fd, int fd) {
  struct epoll_event event = {.events = EPOLLIN};
  return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int pony_session_begin(const struct pony_memory* memory, int socket_fd,
                       struct pony_session** session, char* error, size_t error_bytes) {
  struct pony_session* made = calloc(1, sizeof *made);
  if (made == NULL) return pony_fail(-ENOMEM, error, error_bytes, "out of memory");
  made->doorbell_fd = memory->doorbell_fd;
  made->completion_fd = memory->completion_fd;
  made->socket_fd = -1;
  made->wait_fd = -1;
  int status = pony_rings_init(&made->rings, memory, error, error_bytes);
  if (status == 0) {
    status = pony_region_init(&made->region, memory->region, memory->region_bytes);
    if (status != 0) {
      pony_fail(status, error, error_bytes, "a region of %zu bytes at %p cannot be used",
                memory->region_bytes, memory->region);
    }
  }
  if (status == 0 && memory->completion_fd >= 0) {
    made->wait_fd = epoll_create1(EPOLL_CLOEXEC);
    if (made->wait_fd < 0 || watch(made->wait_fd, memory->completion_fd) != 0 ||
        (socket_fd >= 0 && watch(made->wait_fd, socket_fd) != 0)) {
      status = pony_fail(-errno, error, error_bytes, "epoll: errno %d", errno);
    }
  }
  if (status != 0) {
    pony_close(made);
    return status;
  }
  made->socket_fd = socket_fd;
  made->owned = *memory;
  *session = made;
  return 0;
}

int pony_attach(const struct pony_memory* memory, struct pony_session** session, char* error,
                size_t error_bytes) {
  return pony_session_begin(memory, -1, session, error, error_bytes);
}

void pony_close(struct pony_session* session) {
  if (session == NULL) return;
  if (session->wait_fd >= 0) close(session->wait_fd);
  if (session->socket_fd >= 0) {
    close(session->socket_fd);
    close(session->doorbell_fd);
    close(session->completion_fd);
    munmap(session->owned.app_area, session->owned.app_area_bytes);
    munmap((void*)(uintptr_t)session->owned.engine_area, session->owned.engine_area_bytes);
    munmap(session->owned.region, session->owned.region_bytes);
  }
  pony_region_destroy(&session->region);
  free(session);
}

void* pony_alloc(struct pony_session* session, size_t bytes) {
  return pony_region_alloc(&session->region, bytes);
}

void pony_free(struct pony_session* session, void* memory) {
  pony_region_free(&session->region, memory);
}

static void ring_doorbell(struct pony_session* session) {
  if (session->doorbell_fd < 0) return;
  const uint64_t one = 1;
  /* Fails only when the counter is at its limit, and then it is readable anyway. */
  const ssize_t ignored = write(session->doorbell_fd, &one, sizeof one);
  (void)ignored;
}

static int submit(struct pony_session* session, const struct PonyCommand* command) {
  if (session->broken != 0) return session->broken;
  const int status = pony_rings_push(&session->rings, command);
  if (status == -EPROTO) session->broken = status;
  if (status < 0) return status;
  if (status == 1) ring_doorbell(session);
  return 0;
}

/* Whether [memory, memory + length) is in the region; where it begins there. */
static bool in_region(const struct pony_session* session, const void* memory, uint64_t length,
                      uint64_t* offset) {
  const uint64_t region_bytes = session->region.bytes;
  *offset = (uintptr_t)memory - (uintptr_t)session->region.base;
  return *offset <= region_bytes && length <= region_bytes - *offset;
}

int pony_connect(struct pony_session* session, uint32_t remote_ip, uint16_t service, uint64_t tag) {
  if (service == 0) return -EINVAL;
  const struct PonyCommand command = {
      .tag = tag, .remote_ip = remote_ip, .service = service, .op = PONY_OP_CONNECT};
  return submit(session, &command);
}

int pony_listen(struct pony_session* session, uint16_t service, uint64_t tag) {
  if (service == 0) return -EINVAL;
  const struct PonyCommand command = {.tag = tag, .service = service, .op = PONY_OP_LISTEN};
  return submit(session, &command);
}

int pony_send(struct pony_session* session, uint32_t connection, uint32_t stream, const void* data,
              uint32_t length, uint64_t tag) {
  struct PonyCommand command = {
      .tag = tag, .length = length, .connection = connection, .stream = stream, .op = PONY_OP_SEND};
  if (length == 0 || length > PONY_MAX_MESSAGE ||
      !in_region(session, data, length, &command.offset)) {
    return -EINVAL;
  }
  return submit(session, &command);
}

int pony_post_recv(struct pony_session* session, uint32_t connection, void* buffer, uint32_t length,
                   uint64_t tag) {
  struct PonyCommand command = {
      .tag = tag, .length = length, .connection = connection, .op = PONY_OP_POST_RECV};
  if (length < PONY_MAX_MESSAGE || !in_region(session, buffer, length, &command.offset)) {
    return -EINVAL;
  }
  return submit(session, &command);
}

int pony_disconnect(struct pony_session* session, uint32_t connection, uint64_t tag) {
  const struct PonyCommand command = {.tag = tag, .connection = connection, .op = PONY_OP_CLOSE};
  return submit(session, &command);
}

/* Notices farrierd's death. It says nothing on the socket after set-up: whatever it did say is
 * thrown away. */
static void check_socket(struct pony_session* session) {
  session->idle_polls = 0;
  if (session->socket_fd < 0 || session->broken != 0) return;
  char byte;
  ssize_t bytes;
  do {
    bytes = recv(session->socket_fd, &byte, sizeof byte, MSG_DONTWAIT);
  } while (bytes > 0 || (bytes < 0 && errno == EINTR));
  if (bytes == 0 || errno != EAGAIN) session->broken = -ECONNRESET;
}

/* Takes the signals there are. The end of them is farrierd's. */
static void take_signals(struct pony_session* session) {
  if (session->completion_fd < 0) return;
  char bytes[64];
  ssize_t count;
  do {
    count = recv(session->completion_fd, bytes, sizeof bytes, MSG_DONTWAIT);
  } while (count == sizeof bytes || (count < 0 && errno == EINTR));
  if (count == 0 && session->broken == 0) session->broken = -ECONNRESET;
}

/* Undoes pony_arm before the ring is looked at: whatever is signalled from here on stays signalled.
 */
static void disarm(struct pony_session* session) {
  if (!session->armed) return;
  session->armed = false;
  pony_rings_disarm(&session->rings);
  take_signals(session);
  check_socket(session);
}

int pony_poll(struct pony_session* session, struct PonyEvent* events, int max) {
  if (max <= 0) return -EINVAL;
  if (session->broken == -EPROTO) return session->broken;
  disarm(session);
  if (++session->idle_polls >= kIdlePollsPerSocketCheck) check_socket(session);
  bool wake;
  const int count = pony_rings_pop(&session->rings, events, max, &wake);
  if (count < 0) session->broken = count;
  if (count == 0) return session->broken;
  session->idle_polls = 0;
  if (wake) ring_doorbell(session);
  return count;
}

void* pony_payload(struct pony_session* session, const struct PonyEvent* event) {
  if (event->length > session->region.bytes ||
      event->offset > session->region.bytes - event->length) {
    return NULL;
  }
  return session->region.base + event->offset;
}

int pony_fd(const struct pony_session* session) { return session->wait_fd; }

int pony_arm(struct pony_session* session) {
  if (session->broken == -EPROTO) return session->broken;
  if (!pony_rings_arm(&session->rings)) return 0;
  session->armed = true;
  return session->broken != 0 ? session->broken : 1;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int pony_wait(struct pony_session* session, int timeout_ms) {
  const int64_t end_ms = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
  for (;;) {
    const int armed = pony_arm(session);
    if (armed <= 0) return armed == 0 ? 1 : armed;
    if (session->wait_fd < 0) return 0;
    struct pollfd wait = {.fd = session->wait_fd, .events = POLLIN};
    const int ready = poll(&wait, 1, timeout_ms);
    disarm(session);
    if (pony_rings_have_events(&session->rings)) return 1;
    if (session->broken != 0) return session->broken;
    if (ready <= 0) return 0; /* over, or a signal */
    if (timeout_ms > 0) {     /* signalled for nothing, as after an upgrade */
      const int64_t left = end_ms - now_ms();
      if (left <= 0) return 0;
      timeout_ms = (int)left;
    }
  }
}
