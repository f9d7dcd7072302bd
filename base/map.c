// SPDX-License-Identifier: Apache-2.0
// Open addressing with linear probing; removal shifts the following run back, so there are no tombstones.
#include "base/map.h"

#include "base/memory.h"

#include <stdlib.h>

#define SLOT_COUNT_MIN 8

struct map_slot {
    uint64_t hash;
    size_t key_size;
    uint8_t *key; // NULL: free
    void *value;
};

static size_t slot_find(const struct map *map, struct view key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    size_t i = hash & mask;
    while (map->slots[i].key != NULL) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->hash == hash && slot->key_size == key.size && memcmp(slot->key, key.data, key.size) == 0)
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static void map_grow(struct map *map)
{
    struct map old = *map;
    map->slot_count = old.slot_count ? old.slot_count * 2 : SLOT_COUNT_MIN;
    map->slots = memory_alloc_array(map->slot_count, sizeof *map->slots);
    for (size_t i = 0; i < old.slot_count; i++) {
        if (old.slots[i].key == NULL)
            continue;
        size_t to = old.slots[i].hash & (map->slot_count - 1);
        while (map->slots[to].key != NULL)
            to = (to + 1) & (map->slot_count - 1);
        map->slots[to] = old.slots[i];
    }
    free(old.slots);
}

void map_fini(struct map *map)
{
    for (size_t i = 0; i < map->slot_count; i++)
        free(map->slots[i].key);
    free(map->slots);
    *map = MAP_EMPTY;
}

void *map_get(const struct map *map, struct view key)
{
    if (map->count == 0)
        return NULL;
    return map->slots[slot_find(map, key, view_hash(key))].value;
}

void *map_put(struct map *map, struct view key, void *value)
{
    if (map->slot_count == 0 || (map->count + 1) * 4 > map->slot_count * 3)
        map_grow(map);
    uint64_t hash = view_hash(key);
    struct map_slot *slot = &map->slots[slot_find(map, key, hash)];
    void *before = slot->value;
    if (slot->key == NULL) {
        slot->hash = hash;
        slot->key_size = key.size;
        slot->key = memory_alloc(key.size);
        if (key.size > 0)
            memcpy(slot->key, key.data, key.size);
        map->count++;
    }
    slot->value = value;
    return before;
}

void *map_remove(struct map *map, struct view key)
{
    if (map->count == 0)
        return NULL;
    size_t hole = slot_find(map, key, view_hash(key));
    if (map->slots[hole].key == NULL)
        return NULL;
    void *value = map->slots[hole].value;
    free(map->slots[hole].key);
    size_t mask = map->slot_count - 1;
    for (size_t i = (hole + 1) & mask; map->slots[i].key != NULL; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        bool may_move = ((i - home) & mask) >= ((i - hole) & mask);
        if (may_move) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct map_slot){0};
    map->count--;
    return value;
}

bool map_next(const struct map *map, size_t *at, struct view *key, void **value)
{
    for (; *at < map->slot_count; (*at)++) {
        const struct map_slot *slot = &map->slots[*at];
        if (slot->key == NULL)
            continue;
        if (key != NULL)
            *key = view_of(slot->key, slot->key_size);
        *value = slot->value;
        (*at)++;
        return true;
    }
    return false;
}
