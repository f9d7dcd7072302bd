// SPDX-License-Identifier: Apache-2.0
#include "net/tls/key_choice.h"

#include <openssl/evp.h>

// Java's String.hashCode for an alias in UTF-8. Beyond ASCII its units are UTF-16: taken for the characters below
// U+0800, which is what aliases are made of; others only make another order.
static uint32_t java_hash(const char *alias)
{
    uint32_t hash = 0;
    for (const uint8_t *at = (const uint8_t *)alias; *at != '\0'; at++) {
        uint32_t unit = *at;
        if ((unit & 0xE0) == 0xC0 && (at[1] & 0xC0) == 0x80) {
            at++;
            unit = (unit & 0x1F) << 6 | (*at & 0x3F);
        }
        hash = 31 * hash + unit;
    }
    return hash;
}

static bool is_candidate(const struct store_entry *entry)
{
    return !entry->is_trusted && entry->key != NULL && sk_X509_num(entry->certificates) > 0;
}

static int algorithm_rank(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        return 0;
    case EVP_PKEY_RSA:
        return 1;
    default:
        return 2;
    }
}

bool key_choice(const struct store *store, size_t *index)
{
    size_t count = 0;
    uint32_t bucket_count = 16, best_bucket = 0;
    int best_rank = 0;
    bool is_found = false;
    for (size_t i = 0; i < store->count; i++)
        count += is_candidate(&store->entries[i]);
    // A HashMap doubles when it is more than three quarters full.
    while (count > (size_t)bucket_count * 3 / 4)
        bucket_count *= 2;
    for (size_t i = 0; i < store->count; i++) {
        if (!is_candidate(&store->entries[i]))
            continue;
        uint32_t hash = java_hash(store->entries[i].alias), bucket = (hash ^ hash >> 16) & (bucket_count - 1);
        int rank = algorithm_rank(store->entries[i].key);
        if (!is_found || rank < best_rank || (rank == best_rank && bucket < best_bucket)) {
            is_found = true;
            best_rank = rank;
            best_bucket = bucket;
            *index = i;
        }
    }
    return is_found;
}
