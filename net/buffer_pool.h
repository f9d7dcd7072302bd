// SPDX-License-Identifier: Apache-2.0
// Receive buffers, recycled: sizes are powers of two, what is kept for reuse is bounded and given back to the system
// once nobody used it for a while. Safe from every thread.
#ifndef NET_BUFFER_POOL_H
#define NET_BUFFER_POOL_H

#include <stddef.h>
#include <stdint.h>

struct buffer_pool;

struct buffer {
    uint8_t *bytes; // NULL: none
    size_t capacity;
};

#define BUFFER_NONE ((struct buffer){NULL, 0})

// kept_max: bytes at most that wait in the pool for reuse.
struct buffer_pool *buffer_pool_create(size_t kept_max);
void buffer_pool_destroy(struct buffer_pool **pool);

// A buffer of at least that size, not zeroed; BUFFER_NONE when the system has no memory left.
struct buffer buffer_pool_take(struct buffer_pool *pool, size_t size) __attribute__((warn_unused_result));

// BUFFER_NONE is fine.
void buffer_pool_give_back(struct buffer_pool *pool, struct buffer buffer);

// Frees what has not been needed since the last call.
void buffer_pool_trim(struct buffer_pool *pool);

#endif
