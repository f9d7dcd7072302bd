// SPDX-License-Identifier: Apache-2.0
#include "server/controller/broker_ids.h"

void broker_ids_fini(struct broker_ids *ids)
{
    array_fini(ids);
}

void broker_ids_append(struct broker_ids *ids, int32_t id)
{
    *array_append(ids) = id;
}

bool broker_ids_add(struct broker_ids *ids, int32_t id)
{
    if (broker_ids_contain(ids, id))
        return false;
    broker_ids_append(ids, id);
    return true;
}

bool broker_ids_remove(struct broker_ids *ids, int32_t id)
{
    size_t kept = 0;
    for (size_t i = 0; i < ids->count; i++) {
        if (ids->items[i] != id)
            ids->items[kept++] = ids->items[i];
    }
    bool removed = kept < ids->count;
    ids->count = kept;
    return removed;
}

bool broker_ids_contain(const struct broker_ids *ids, int32_t id)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (ids->items[i] == id)
            return true;
    }
    return false;
}

void broker_ids_assign(struct broker_ids *to, const int32_t *ids, size_t count)
{
    to->count = 0;
    for (size_t i = 0; i < count; i++)
        broker_ids_append(to, ids[i]);
}

void broker_ids_copy(struct broker_ids *to, const struct broker_ids *from)
{
    if (to != from)
        broker_ids_assign(to, from->items, from->count);
}
