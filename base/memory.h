// SPDX-License-Identifier: Apache-2.0
// Heap allocation that does not fail: for small things whose number the configuration bounds. When the system has no
// memory left the process ends with a message, and the log's recovery takes over at the next start. What a peer's
// bytes can size is allocated in an arena with a maximum instead (base/arena.h).
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

// Zeroed memory, to be given back with free().
void *memory_alloc(size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));

// Like memory_alloc for count elements; a product beyond SIZE_MAX ends the process.
void *memory_alloc_array(size_t count, size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));

// realloc for count elements; new bytes are not zeroed.
void *memory_resize(void *memory, size_t count, size_t size) __attribute__((returns_nonnull, warn_unused_result));

char *memory_copy_string(const char *string) __attribute__((malloc, returns_nonnull, warn_unused_result));

// printf into a new string.
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull, warn_unused_result));

#endif
