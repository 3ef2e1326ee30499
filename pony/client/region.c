#include <errno.h>
#include <stdlib.h>

#include "pony/client/session.h"

enum { kUnit = 64, kSearch = 16 };
static const uint32_t kUsed = 0x80000000u;
static const uint32_t kNone = UINT32_MAX;

static unsigned bin_of(uint32_t units) { return 31u - (unsigned)__builtin_clz(units); }

static void mark(struct pony_region* region, uint32_t first, uint32_t units, uint32_t used) {
  region->unit[first].begins = units | used;
  region->unit[first + units - 1].ends = units | used;
}

static void unmark(struct pony_region* region, uint32_t first, uint32_t units) {
  region->unit[first].begins = 0;
  region->unit[first + units - 1].ends = 0;
}

static void add_free(struct pony_region* region, uint32_t first, uint32_t units) {
  mark(region, first, units, 0);
  uint32_t* head = &region->bins[bin_of(units)];
  region->unit[first].previous = kNone;
  region->unit[first].next = *head;
  if (*head != kNone) region->unit[*head].previous = first;
  *head = first;
}

static void take_free(struct pony_region* region, uint32_t first) {
  const struct pony_region_unit* block = &region->unit[first];
  const uint32_t units = block->begins;
  if (block->previous != kNone) {
    region->unit[block->previous].next = block->next;
  } else {
    region->bins[bin_of(units)] = block->next;
  }
  if (block->next != kNone) region->unit[block->next].previous = block->previous;
  unmark(region, first, units);
}

int pony_region_init(struct pony_region* region, void* base, size_t bytes) {
  const size_t units = bytes / kUnit;
  if ((uintptr_t)base % kUnit != 0 || units == 0 || units >= kUsed) return -EINVAL;
  region->base = base;
  region->bytes = bytes;
  region->units = (uint32_t)units;
  for (int bin = 0; bin < 32; ++bin) region->bins[bin] = kNone;
  region->unit = calloc(units, sizeof *region->unit);
  if (region->unit == NULL) return -ENOMEM;
  add_free(region, 0, region->units);
  return 0;
}

void pony_region_destroy(struct pony_region* region) {
  free(region->unit);
  region->unit = NULL;
}

/* A free block of at least `units`, or kNone. Any block of a higher bin will do; in the bin of
 * `units` itself only the first few are looked at while there is a higher one. */
static uint32_t find(const struct pony_region* region, uint32_t units) {
  const unsigned own = bin_of(units);
  uint32_t block = region->bins[own];
  for (int i = 0; i < kSearch && block != kNone; ++i, block = region->unit[block].next) {
    if (region->unit[block].begins >= units) return block;
  }
  for (unsigned bin = own + 1; bin < 32; ++bin) {
    if (region->bins[bin] != kNone) return region->bins[bin];
  }
  while (block != kNone && region->unit[block].begins < units) block = region->unit[block].next;
  return block;
}

void* pony_region_alloc(struct pony_region* region, size_t bytes) {
  if (bytes == 0) bytes = 1;
  if (bytes > region->bytes) return NULL;
  const uint32_t units = (uint32_t)((bytes + kUnit - 1) / kUnit);
  if (units > region->units) return NULL;
  const uint32_t first = find(region, units);
  if (first == kNone) return NULL;
  const uint32_t found = region->unit[first].begins;
  take_free(region, first);
  mark(region, first, units, kUsed);
  if (found > units) add_free(region, first + units, found - units);
  return region->base + (size_t)first * kUnit;
}

void pony_region_free(struct pony_region* region, void* memory) {
  if (memory == NULL) return;
  const uintptr_t offset = (uintptr_t)memory - (uintptr_t)region->base;
  if (offset % kUnit != 0 || offset / kUnit >= region->units) return;
  uint32_t first = (uint32_t)(offset / kUnit);
  if ((region->unit[first].begins & kUsed) == 0) return;
  uint32_t units = region->unit[first].begins & ~kUsed;
  unmark(region, first, units);
  const uint32_t after = first + units;
  if (after < region->units && (region->unit[after].begins & kUsed) == 0) {
    units += region->unit[after].begins;
    take_free(region, after);
  }
  if (first > 0 && (region->unit[first - 1].ends & kUsed) == 0) {
    const uint32_t before = region->unit[first - 1].ends;
    first -= before;
    units += before;
    take_free(region, first);
  }
  add_free(region, first, units);
}
