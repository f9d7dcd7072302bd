// SPDX-License-Identifier: Apache-2.0
// A growable array: struct { TYPE *items; size_t count, capacity; }. The owner holds the lock that guards it.
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include "base/memory.h"

#include <stdlib.h>

// Declares the fields: struct names { ARRAY_OF(char *); };
#define ARRAY_OF(type)                                                                                                 \
    type *items;                                                                                                       \
    size_t count, capacity

// Room for one more at the end, as an lvalue: *array_append(&names) = name; (the new element is not zeroed).
#define array_append(array)                                                                                            \
    ((array)->count == (array)->capacity                                                                               \
         ? ((array)->capacity = (array)->capacity ? (array)->capacity * 2 : 4,                                         \
            (array)->items = memory_resize((array)->items, (array)->capacity, sizeof *(array)->items))                 \
         : (array)->items,                                                                                             \
     &(array)->items[(array)->count++])

// Frees the array; what its elements own is the caller's.
#define array_fini(array) (free((array)->items), (array)->items = NULL, (array)->count = (array)->capacity = 0)

#endif
