/* Inside libpony: what a session consists of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pony/client/pony.h"
#include "pony/client/pony_rings.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The two rings, from the app's side. The private indices are the truth; those in the app area are
 * published copies, and what the engine area says is checked before use. */
struct pony_rings {
  struct PonyAppArea* app;
  const struct PonyEngineArea* engine;
  struct PonyCommand* commands;
  const struct PonyEvent* events;
  uint32_t entries;
  uint32_t command_tail;
  uint32_t completion_head;
  uint64_t region_bytes;
};

/* 0, or -EPROTO and a sentence. */
int pony_rings_init(struct pony_rings* rings, const struct pony_memory* memory, char* error,
                    size_t error_bytes);

/* Publishes a command. 1: the engine sleeps, ring its doorbell; 0: it is awake; -EAGAIN: the
 * ring is full; -EPROTO: the engine area makes no sense. */
int pony_rings_push(struct pony_rings* rings, const struct PonyCommand* command);

/* Takes up to `max` events and returns how many, or -EPROTO. *ring_doorbell: the engine sleeps
 * on a full completion ring that has room now. */
int pony_rings_pop(struct pony_rings* rings, struct PonyEvent* events, int max,
                   bool* ring_doorbell);

/* Asks for the completion socket to be signalled. False: events wait already, nothing was asked.
 */
bool pony_rings_arm(struct pony_rings* rings);
void pony_rings_disarm(struct pony_rings* rings);
bool pony_rings_have_events(const struct pony_rings* rings);

/* Allocator of the region: blocks of whole 64-byte units, constant time but for fragmented
 * regions, neighbours merged on free. Its books are in private memory, so that whatever a peer or
 * the engine writes into the region cannot mislead it. */
struct pony_region_unit {
  uint32_t begins; /* if a block begins here: its units, and kUsed */
  uint32_t ends;   /* if a block ends here: its units, and kUsed */
  uint32_t next;   /* free blocks of one bin, where they begin */
  uint32_t previous;
};

struct pony_region {
  uint8_t* base;
  uint64_t bytes;
  uint32_t units;
  struct pony_region_unit* unit;
  uint32_t bins[32]; /* bin b: free blocks of 2^b .. 2^(b+1)-1 units */
};

int pony_region_init(struct pony_region* region, void* base, size_t bytes);
void pony_region_destroy(struct pony_region* region);
void* pony_region_alloc(struct pony_region* region, size_t bytes);
void pony_region_free(struct pony_region* region, void* memory);

struct pony_session {
  struct pony_rings rings;
  struct pony_region region;
  int doorbell_fd;
  int completion_fd;
  int socket_fd; /* farrierd's end being closed is its death; -1 if attached without one */
  int wait_fd;   /* epoll over completion_fd and socket_fd; -1 if there is neither */
  bool armed;
  int broken;               /* 0, or what every command returns from now on */
  uint32_t idle_polls;      /* since the socket was last looked at */
  struct pony_memory owned; /* mappings to undo in pony_close, if socket_fd >= 0 */
};

/* Begins a session; takes over `socket_fd`, and with it (>= 0) the memory, only if it returns 0. */
int pony_session_begin(const struct pony_memory* memory, int socket_fd,
                       struct pony_session** session, char* error, size_t error_bytes);

/* Writes a sentence into `error`, which may be NULL, and returns `code`. */
int pony_fail(int code, char* error, size_t error_bytes, const char* format, ...)
    __attribute__((format(printf, 4, 5)));

#ifdef __cplusplus
}
#endif
