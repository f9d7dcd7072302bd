// SPDX-License-Identifier: Apache-2.0
#include "rules/topic_name.h"

#include "base/memory.h"

static bool is_legal(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

char *topic_name_check(struct view name)
{
    if (name.size == 0)
        return memory_copy_string("Topic name is invalid: the empty string is not allowed");
    if (view_equal_string(name, "."))
        return memory_copy_string("Topic name is invalid: '.' is not allowed");
    if (view_equal_string(name, ".."))
        return memory_copy_string("Topic name is invalid: '..' is not allowed");
    if (name.size > TOPIC_NAME_SIZE_MAX)
        return memory_format("Topic name is invalid: the length of '%.*s' is longer than the max allowed length %d",
                             VIEW_ARGS(name), TOPIC_NAME_SIZE_MAX);
    for (size_t i = 0; i < name.size; i++) {
        if (!is_legal(name.data[i]))
            return memory_format("Topic name is invalid: '%.*s' contains one or more characters other than ASCII "
                                 "alphanumerics, '.', '_' and '-'",
                                 VIEW_ARGS(name));
    }
    return NULL;
}

bool topic_name_is_valid(struct view name)
{
    if (name.size == 0 || name.size > TOPIC_NAME_SIZE_MAX || view_equal_string(name, ".") ||
        view_equal_string(name, ".."))
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (!is_legal(name.data[i]))
            return false;
    }
    return true;
}

bool topic_name_is_internal(struct view name)
{
    return view_equal_string(name, TOPIC_NAME_OFFSETS) || view_equal_string(name, TOPIC_NAME_TRANSACTIONS);
}

bool topic_name_has_collision_chars(struct view name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '.' || name.data[i] == '_')
            return true;
    }
    return false;
}

bool topic_name_collides(struct view a, struct view b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        uint8_t x = a.data[i] == '.' ? '_' : a.data[i], y = b.data[i] == '.' ? '_' : b.data[i];
        if (x != y)
            return false;
    }
    return true;
}
