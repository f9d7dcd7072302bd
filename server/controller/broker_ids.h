// SPDX-License-Identifier: Apache-2.0
// A list of broker ids in an order that matters: assigned replicas (the first is the preferred leader), an ISR. Owned
// by whoever holds the struct; plain heap memory, no locks.
#ifndef SERVER_CONTROLLER_BROKER_IDS_H
#define SERVER_CONTROLLER_BROKER_IDS_H

#include "base/array.h"

#include <stdbool.h>
#include <stdint.h>

struct broker_ids {
    ARRAY_OF(int32_t);
};

void broker_ids_fini(struct broker_ids *ids);
void broker_ids_append(struct broker_ids *ids, int32_t id);

// Appends the id unless it is there. Returns whether it was appended.
bool broker_ids_add(struct broker_ids *ids, int32_t id);

// Removes every occurrence, keeps the order of the others. Returns whether there was one.
bool broker_ids_remove(struct broker_ids *ids, int32_t id);
bool broker_ids_contain(const struct broker_ids *ids, int32_t id);

// Replaces the ids of `to` by count ids.
void broker_ids_assign(struct broker_ids *to, const int32_t *ids, size_t count);

// Replaces the ids of `to` by those of `from`.
void broker_ids_copy(struct broker_ids *to, const struct broker_ids *from);

#endif
