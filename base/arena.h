// SPDX-License-Identifier: Apache-2.0
// An arena: memory that is freed all at once, with a maximum that hostile input cannot exceed. One per request: it is
// freed after the last byte of the answer was sent. It may own references (arena_defer), released in reverse order
// when it is freed. Confined to one thread at a time; handing it on needs the happens-before of a queue or a lock.
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena_deferred;

struct arena {
    struct arena_chunk *chunks;      // newest first
    struct arena_deferred *deferred; // newest first
    size_t used;                     // bytes handed out
    size_t allocated;                // bytes taken from the heap
    size_t used_max;                 // arena_alloc fails beyond this
};

// Takes no memory yet. used_max: how many bytes may be handed out.
void arena_init(struct arena *arena, size_t used_max);

// Releases what was deferred, newest first, then all memory. The arena may be used again afterwards.
void arena_fini(struct arena *arena);

// Allows `size` bytes more: for an answer, whose room must not depend on what its request has used up.
void arena_extend(struct arena *arena, size_t size);

// Zeroed memory aligned for any type, or NULL beyond the maximum. Size 0 gives a valid pointer.
void *arena_alloc(struct arena *arena, size_t size) __attribute__((warn_unused_result));
void *arena_alloc_array(struct arena *arena, size_t count, size_t size) __attribute__((warn_unused_result));

// printf into the arena, or NULL beyond the maximum.
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Calls release(what) when the arena is freed. Memory for the note itself does not count against the maximum.
void arena_defer(struct arena *arena, void (*release)(void *what), void *what);

#endif
