// SPDX-License-Identifier: Apache-2.0
#include "net/protocol/message.h"

#include "net/protocol/schema.h"

#include <string.h>

void message_init(const struct message_schema *schema, void *message)
{
    memcpy(message, schema->defaults, schema->size);
}

void *message_alloc_array(struct arena *arena, const struct message_schema *schema, int32_t count)
{
    uint8_t *items = count < 0 ? NULL : arena_alloc_array(arena, (size_t)count, schema->size);
    for (int32_t i = 0; items != NULL && i < count; i++)
        memcpy(items + (size_t)i * schema->size, schema->defaults, schema->size);
    return items;
}
