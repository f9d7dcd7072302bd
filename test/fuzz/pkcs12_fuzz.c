// SPDX-License-Identifier: Apache-2.0
// PKCS12 files and their passwords. The first byte is the length of the password that follows (255: none), then the
// file.
#include "base/memory.h"
#include "net/tls/pkcs12.h"
#include "test/fuzz/store_reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NO_PASSWORD = 255 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = size > 0 && data[0] != NO_PASSWORD ? data[0] : 0;
    if (size < 1 + length)
        return 0;
    char *password = data[0] != NO_PASSWORD ? memory_format("%.*s", (int)length, (const char *)data + 1) : NULL;
    struct store store = {0};
    struct store_reading reading = store_reading_of(view_of(data + 1 + length, size - 1 - length), password);
    store_reading_check(&reading, pkcs12_read(&reading, &store));
    store_fini(&store);
    free(password);
    return 0;
}
