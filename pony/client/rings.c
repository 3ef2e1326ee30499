#include <errno.h>
#include <string.h>

#include "pony/client/pony_rings.h"
#include "pony/client/session.h"

/* Sleeping without losing a wake-up: each side writes what the other waits for, then reads whether
 * the other sleeps; the other writes that it sleeps, then looks once more. All four accesses are
 * sequentially consistent, so at least one side sees the other. (An engine that uses relaxed
 * accesses around a sequentially consistent fence is as good.) */

static bool valid_entries(uint32_t entries) {
  return entries >= 16 && entries <= 65536 && (entries & (entries - 1)) == 0;
}

uint32_t pony_app_area_bytes(uint32_t ring_entries) {
  return (uint32_t)(sizeof(struct PonyAppArea) + ring_entries * sizeof(struct PonyCommand));
}

uint32_t pony_engine_area_bytes(uint32_t ring_entries) {
  return (uint32_t)(sizeof(struct PonyEngineArea) + ring_entries * sizeof(struct PonyEvent));
}

static void format_header(struct PonyAreaHeader* header, uint32_t area_bytes, uint32_t ring_offset,
                          uint32_t ring_entries, uint32_t entry_bytes) {
  header->magic = PONY_ABI_MAGIC;
  header->abi_version = PONY_ABI_VERSION;
  header->area_bytes = area_bytes;
  header->ring_offset = ring_offset;
  header->ring_entries = ring_entries;
  header->entry_bytes = entry_bytes;
}

void pony_format_app_area(void* area, uint32_t ring_entries) {
  format_header(area, pony_app_area_bytes(ring_entries), sizeof(struct PonyAppArea), ring_entries,
                sizeof(struct PonyCommand));
}

void pony_format_engine_area(void* area, uint32_t ring_entries) {
  format_header(area, pony_engine_area_bytes(ring_entries), sizeof(struct PonyEngineArea),
                ring_entries, sizeof(struct PonyEvent));
}

static int check_header(const char* which, const void* area, size_t bytes, size_t fixed_bytes,
                        struct PonyAreaHeader* header, char* error, size_t error_bytes) {
  if (bytes < fixed_bytes || (uintptr_t)area % 64 != 0) {
    return pony_fail(-EPROTO, error, error_bytes,
                     "the %s area has %zu bytes at %p; it needs at least %zu, aligned to 64", which,
                     bytes, area, fixed_bytes);
  }
  memcpy(header, area, sizeof *header);
  if (header->magic != PONY_ABI_MAGIC || header->abi_version != PONY_ABI_VERSION) {
    return pony_fail(-EPROTO, error, error_bytes,
                     "the %s area has magic %#x, version %u; expected %#x, version %u", which,
                     header->magic, header->abi_version, PONY_ABI_MAGIC, PONY_ABI_VERSION);
  }
  if (!valid_entries(header->ring_entries) || header->entry_bytes != 64 ||
      header->area_bytes > bytes || header->ring_offset < fixed_bytes ||
      header->ring_offset % 64 != 0 || header->ring_offset > header->area_bytes ||
      header->area_bytes - header->ring_offset < header->ring_entries * 64u) {
    return pony_fail(
        -EPROTO, error, error_bytes,
        "the %s area of %zu bytes says: %u bytes, ring of %u entries of %u bytes at %u", which,
        bytes, header->area_bytes, header->ring_entries, header->entry_bytes, header->ring_offset);
  }
  return 0;
}

int pony_rings_init(struct pony_rings* rings, const struct pony_memory* memory, char* error,
                    size_t error_bytes) {
  struct PonyAreaHeader app, engine;
  int status = check_header("app", memory->app_area, memory->app_area_bytes,
                            sizeof(struct PonyAppArea), &app, error, error_bytes);
  if (status == 0) {
    status = check_header("engine", memory->engine_area, memory->engine_area_bytes,
                          sizeof(struct PonyEngineArea), &engine, error, error_bytes);
  }
  if (status != 0) return status;
  if (app.ring_entries != engine.ring_entries) {
    return pony_fail(-EPROTO, error, error_bytes,
                     "the command ring has %u entries, the completion ring %u; they must agree",
                     app.ring_entries, engine.ring_entries);
  }
  rings->app = memory->app_area;
  rings->engine = memory->engine_area;
  rings->commands = (struct PonyCommand*)(void*)((uint8_t*)memory->app_area + app.ring_offset);
  rings->events = (const struct PonyEvent*)(const void*)((const uint8_t*)memory->engine_area +
                                                         engine.ring_offset);
  rings->entries = app.ring_entries;
  rings->command_tail = rings->app->command_tail;
  rings->completion_head = rings->app->completion_head;
  rings->region_bytes = memory->region_bytes;
  return 0;
}

int pony_rings_push(struct pony_rings* rings, const struct PonyCommand* command) {
  const uint32_t head = __atomic_load_n(&rings->engine->command_head, __ATOMIC_ACQUIRE);
  const uint32_t waiting = rings->command_tail - head;
  if (waiting > rings->entries) return -EPROTO;
  if (waiting == rings->entries) return -EAGAIN;
  rings->commands[rings->command_tail & (rings->entries - 1)] = *command;
  ++rings->command_tail;
  __atomic_store_n(&rings->app->command_tail, rings->command_tail, __ATOMIC_SEQ_CST);
  return __atomic_load_n(&rings->engine->want_doorbell, __ATOMIC_SEQ_CST) != 0;
}

/* Copies an entry once: what is checked afterwards is the copy. */
static void copy_event(struct PonyEvent* to, const struct PonyEvent* from) {
  uint64_t words[sizeof(struct PonyEvent) / sizeof(uint64_t)];
  const uint64_t* source = (const uint64_t*)(const void*)from;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i) {
    words[i] = __atomic_load_n(&source[i], __ATOMIC_RELAXED);
  }
  memcpy(to, words, sizeof words);
}

static bool valid_event(const struct pony_rings* rings, const struct PonyEvent* event) {
  if (event->kind < PONY_EVENT_CONNECTED || event->kind > PONY_EVENT_REFUSED) return false;
  if (event->kind != PONY_EVENT_RECEIVED) return true;
  return event->length <= PONY_MAX_MESSAGE && event->length <= rings->region_bytes &&
         event->offset <= rings->region_bytes - event->length;
}

int pony_rings_pop(struct pony_rings* rings, struct PonyEvent* events, int max,
                   bool* ring_doorbell) {
  *ring_doorbell = false;
  const uint32_t head = rings->completion_head;
  const uint32_t tail = __atomic_load_n(&rings->engine->completion_tail, __ATOMIC_ACQUIRE);
  const uint32_t ready = tail - head;
  if (ready > rings->entries) return -EPROTO;
  const uint32_t count = ready < (uint32_t)max ? ready : (uint32_t)max;
  if (count == 0) return 0;
  for (uint32_t i = 0; i < count; ++i) {
    copy_event(&events[i], &rings->events[(head + i) & (rings->entries - 1)]);
    if (!valid_event(rings, &events[i])) return -EPROTO;
  }
  rings->completion_head = head + count;
  __atomic_store_n(&rings->app->completion_head, rings->completion_head, __ATOMIC_SEQ_CST);
  /* The tail is read again: the engine may have filled the ring, and found it full, since. */
  const uint32_t filled = __atomic_load_n(&rings->engine->completion_tail, __ATOMIC_SEQ_CST) - head;
  *ring_doorbell = filled >= rings->entries &&
                   __atomic_load_n(&rings->engine->want_doorbell, __ATOMIC_SEQ_CST) != 0;
  return (int)count;
}

bool pony_rings_have_events(const struct pony_rings* rings) {
  return __atomic_load_n(&rings->engine->completion_tail, __ATOMIC_SEQ_CST) !=
         rings->completion_head;
}

bool pony_rings_arm(struct pony_rings* rings) {
  __atomic_store_n(&rings->app->want_event, 1, __ATOMIC_SEQ_CST);
  if (!pony_rings_have_events(rings)) return true;
  pony_rings_disarm(rings);
  return false;
}

void pony_rings_disarm(struct pony_rings* rings) {
  __atomic_store_n(&rings->app->want_event, 0, __ATOMIC_RELAXED);
}
