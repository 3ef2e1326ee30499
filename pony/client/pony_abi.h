/* The shared memory between an application and the Pony engine that serves it.
 *
 * Three memory objects per session, all memfds:
 *   app area     read-write for both, written by the app: PonyAppArea, then the command ring
 *   engine area  read-only for the app, written by the engine: PonyEngineArea, then the completion
 * ring region       made by the app, sealed against shrinking: every payload lives here farrierd
 * makes the first two, mode 0600, sealed against shrinking and growing.
 *
 * Both rings have one producer and one consumer. Indices run freely (modulo 2^32); an entry's place
 * is index & (entries - 1). The engine trusts nothing in the app area or the region: it copies a
 * command once, then validates the copy, and keeps its own indices in private memory; the
 * published ones are only for the app to read. All integers are in the host's byte order.
 *
 * This ABI outlives daemons: an application that was built once meets older and newer ones.
 * farrierd serves versions N and N-1. Fields are added at the end of a struct, never moved. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PONY_ABI_MAGIC 0x594e4f50u /* "PONY" */
#define PONY_ABI_VERSION 1u
#define PONY_MAX_MESSAGE 65536u /* bytes; longer messages are refused */

enum PonyOp {
  PONY_OP_CONNECT = 1,   /* remote_ip, service -> CONNECTED */
  PONY_OP_LISTEN = 2,    /* service -> LISTENING, then ACCEPTED per connection */
  PONY_OP_POST_RECV = 3, /* connection, offset, length (>= PONY_MAX_MESSAGE) -> RECEIVED, one per
                            message, in the order posted */
  PONY_OP_SEND = 4,  /* connection, stream, offset, length (1..PONY_MAX_MESSAGE) -> SENT when the
                        peer's engine has all of it */
  PONY_OP_CLOSE = 5, /* connection -> CLOSED, after everything sent before is acknowledged */
};

struct PonyCommand { /* 64 bytes */
  uint64_t tag;      /* comes back in the completion */
  uint64_t offset;   /* of the payload in the region */
  uint32_t length;   /* of the payload, bytes */
  uint32_t connection;
  uint32_t stream;      /* any number: messages of one stream arrive in order */
  uint32_t remote_ip;   /* IPv4 as a number: 10.0.0.1 is 0x0A000001 */
  uint16_t service;     /* what a listener is found by on its host, 1..65535 */
  uint8_t op;           /* enum PonyOp */
  uint8_t reserved[29]; /* zero */
};

enum PonyEventKind {
  PONY_EVENT_CONNECTED = 1, /* tag, connection, status */
  PONY_EVENT_LISTENING = 2, /* tag, status */
  PONY_EVENT_ACCEPTED = 3,  /* connection, remote_ip, service */
  PONY_EVENT_SENT = 4,      /* tag, connection, stream, status */
  PONY_EVENT_RECEIVED = 5,  /* tag of the buffer, connection, stream, offset, length; with status !=
                               OK: the buffer comes back unused */
  PONY_EVENT_CLOSED = 6,  /* tag (0 if not asked for), connection, status: nothing follows on it */
  PONY_EVENT_REFUSED = 7, /* tag, connection, status: a command that made no sense */
};

enum PonyStatus {
  PONY_OK = 0,
  PONY_REFUSED = 1,      /* nobody listens there */
  PONY_UNREACHABLE = 2,  /* no such host, or no answer in time */
  PONY_RESET = 3,        /* the peer's engine restarted or forgot the connection */
  PONY_CLOSED = 4,       /* the peer closed */
  PONY_INVALID = 5,      /* bad command: field, connection, offset or length */
  PONY_IN_USE = 6,       /* the service is taken */
  PONY_NO_RESOURCES = 7, /* too many connections or posted buffers */
};

struct PonyEvent { /* 64 bytes: a completion-ring entry */
  uint64_t tag;
  uint64_t offset;
  uint32_t length;
  uint32_t connection;
  uint32_t stream;
  uint32_t remote_ip;
  uint16_t service;
  uint8_t kind;   /* enum PonyEventKind */
  uint8_t status; /* enum PonyStatus */
  uint8_t reserved[28];
};

/* First bytes of both areas. */
struct PonyAreaHeader { /* 32 bytes */
  uint32_t magic;       /* PONY_ABI_MAGIC */
  uint32_t abi_version;
  uint32_t area_bytes;   /* of the whole area */
  uint32_t ring_offset;  /* of the ring from the area's start */
  uint32_t ring_entries; /* a power of two, 16..65536 */
  uint32_t entry_bytes;  /* 64 */
  uint32_t reserved[2];
};

/* Written by the app. Each index has its own cache line. */
struct PonyAppArea {
  struct PonyAreaHeader header;
  uint32_t command_tail __attribute__((aligned(64)));    /* release-stored after the entries */
  uint32_t completion_head __attribute__((aligned(64))); /* completions consumed */
  uint32_t want_event
      __attribute__((aligned(64))); /* 1: signal the completion socket at the next completion; set
                                       before the last look at the ring */
} __attribute__((aligned(64)));

/* Written by the engine. */
struct PonyEngineArea {
  struct PonyAreaHeader header;
  uint32_t command_head __attribute__((aligned(64)));    /* commands consumed */
  uint32_t completion_tail __attribute__((aligned(64))); /* release-stored after the entries */
  uint32_t want_doorbell
      __attribute__((aligned(64))); /* 1: the engine sleeps; ring the doorbell eventfd after a
                                       command, and after taking completions out of a full ring */
} __attribute__((aligned(64)));

/* Session set-up over the app socket (SOCK_SEQPACKET): one request, one answer. The caller's
 * identity is SO_PEERCRED. The connection then stays open for as long as the session lives: closing
 * it ends the session. */
struct PonyHello {       /* carries one fd: the region */
  uint32_t magic;        /* PONY_ABI_MAGIC */
  uint32_t abi_version;  /* the highest the library speaks */
  uint32_t abi_oldest;   /* the lowest */
  uint32_t ring_entries; /* wished; a power of two, 16..65536 */
  uint64_t region_bytes;
  char name[64]; /* for display, NUL-terminated */
};

struct PonyWelcome { /* carries four fds: app area, engine area, doorbell eventfd (app writes),
                        completion socket (a stream: the app waits until it is readable, then takes
                        and forgets the bytes) */
  uint32_t magic;
  uint32_t abi_version; /* agreed; 0 = refused, no fds, see error */
  uint32_t session;
  uint32_t local_ip;
  char error[112]; /* what was wrong and what would be right, NUL-terminated */
};

#ifdef __cplusplus
} /* extern "C" */
static_assert(sizeof(PonyCommand) == 64 && sizeof(PonyEvent) == 64 && sizeof(PonyAreaHeader) == 32);
static_assert(sizeof(PonyAppArea) == 256 && sizeof(PonyEngineArea) == 256);
static_assert(sizeof(PonyHello) == 88 && sizeof(PonyWelcome) == 128);
#endif
