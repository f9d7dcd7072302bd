// SPDX-License-Identifier: Apache-2.0
#include "log/text_lines.h"

#include <string.h>

static bool take_until(struct view *text, uint8_t end, struct view *part)
{
    if (text->size == 0)
        return false;
    const uint8_t *found = memchr(text->data, end, text->size);
    size_t size = found ? (size_t)(found - text->data) : text->size;
    size_t taken = found ? size + 1 : size;
    *part = view_of(text->data, size);
    *text = view_of(text->data + taken, text->size - taken);
    return true;
}

bool text_next_line(struct view *text, struct view *line)
{
    if (!take_until(text, '\n', line))
        return false;
    if (line->size > 0 && line->data[line->size - 1] == '\r')
        line->size--;
    return true;
}

bool text_next_word(struct view *line, struct view *word)
{
    do {
        if (!take_until(line, ' ', word))
            return false;
    } while (word->size == 0);
    return true;
}

bool text_number(struct view word, int64_t min, int64_t max, int64_t *number)
{
    bool negative = word.size > 0 && word.data[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == word.size)
        return false;
    uint64_t value = 0;
    for (; at < word.size; at++) {
        uint8_t digit = (uint8_t)(word.data[at] - '0');
        if (digit > 9 || value > (INT64_MAX - (uint64_t)digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    int64_t result = negative ? -(int64_t)value : (int64_t)value;
    if (result < min || result > max)
        return false;
    *number = result;
    return true;
}

bool text_ends_with(const char *text, const char *suffix)
{
    size_t size = strlen(text), suffix_size = strlen(suffix);
    return size >= suffix_size && memcmp(text + size - suffix_size, suffix, suffix_size) == 0;
}
