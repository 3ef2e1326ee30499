/* A session on memory that is mapped already: no socket, no files. For whoever runs the engine in
 * the same process (the simulator, tests, a Pony engine linked into the application), and
 * for farrierd, which lays the areas out. What an application uses is pony.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pony/client/pony.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Both areas' headers say how many entries the rings have. Everything is borrowed: it must outlive
 * the session, and pony_close neither unmaps nor closes it. */
struct pony_memory {
  void* app_area;
  size_t app_area_bytes;
  const void* engine_area;
  size_t engine_area_bytes;
  void* region; /* 64-byte aligned */
  size_t region_bytes;
  int doorbell_fd;   /* -1: nobody is rung; the engine is polled by other means */
  int completion_fd; /* the app's end of a completion pair; -1: pony_fd is -1 and pony_wait does not
                        sleep */
};

/* Bytes of an area with rings of `ring_entries` (a power of two, 16..65536). */
uint32_t pony_app_area_bytes(uint32_t ring_entries);
uint32_t pony_engine_area_bytes(uint32_t ring_entries);

/* Lays out an area in zeroed memory, 64-byte aligned, of at least that many bytes. */
void pony_format_app_area(void* area, uint32_t ring_entries);
void pony_format_engine_area(void* area, uint32_t ring_entries);

/* The socket pair by which the engine wakes the app: the engine sends a byte, the app waits until
 * its end is readable and takes what is there. Neither can make the other block, whatever it does
 * to its end: each has an open file description of its own, a full socket is as good as one more
 * byte, and nothing can be sent to the engine. 0 or -errno; the caller closes both. */
int pony_completion_pair(int* engine_fd, int* app_fd);

/* Begins a session where the app area's published indices are (zero in a new one). -EPROTO with a
 * sentence in `error` (may be NULL) if an area's header is wrong, -ENOMEM, -EINVAL. */
int pony_attach(const struct pony_memory* memory, struct pony_session** session, char* error,
                size_t error_bytes);

#ifdef __cplusplus
}
#endif
