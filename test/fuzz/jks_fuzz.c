// SPDX-License-Identifier: Apache-2.0
// JKS files. The first byte: 0 without a password, so that no digest stands in the way; 1 with one ("store-secret")
// that is checked and opens keys; 2 with one that only opens keys.
#include "net/tls/jks.h"
#include "test/fuzz/store_reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct store store = {0};
    struct store_reading reading =
        store_reading_of(view_of(data + 1, size - 1), data[0] % 3 == 0 ? NULL : "store-secret");
    if (data[0] % 3 == 2)
        reading.password = NULL;
    store_reading_check(&reading, jks_read(&reading, &store));
    store_fini(&store);
    return 0;
}
