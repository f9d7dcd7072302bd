// SPDX-License-Identifier: Apache-2.0
// A hash table from bytes to a pointer. Keys are copied. The owner holds the lock that guards it.
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/view.h"

#include <stdbool.h>
#include <stddef.h>

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t slot_count; // a power of two, or 0
    size_t count;
};

#define MAP_EMPTY ((struct map){NULL, 0, 0})

// Frees the table; values are the caller's (map_each first).
void map_fini(struct map *map);

// The value of the key, or NULL.
void *map_get(const struct map *map, struct view key);

// Sets the value (not NULL) of the key and returns the one that it replaced, or NULL.
void *map_put(struct map *map, struct view key, void *value);

// Removes the key and returns its value, or NULL.
void *map_remove(struct map *map, struct view key);

// Walks all entries in no order: size_t at = 0; while (map_next(&map, &at, &key, &value)) …
// The map may not change meanwhile. key may be NULL.
bool map_next(const struct map *map, size_t *at, struct view *key, void **value);

// Keys that are integers.
#define MAP_KEY_OF(integer) view_of(&(integer), sizeof(integer))

#endif
