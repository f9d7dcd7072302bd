// SPDX-License-Identifier: Apache-2.0
// Reads golden data: files of one JSON object a line, with bytes in hex.
#ifndef TEST_UNIT_GOLDEN_H
#define TEST_UNIT_GOLDEN_H

#include "base/memory.h"

#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The next line's object (json_decref it), or NULL at the end.
static inline json_t *golden_next(FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = getline(&line, &capacity, file);
    json_t *object = length > 0 ? json_loadb(line, (size_t)length, JSON_DECODE_ANY, NULL) : NULL;
    free(line);
    CU_ASSERT_TRUE_FATAL(length <= 0 || object != NULL);
    return object;
}

static inline FILE *golden_open(const char *name)
{
    char *path = memory_format("%s/golden/%s", TEST_DATA_DIR, name);
    FILE *file = fopen(path, "r");
    free(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    return file;
}

static inline int64_t golden_integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    CU_ASSERT_TRUE_FATAL(json_is_integer(value));
    return json_integer_value(value);
}

static inline const char *golden_string(const json_t *object, const char *key)
{
    const char *string = json_string_value(json_object_get(object, key));
    return string;
}

// Hex as new memory (free() it); NULL for NULL.
static inline uint8_t *golden_bytes(const char *hex, size_t *size)
{
    *size = 0;
    if (hex == NULL)
        return NULL;
    *size = strlen(hex) / 2;
    uint8_t *bytes = memory_alloc(*size + 1);
    for (size_t i = 0; i < *size; i++) {
        unsigned byte;
        CU_ASSERT_EQUAL_FATAL(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    return bytes;
}

#endif
