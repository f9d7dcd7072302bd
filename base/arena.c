// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE_MIN 1024
#define CHUNK_SIZE_MAX (256 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    max_align_t bytes[];
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*release)(void *what);
    void *what;
};

void arena_init(struct arena *arena, size_t used_max)
{
    *arena = (struct arena){.used_max = used_max};
}

void arena_fini(struct arena *arena)
{
    while (arena->deferred != NULL) {
        struct arena_deferred *deferred = arena->deferred;
        arena->deferred = deferred->next;
        deferred->release(deferred->what);
        free(deferred);
    }
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
    arena->used = arena->allocated = 0;
}

void arena_extend(struct arena *arena, size_t size)
{
    arena->used_max = arena->used_max > SIZE_MAX - size ? SIZE_MAX : arena->used_max + size;
}

// Chunks double, so that a small request costs one small allocation and a large one a few.
static struct arena_chunk *chunk_add(struct arena *arena, size_t size_needed)
{
    size_t size = arena->chunks ? arena->chunks->size * 2 : CHUNK_SIZE_MIN;
    if (size > CHUNK_SIZE_MAX)
        size = CHUNK_SIZE_MAX;
    if (size < size_needed)
        size = size_needed;
    struct arena_chunk *chunk = calloc(1, sizeof *chunk + size);
    if (chunk == NULL)
        return NULL;
    chunk->size = size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->allocated += size;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT)
        return NULL;
    size_t aligned = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (aligned == 0)
        aligned = ALIGNMENT;
    if (arena->used > arena->used_max || aligned > arena->used_max - arena->used)
        return NULL;
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || aligned > chunk->size - chunk->used) {
        chunk = chunk_add(arena, aligned);
        if (chunk == NULL)
            return NULL;
    }
    void *memory = (uint8_t *)chunk->bytes + chunk->used;
    chunk->used += aligned;
    arena->used += aligned;
    return memory;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(arena, total);
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *string = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (string != NULL)
        vsnprintf(string, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return string;
}

void arena_defer(struct arena *arena, void (*release)(void *what), void *what)
{
    struct arena_deferred *deferred = memory_alloc(sizeof *deferred);
    *deferred = (struct arena_deferred){arena->deferred, release, what};
    arena->deferred = deferred;
}
