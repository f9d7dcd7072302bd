// SPDX-License-Identifier: Apache-2.0
#include "net/buffer_pool.h"

#include "base/lock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    CLASS_SIZE_SHIFT = 10, // the smallest buffer: 1 kB
    CLASS_COUNT = 22,      // the largest: 2 GB
};

// From here on buffers are mapped: pages that no byte arrived in cost nothing, and go back to the system one by one.
#define MAPPED_SIZE_MIN ((size_t)256 * 1024)

// Lies in the kept buffer itself.
struct kept {
    struct kept *next;
};

struct size_class {
    struct kept *first;
    size_t count;
    size_t count_min; // fewest that were kept at any time since the last trim: nobody needed those
};

// Guarded by its lock.
struct buffer_pool {
    struct lock lock;
    size_t kept_max;
    size_t kept_size LOCK_GUARDED;
    struct size_class classes[CLASS_COUNT] LOCK_GUARDED;
};

static size_t class_of_size(size_t size)
{
    size_t class = 0;
    while (class < CLASS_COUNT && ((size_t)1 << (class + CLASS_SIZE_SHIFT)) < size)
        class ++;
    return class;
}

static uint8_t *buffer_allocate(size_t capacity)
{
    if (capacity < MAPPED_SIZE_MIN)
        return malloc(capacity);
    void *memory = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void buffer_free(void *bytes, size_t capacity)
{
    if (capacity < MAPPED_SIZE_MIN)
        free(bytes);
    else
        munmap(bytes, capacity);
}

struct buffer_pool *buffer_pool_create(size_t kept_max)
{
    struct buffer_pool *pool = memory_alloc(sizeof *pool);
    lock_init(&pool->lock, LOCK_BUFFER_POOL);
    pool->kept_max = kept_max;
    return pool;
}

// Takes up to count buffers of the class out of the pool, linked.
static struct kept *class_take(struct buffer_pool *pool, size_t class, size_t count) LOCK_REQUIRES(pool->lock)
{
    struct size_class *from = &pool->classes[class];
    struct kept *taken = NULL;
    for (; count > 0 && from->first != NULL; count--) {
        struct kept *kept = from->first;
        from->first = kept->next;
        from->count--;
        pool->kept_size -= (size_t)1 << (class + CLASS_SIZE_SHIFT);
        kept->next = taken;
        taken = kept;
    }
    if (from->count < from->count_min)
        from->count_min = from->count;
    return taken;
}

static void kept_free(struct kept *kept, size_t class)
{
    while (kept != NULL) {
        struct kept *next = kept->next;
        buffer_free(kept, (size_t)1 << (class + CLASS_SIZE_SHIFT));
        kept = next;
    }
}

void buffer_pool_destroy(struct buffer_pool **pool)
{
    if (*pool == NULL)
        return;
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        lock_acquire(&(*pool)->lock);
        struct kept *kept = class_take(*pool, class, SIZE_MAX);
        lock_release(&(*pool)->lock);
        kept_free(kept, class);
    }
    lock_fini(&(*pool)->lock);
    free(*pool);
    *pool = NULL;
}

struct buffer buffer_pool_take(struct buffer_pool *pool, size_t size)
{
    size_t class = class_of_size(size);
    if (class == CLASS_COUNT)
        return BUFFER_NONE;
    lock_acquire(&pool->lock);
    struct kept *kept = class_take(pool, class, 1);
    lock_release(&pool->lock);
    struct buffer buffer = {(uint8_t *)kept, (size_t)1 << (class + CLASS_SIZE_SHIFT)};
    if (buffer.bytes == NULL)
        buffer.bytes = buffer_allocate(buffer.capacity);
    return buffer.bytes ? buffer : BUFFER_NONE;
}

void buffer_pool_give_back(struct buffer_pool *pool, struct buffer buffer)
{
    if (buffer.bytes == NULL)
        return;
    size_t class = class_of_size(buffer.capacity);
    lock_acquire(&pool->lock);
    bool keeps = buffer.capacity <= pool->kept_max - pool->kept_size;
    if (keeps) {
        struct kept *kept = (struct kept *)(void *)buffer.bytes;
        struct size_class *to = &pool->classes[class];
        kept->next = to->first;
        to->first = kept;
        to->count++;
        pool->kept_size += buffer.capacity;
    }
    lock_release(&pool->lock);
    if (!keeps)
        buffer_free(buffer.bytes, buffer.capacity);
}

void buffer_pool_trim(struct buffer_pool *pool)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        lock_acquire(&pool->lock);
        struct size_class *from = &pool->classes[class];
        struct kept *kept = class_take(pool, class, from->count_min);
        from->count_min = from->count;
        lock_release(&pool->lock);
        kept_free(kept, class);
    }
}
