// SPDX-License-Identifier: Apache-2.0
// The stores of test/golden/tls (made by make_stores.sh there).
#ifndef TEST_UNIT_NET_TLS_STORES_H
#define TEST_UNIT_NET_TLS_STORES_H

#include "base/file.h"
#include "base/memory.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>

#define STORE_SECRET "store-secret"
#define KEY_SECRET "key-secret"
#define BEYOND_ASCII "p\xc3\xa4ssw\xc3\xb6rd\xe2\x82\xac\xf0\x9f\x94\x91"

// free() it.
static inline char *store_path(const char *name)
{
    return memory_format("%s/golden/tls/%s", TEST_DATA_DIR, name);
}

// free() it; ends with a zero.
static inline char *store_bytes(const char *name, size_t *size)
{
    char *path = store_path(name), *bytes = NULL;
    CU_ASSERT_EQUAL_FATAL(file_read_whole(path, SIZE_MAX, &bytes, size), 0);
    free(path);
    return bytes;
}

#endif
