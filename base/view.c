// SPDX-License-Identifier: Apache-2.0
#include "base/view.h"

#include "base/arena.h"
#include "base/memory.h"

bool view_equal(struct view a, struct view b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

bool view_equal_string(struct view a, const char *string)
{
    return view_equal(a, view_of_string(string));
}

int view_compare(struct view a, struct view b)
{
    if (a.data == NULL || b.data == NULL)
        return (a.data != NULL) - (b.data != NULL);
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

struct view view_copy(struct arena *arena, struct view v)
{
    char *copy = view_to_string(arena, v);
    return copy ? view_of(copy, v.size) : VIEW_NULL;
}

char *view_to_string(struct arena *arena, struct view v)
{
    if (v.data == NULL || v.size == SIZE_MAX)
        return NULL;
    char *string = arena_alloc(arena, v.size + 1);
    if (string != NULL)
        memcpy(string, v.data, v.size);
    return string;
}

char *view_dup(struct view v)
{
    if (v.data == NULL)
        return NULL;
    char *string = memory_alloc(v.size + 1);
    memcpy(string, v.data, v.size);
    return string;
}

uint64_t view_hash(struct view v)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < v.size; i++)
        hash = (hash ^ v.data[i]) * 1099511628211u;
    return hash;
}
