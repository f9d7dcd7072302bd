// SPDX-License-Identifier: Apache-2.0
#include "server/controller/state_store.h"

struct leadership_item *leadership_items_add(struct leadership_items *items, struct controlled_partition *partition)
{
    struct leadership_item *item = array_append(items);
    *item = (struct leadership_item){.partition = partition};
    return item;
}

void leadership_items_fini(struct leadership_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        leadership_fini(&items->items[i].leadership);
    array_fini(items);
}
