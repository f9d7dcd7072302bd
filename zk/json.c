// SPDX-License-Identifier: Apache-2.0
#include "zk/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void json_put(struct json_writer *writer, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value))
        writer->failed = true;
}

void json_add(struct json_writer *writer, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value))
        writer->failed = true;
}

json_t *json_int_list(struct json_writer *writer, struct zk_int_list list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list.count; i++)
        json_add(writer, array, json_integer(list.items[i]));
    return array;
}

struct view json_print(struct json_writer *writer, struct arena *arena, json_t *root)
{
    char *text = writer->failed ? NULL : json_dumps(root, JSON_COMPACT);
    struct view view = text ? view_copy(arena, view_of_string(text)) : VIEW_NULL;

    free(text);
    json_decref(root);
    return view;
}

void json_fail(struct json_reader *reader)
{
    if (!reader->result)
        reader->result = ZK_BAD_DATA;
}

json_t *json_parse(struct json_reader *reader, struct view json)
{
    json_t *root = json.size > 0 ? json_loadb((const char *)json.data, json.size, 0, NULL) : NULL;

    if (!json_is_object(root)) {
        json_decref(root);
        root = NULL;
        json_fail(reader);
    }
    return root;
}

// The member, NULL (without failure) when it is missing or null.
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

int64_t json_get_int_or(struct json_reader *reader, const json_t *object, const char *key, int64_t min, int64_t max,
                        int64_t missing)
{
    return member(object, key) ? json_get_int(reader, object, key, min, max) : missing;
}

int64_t json_get_int(struct json_reader *reader, const json_t *object, const char *key, int64_t min, int64_t max)
{
    const json_t *value = member(object, key);
    int64_t number = json_integer_value(value);

    if (json_is_string(value)) {
        if (!json_parse_decimal(json_string_value(value), min, max, &number))
            json_fail(reader);
    } else if (!json_is_integer(value) || number < min || number > max) {
        json_fail(reader);
    }
    return reader->result ? 0 : number;
}

const char *json_copy_text(struct json_reader *reader, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = json_alloc(reader, size, 1);

    return copy ? memcpy(copy, text, size) : NULL;
}

const char *json_copy_string(struct json_reader *reader, const json_t *string)
{
    if (json_is_string(string))
        return json_copy_text(reader, json_string_value(string));
    json_fail(reader);
    return NULL;
}

const char *json_get_string(struct json_reader *reader, const json_t *object, const char *key)
{
    return json_copy_string(reader, member(object, key));
}

const char *json_get_string_or_null(struct json_reader *reader, const json_t *object, const char *key)
{
    return member(object, key) ? json_get_string(reader, object, key) : NULL;
}

const json_t *json_get_array(struct json_reader *reader, const json_t *object, const char *key)
{
    const json_t *value = member(object, key);

    if (json_is_array(value))
        return value;
    json_fail(reader);
    return NULL;
}

const json_t *json_get_object_or_null(struct json_reader *reader, const json_t *object, const char *key)
{
    const json_t *value = member(object, key);

    if (!value || json_is_object(value))
        return value;
    json_fail(reader);
    return NULL;
}

struct zk_int_list json_copy_ints(struct json_reader *reader, const json_t *array)
{
    struct zk_int_list list = {NULL, 0};

    if (!json_is_array(array)) {
        json_fail(reader);
        return list;
    }
    list.items = json_alloc(reader, json_array_size(array), sizeof *list.items);
    for (; list.items && list.count < json_array_size(array); list.count++) {
        const json_t *item = json_array_get(array, list.count);
        int64_t number = json_integer_value(item);

        if (!json_is_integer(item) || number < 0 || number > INT32_MAX) {
            json_fail(reader);
            break;
        }
        list.items[list.count] = (int32_t)number;
    }
    return list;
}

void *json_alloc(struct json_reader *reader, size_t count, size_t size)
{
    void *memory = reader->result ? NULL : arena_alloc_array(reader->arena, count, size);

    if (!memory && !reader->result)
        reader->result = ZK_TOO_LARGE;
    return memory;
}

bool json_parse_decimal(const char *text, int64_t min, int64_t max, int64_t *number)
{
    char *end;
    size_t digits = strspn(text + (*text == '-'), "0123456789");

    if (digits == 0 || text[(*text == '-') + digits])
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || value < min || value > max)
        return false;
    *number = value;
    return true;
}

size_t json_java_slot(const char *key, size_t count)
{
    uint32_t hash = 0;
    size_t slots = 16;

    for (; *key; key++)
        hash = 31 * hash + (uint8_t)*key;
    hash ^= hash >> 16;
    while (count >= slots / 4 * 3)
        slots *= 2;
    return hash & (slots - 1);
}
