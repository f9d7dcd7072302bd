// SPDX-License-Identifier: Apache-2.0
// A view: bytes that somebody else owns. A view of a receive buffer lives as long as the request that it came in;
// whoever keeps it longer copies it (view_copy, view_dup). Plain value, no locks.
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

// data == NULL is the protocol's null, which differs from an empty view (data != NULL, size 0).
struct view {
    const uint8_t *data;
    size_t size;
};

#define VIEW_NULL ((struct view){NULL, 0})
// printf helper: printf("%.*s", VIEW_ARGS(v)).
#define VIEW_ARGS(v) (int)(v).size, (v).data ? (const char *)(v).data : ""

static inline struct view view_of(const void *data, size_t size)
{
    return (struct view){(const uint8_t *)data, size};
}

// The bytes of a C string without its end; NULL gives the null view.
static inline struct view view_of_string(const char *string)
{
    return view_of(string, string ? strlen(string) : 0);
}

static inline bool view_is_null(struct view v)
{
    return v.data == NULL;
}

// Same bytes; null equals only null.
bool view_equal(struct view a, struct view b);
bool view_equal_string(struct view a, const char *string);

// Order of memcmp, a prefix first; null is the smallest.
int view_compare(struct view a, struct view b);

// Copies into the arena; null stays null. Returns a null view for a non-null one when the arena is at its maximum.
struct view view_copy(struct arena *arena, struct view v);

// As a C string in the arena, or NULL for the null view or when the arena is at its maximum.
char *view_to_string(struct arena *arena, struct view v);

// As a C string that the caller frees; NULL for the null view. Ends the process when memory is gone (base/memory.h).
char *view_dup(struct view v);

// For hash tables; not for anything that is written to disk or sent. Differs from process to process, so that nobody
// who chooses keys can make them collide.
uint64_t view_hash(struct view v);

#endif
