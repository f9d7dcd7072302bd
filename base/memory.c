// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory, size_t size)
{
    if (memory == NULL) {
        fprintf(stderr, "out of memory: %zu bytes could not be allocated; give the broker more memory\n", size);
        abort();
    }
    return memory;
}

void *memory_alloc(size_t size)
{
    return checked(calloc(1, size ? size : 1), size);
}

void *memory_alloc_array(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        count = size = 1;
    return checked(calloc(count, size), size);
}

void *memory_resize(void *memory, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return checked(NULL, SIZE_MAX);
    return checked(realloc(memory, total ? total : 1), total);
}

char *memory_copy_string(const char *string)
{
    return checked(strdup(string), strlen(string));
}

char *memory_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *string = NULL;
    if (vasprintf(&string, format, arguments) < 0)
        string = NULL;
    va_end(arguments);
    return checked(string, 0);
}
