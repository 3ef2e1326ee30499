/* libpony: messages over Pony Express, by way of the local farrierd.
 *
 * A session serves one thread at a time. Nothing here blocks except pony_open, which sets the
 * session up, and pony_wait. Payloads live in the session's region: get memory with pony_alloc. A
 * buffer belongs to the session from the call that passes it until its event comes back.
 *
 * Functions return 0 (or a count) or a negative errno: -EAGAIN when the command ring is full
 * (poll, then try again), -ECONNRESET when farrierd has gone away (every event that is still to
 * come has been lost), -EPROTO when what it writes makes no sense, -EINVAL, -ENOMEM. After
 * -ECONNRESET or -EPROTO nothing else comes: close the session and, once farrierd is back, open
 * it anew; connections, listeners, buffers and memory of the old session are gone with it.
 *
 * A farrierd that is upgraded is not seen here: connections, buffers and events go on. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pony/client/pony_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pony_session;

struct pony_options {
  const char* socket_path; /* farrierd's app socket */
  const char* name;        /* shown by farrierctl; may be NULL */
  size_t region_bytes;     /* payload memory; 0 = 16 MiB */
  uint32_t ring_entries;   /* 0 = 1024 */
};

/* Opens a session; -errno on failure, with a sentence in `error` (may be NULL). -ECONNREFUSED and
 * -ENOENT: farrierd does not run there, or refuses; -ETIMEDOUT: no answer within 10 s. */
int pony_open(const struct pony_options* options, struct pony_session** session, char* error,
              size_t error_bytes);

/* Ends the session: its connections are reset, its memory is unmapped. */
void pony_close(struct pony_session* session);

/* Memory of the region, 64-byte aligned; NULL when there is no more. Freed memory is used again.
 * What did not come from pony_alloc is not freed. */
void* pony_alloc(struct pony_session* session, size_t bytes);
void pony_free(struct pony_session* session, void* memory);

/* Commands. `tag` is the caller's and comes back with the event. */
int pony_connect(struct pony_session* session, uint32_t remote_ip, uint16_t service, uint64_t tag);
int pony_listen(struct pony_session* session, uint16_t service, uint64_t tag);
int pony_send(struct pony_session* session, uint32_t connection, uint32_t stream, const void* data,
              uint32_t length, uint64_t tag);
int pony_post_recv(struct pony_session* session, uint32_t connection, void* buffer, uint32_t length,
                   uint64_t tag);
int pony_disconnect(struct pony_session* session, uint32_t connection, uint64_t tag);

/* Takes up to `max` (> 0) events; returns how many, 0 if there are none. Ends pony_arm. Events that
 * were there when farrierd went away still come, then -ECONNRESET. */
int pony_poll(struct pony_session* session, struct PonyEvent* events, int max);

/* Where an event's payload is in this process (RECEIVED). */
void* pony_payload(struct pony_session* session, const struct PonyEvent* event);

/* Readable when events may wait or farrierd has gone; for epoll. Call pony_arm before each wait on
 * it: 1 = wait, 0 = events are there already; then pony_poll. */
int pony_fd(const struct pony_session* session);
int pony_arm(struct pony_session* session);

/* Sleeps until events wait (1), farrierd has gone (-ECONNRESET), or the time is over or a signal
 * came (0). -1: for ever. */
int pony_wait(struct pony_session* session, int timeout_ms);

#ifdef __cplusplus
}
#endif
