// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/message_random.h"

#include "net/protocol/schema.h"

#include <string.h>

enum { ITEMS_MAX = 3, STRING_MAX = 20, LONG_STRING_MAX = 2000 };

struct items {
    void *items;
    int32_t count;
};

uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15U;
    uint64_t value = *state;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    return value ^ value >> 31;
}

// Small numbers, extremes and anything.
static int64_t random_integer(uint64_t *state, unsigned bits)
{
    uint64_t value = random_next(state);
    switch (random_next(state) % 4) {
    case 0:
        return (int64_t)(value % 4) - 1;
    case 1:
        return value % 2 ? INT64_MAX >> (64 - bits) : INT64_MIN >> (64 - bits);
    default:
        return (int64_t)value >> (64 - bits);
    }
}

static struct view random_bytes(uint64_t *state, struct arena *arena, bool nullable)
{
    if (nullable && random_next(state) % 4 == 0)
        return VIEW_NULL;
    size_t size = random_next(state) % (random_next(state) % 16 == 0 ? LONG_STRING_MAX : STRING_MAX);
    uint8_t *bytes = arena_alloc(arena, size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(state);
    return view_of(bytes, size);
}

static void random_array(const struct message_field *field, int16_t version, uint64_t *state, struct arena *arena,
                         bool nullable, void *array)
{
    struct items *items = array;
    if (nullable && random_next(state) % 4 == 0) {
        *items = (struct items){NULL, -1};
        return;
    }
    items->count = (int32_t)(random_next(state) % (ITEMS_MAX + 1));
    int32_t *ints = items->items = arena_alloc(arena, (size_t)items->count * sizeof(struct view));
    int64_t *longs = items->items;
    struct view *strings = items->items;
    if (field->type == FIELD_STRUCT_ARRAY)
        items->items = message_alloc_array(arena, field->schema, items->count);
    for (int32_t i = 0; i < items->count; i++) {
        if (field->type == FIELD_INT32_ARRAY)
            ints[i] = (int32_t)random_integer(state, 32);
        else if (field->type == FIELD_INT64_ARRAY)
            longs[i] = random_integer(state, 64);
        else if (field->type == FIELD_STRING_ARRAY)
            strings[i] = random_bytes(state, arena, false);
        else
            message_random(field->schema, version, state, arena,
                           (uint8_t *)items->items + (size_t)i * field->schema->size);
    }
}

static void random_field(const struct message_field *field, int16_t version, uint64_t *state, struct arena *arena,
                         uint8_t *message)
{
    void *value = message + field->offset;
    bool nullable = version >= field->nullable_min && version <= field->nullable_max;
    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        *(bool *)value = random_next(state) % 2;
        break;
    case FIELD_INT8:
        *(int8_t *)value = (int8_t)random_integer(state, 8);
        break;
    case FIELD_INT16:
        *(int16_t *)value = (int16_t)random_integer(state, 16);
        break;
    case FIELD_INT32:
        *(int32_t *)value = (int32_t)random_integer(state, 32);
        break;
    case FIELD_INT64:
        *(int64_t *)value = random_integer(state, 64);
        break;
    case FIELD_FLOAT64:
        *(double *)value = (double)random_integer(state, 64) / 3;
        break;
    case FIELD_UUID:
        for (size_t i = 0; i < sizeof(struct uuid); i++)
            ((struct uuid *)value)->bytes[i] = (uint8_t)random_next(state);
        break;
    case FIELD_STRING:
    case FIELD_BYTES:
        *(struct view *)value = random_bytes(state, arena, nullable);
        break;
    case FIELD_RECORDS:
        *(struct records *)value = (struct records){.bytes = random_bytes(state, arena, nullable)};
        break;
    case FIELD_STRUCT:
        if (nullable && random_next(state) % 4 == 0) {
            *(bool *)(message + field->is_null_offset) = true;
            break;
        }
        if (nullable)
            *(bool *)(message + field->is_null_offset) = false;
        message_random(field->schema, version, state, arena, value);
        break;
    case FIELD_INT32_ARRAY:
    case FIELD_INT64_ARRAY:
    case FIELD_STRING_ARRAY:
    case FIELD_STRUCT_ARRAY:
        random_array(field, version, state, arena, nullable, value);
        break;
    }
}

void message_random(const struct message_schema *schema, int16_t version, uint64_t *state, struct arena *arena,
                    void *message)
{
    message_init(schema, message);
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct message_field *field = &schema->fields[i];
        if (version >= field->version_min && version <= field->version_max)
            random_field(field, version, state, arena, message);
    }
}
